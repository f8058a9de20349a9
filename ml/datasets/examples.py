"""A picture and what people say of it: what every data set consists of, and how any of them is read."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ml.errors import DatasetError

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")


@dataclass(frozen=True)
class Example:
    """A picture and its captions, as people wrote them."""

    path: Path
    captions: tuple[str, ...]
    source: str = ""  #: where it comes from: the picture's address, or the name of the set that it was taken from
    licence: str = ""  #: the terms under which it may be used, as far as they are known
    category: str = ""  #: a group of pictures to report apart, such as the query that found it


def read(root: Path, split: Split) -> Iterator[Example]:
    """The examples of a split of any data set, in its own order: an image folder, or Flickr8k in its usual layout.

    Streams: nothing is held but the row at hand. Raises DatasetError where it is neither, or the split is empty.
    """
    from ml.datasets import flickr8k, imagefolder

    examples = flickr8k.read(root, split) if flickr8k.is_here(root) else imagefolder.read(root, split)
    example = None
    for example in examples:
        yield example
    if example is None:
        raise DatasetError(f"The {split} split of {root} holds no picture.")


def splits(root: Path) -> list[Split]:
    """The splits of a data set that hold a picture. Raises DatasetError where there is none."""
    from ml.datasets import flickr8k, imagefolder

    if flickr8k.is_here(root):
        return list(SPLITS)
    found = imagefolder.splits(root)
    if not found:
        raise DatasetError(f"{root} is no data set: neither an image folder nor Flickr8k in its usual layout.")
    filled = [split for split in found if any(True for _ in imagefolder.rows(root, split))]
    if not filled:
        raise DatasetError(f"{root} holds no picture.")
    return filled
