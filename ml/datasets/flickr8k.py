"""Reader of Flickr8k in its usual layout (Hodosh et al. 2013, https://doi.org/10.1613/jair.3994).

`Flicker8k_Dataset/*.jpg`, `Flickr8k.token.txt` (5 captions a photo), `Flickr_8k.{train,dev,test}Images.txt`.
For research and education; the photos belong to their authors.
"""

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ml.errors import DatasetError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Example:
    """A photo and its captions, as people wrote them."""

    path: Path
    captions: tuple[str, ...]


def read(root: Path, split: Split) -> list[Example]:
    """The examples of a split in the order of its file list. Raises DatasetError where the layout differs."""
    captions: defaultdict[str, list[str]] = defaultdict(list)
    try:
        for line in (root / "Flickr8k.token.txt").read_text(encoding="utf-8").splitlines():
            key, _, caption = line.partition("\t")
            captions[key.partition("#")[0]].append(caption.strip())
        names = (root / f"Flickr_8k.{split}Images.txt").read_text(encoding="utf-8").split()
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(f"{error.filename} is missing: {root} is not Flickr8k in its usual layout.") from error
    if not names:
        raise DatasetError(f"The {split} split of {root} lists no photo.")
    return [Example(root / "Flicker8k_Dataset" / name, tuple(captions[name])) for name in names]
