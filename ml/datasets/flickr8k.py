"""Flickr8k in its usual layout: a folder of photos, a list of captions, three lists of photos.

Hodosh, Young and Hockenmaier 2013, https://doi.org/10.1613/jair.3994. For research and education; the photos belong to
their Flickr authors.
"""

from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tqdm import tqdm

from ml.datasets import imagefolder
from ml.datasets.examples import SPLITS, Example, Split
from ml.errors import DatasetError

SOURCE = "Flickr8k"
LICENCE = "research and education only; the photos belong to their Flickr authors"
_CAPTIONS = "Flickr8k.token.txt"
_PHOTOS = "Flicker8k_Dataset"


def is_here(root: Path) -> bool:
    """Whether a folder looks like Flickr8k in its usual layout."""
    return (root / _CAPTIONS).exists() or (root / _PHOTOS).exists()


def read(root: Path, split: Split) -> Iterator[Example]:
    """The examples of a split in the order of its file list. Raises DatasetError where the layout differs."""
    captions: defaultdict[str, list[str]] = defaultdict(list)
    try:
        for number, line in enumerate((root / _CAPTIONS).read_text(encoding="utf-8").split("\n"), 1):
            key, tab, caption = line.partition("\t")
            if caption.strip():
                captions[key.partition("#")[0]].append(caption.strip())
            elif line.strip() and not tab:
                raise DatasetError(f"{root / _CAPTIONS}, line {number} is not `photo#number<TAB>caption`.")
        names = (root / f"Flickr_8k.{split}Images.txt").read_text(encoding="utf-8").split()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(f"{error.filename} is missing: {root} is not Flickr8k in its usual layout.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"The lists of {root} are not text in UTF-8.") from error
    for name in names:
        if name not in captions:
            raise DatasetError(f"{name} of the {split} split has no caption in {root / _CAPTIONS}.")
        yield Example(root / _PHOTOS / name, tuple(captions[name]), SOURCE, LICENCE)


def convert(root: Path, output: Path) -> dict[Split, int]:
    """Copy all splits to an image folder; goes on where an earlier call was stopped.

    Returns how many pictures each split has. Raises DatasetError where the layout differs or a photo is missing.
    """
    counts: dict[Split, int] = {}
    for split in SPLITS:
        examples = list(read(root, split))
        with imagefolder.Writer(output, split) as writer:
            for example in tqdm(examples, desc=split, unit="photo"):
                if example.path.name not in writer.names:
                    writer.add(
                        example.path.name,
                        _photo(example.path),
                        captions=example.captions,
                        source=example.source,
                        licence=example.licence,
                    )
            counts[split] = len(writer.names)
    return counts


def _photo(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except FileNotFoundError as error:
        raise DatasetError(f"{path} is missing: the copy of Flickr8k is not complete.") from error
