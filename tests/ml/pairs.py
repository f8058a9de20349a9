"""Small data sets of pictures with captions, written as image folders."""

import io
import zlib
from collections.abc import Iterable
from pathlib import Path

import numpy as np
from PIL import Image as PILImage
from PIL import ImageDraw

from ml.datasets.examples import Split
from ml.datasets.imagefolder import Writer

COLOURS = ("red", "green", "blue", "yellow", "white", "purple")
SHAPES = ("circle", "square", "bar")
GROUNDS = ("black", "gray")
KINDS = [(colour, shape, ground) for colour in COLOURS for shape in SHAPES for ground in GROUNDS]
"""The 36 things that a picture of `shapes` may show; kinds are what a network can learn, not single pictures."""


def shapes(root: Path, *, train: int = 10, dev: int = 1) -> Path:
    """Coloured shapes of any size and place: `train` and `dev` pictures of each kind, two captions each."""
    random = np.random.default_rng(0)
    splits: dict[Split, int] = {"train": train, "dev": dev}
    for split, count in splits.items():
        write(root, split, ((_shape(kind, random), _captions(kind)) for _ in range(count) for kind in KINDS))
    return root


def patterns(root: Path, captions: list[str]) -> Path:
    """A pattern of its own for each caption; train and dev are the same, to be learnt by heart."""
    random = np.random.default_rng(0)
    spots = [random.integers(0, 256, (4, 4, 3), dtype=np.uint8) for _ in captions]
    pictures = [PILImage.fromarray(spot).resize((44, 40), PILImage.Resampling.BICUBIC) for spot in spots]
    for split in ("train", "dev"):
        write(root, split, zip(pictures, ((caption,) for caption in captions), strict=True))
    return root


def write(root: Path, split: Split, pairs: Iterable[tuple[PILImage.Image, tuple[str, ...]]]) -> None:
    """Write a split of an image folder."""
    with Writer(root, split) as writer:
        for number, (picture, captions) in enumerate(pairs):
            file = io.BytesIO()
            picture.save(file, "PNG")
            writer.add(f"{number}.png", file.getvalue(), captions=captions, source="drawn", licence="CC0-1.0")


def broken_png(whole: bytes) -> bytes:
    """A picture whose data stop in the middle, with nonsense behind: Pillow opens it, and fails on its first look."""
    data = whole.index(b"IDAT")
    half = int.from_bytes(whole[data - 4 : data], "big") // 2
    kept = whole[data : data + 4 + half]
    part = half.to_bytes(4, "big") + kept + zlib.crc32(kept).to_bytes(4, "big")
    nonsense = b"\x01\x02\x03\x04zz"
    return whole[: data - 4] + part + b"\x00\x00\x00\x02" + nonsense + zlib.crc32(nonsense).to_bytes(4, "big")


def _shape(kind: tuple[str, str, str], random: np.random.Generator) -> PILImage.Image:
    colour, shape, ground = kind
    picture = PILImage.new("RGB", (48, 40), ground)
    side = int(random.integers(14, 24))
    left, top = (int(random.integers(2, length - side - 2)) for length in picture.size)
    draw = ImageDraw.Draw(picture)
    if shape == "circle":
        draw.ellipse((left, top, left + side, top + side), colour)
    elif shape == "square":
        draw.rectangle((left, top, left + side, top + side), colour)
    else:
        draw.rectangle((2, top, 46, top + 5), colour)
    return picture


def _captions(kind: tuple[str, str, str]) -> tuple[str, str]:
    colour, shape, ground = kind
    return f"a {colour} {shape} on a {ground} ground", f"there is a {shape}, {colour}, on {ground}"
