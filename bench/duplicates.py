"""How well near-duplicates are found: `python -m bench.duplicates --data FLICKR8K`.

Photos of Flickr8k, edited as people edit them, are to be found beside their originals; different photos, each of a
split with all of the set, are not to be taken for one. By the cosine alone, by the workshop's perceptual hashes, and by
search.likeness, whose thresholds were chosen on dev and train; test is only reported.
"""

import argparse
import io
import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageEnhance, ImageOps
from tqdm import tqdm

import ml
from bench import report
from ml.datasets import flickr8k
from ml.datasets.cleaning.near_duplicates import DISTANCE, Look
from ml.evaluation.pictures import load
from ml.interfaces import ImageTextEncoder
from search.likeness import LEAST_COSINE, greys_of, kind_of, likenesses

EDITED = 250  # photos of the split
BATCH = 32
THUMBNAIL = (400, 400)  # greys are taken from thumbnails

Picture = PILImage.Image


@dataclass(frozen=True)
class Seen:
    """Of n pictures: vectors, (n, d), greys, (n, 48, 48), and hashes, (n, 16)."""

    vectors: npt.NDArray[np.float32]
    greys: npt.NDArray[np.uint8]
    hashes: npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Pairs:
    """Of n pairs of pictures: cosines, likenesses and bits between their hashes."""

    cosines: npt.NDArray[np.floating]
    likenesses: npt.NDArray[np.floating]
    bits: npt.NDArray[np.integer]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.duplicates", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path.home() / "data" / "flickr8k")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev: choose, write nothing")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "mmsite" / "duplicates")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    names = ["dev", "train"] if options.split == "dev" else ["test", "dev", "train"]
    paths = {name: [example.path for example in flickr8k.read(options.data, name)] for name in names}
    encoder = ml.load_encoder("builtin")
    sets = {name: kept(options.cache / f"{name}.npz", paths[name], encoder) for name in names}
    edited = {name: of_edit(edit, paths[options.split], sets[options.split], encoder) for name, edit in EDITS.items()}
    different = of_different(sets[options.split], list(sets.values()))
    lines = table(options.split, sum(map(len, paths.values())), len(paths[options.split]), edited, different)
    print("\n".join(lines))
    if options.split == "test":
        report.write(options.report, "duplicates", lines)


def kept(file: Path, paths: Sequence[Path], encoder: ImageTextEncoder) -> Seen:
    """What is seen of these pictures, from the file where it is there."""
    if not file.exists():
        seen = look(lambda number: load(paths[number]), len(paths), encoder)
        file.parent.mkdir(parents=True, exist_ok=True)
        np.savez(file, **vars(seen))
    return Seen(**np.load(file))


def look(picture: Callable[[int], Picture], number: int, encoder: ImageTextEncoder) -> Seen:
    vectors, greys, hashes = [], [], []
    for start in tqdm(range(0, number, BATCH), unit="batch"):
        pictures = [picture(each) for each in range(start, min(start + BATCH, number))]
        vectors.append(encoder.encode_images(pictures))
        for each in pictures:
            hashes.append(Look.at(each).hash)
            each.thumbnail(THUMBNAIL, PILImage.Resampling.LANCZOS)
            greys.append(greys_of(each))
    return Seen(np.concatenate(vectors), np.stack(greys), np.stack(hashes))


def of_edit(edit: "Edit", paths: Sequence[Path], originals: Seen, encoder: ImageTextEncoder) -> Pairs:
    """Each of the first photos with what an edit makes of it."""
    seen = look(lambda number: edit(load(paths[number])), EDITED, encoder)
    numbers = np.arange(EDITED)
    return pairs(originals, seen, numbers, numbers)


def of_different(split: Seen, everything: Sequence[Seen]) -> Pairs:
    """Each photo of the split, which comes first in everything, with every other one; each pair once."""
    whole = Seen(*(np.concatenate([getattr(seen, name) for seen in everything]) for name in vars(split)))
    number = len(split.vectors)
    found = []
    for one in tqdm(range(number), unit="picture"):
        others = np.arange(one + 1, len(whole.vectors))
        bits = bits_between(whole.hashes[others], whole.hashes[one])
        others = others[(whole.vectors[others] @ whole.vectors[one] >= LEAST_COSINE) | (bits <= DISTANCE)]
        found.append(pairs(whole, whole, np.full(len(others), one), others))
    return Pairs(*(np.concatenate([getattr(each, name) for each in found]) for name in vars(found[0])))


def pairs(one: Seen, other: Seen, ones: npt.NDArray[np.int64], others: npt.NDArray[np.int64]) -> Pairs:
    alike = [
        likenesses(one.greys[number], other.greys[[beside for _, beside in group]])
        for number, group in itertools.groupby(zip(ones, others, strict=True), key=lambda pair: pair[0])
        for group in [list(group)]
    ]
    return Pairs(
        (one.vectors[ones] * other.vectors[others]).sum(axis=1),
        np.array([each for found in alike for each in found]),
        bits_between(one.hashes[ones], other.hashes[others]),
    )


def bits_between(ones: npt.NDArray[np.uint8], others: npt.NDArray[np.uint8]) -> npt.NDArray[np.int64]:
    return np.bitwise_count(ones ^ others).sum(axis=1, dtype=np.int64)


def by_site(found: Pairs, kinds: Sequence[str]) -> npt.NDArray[np.bool_]:
    return np.array(
        [kind_of(*pair, None) in kinds for pair in zip(found.cosines, found.likenesses, strict=True)], dtype=bool
    )


RULES: dict[str, Callable[[Pairs], npt.NDArray[np.bool_]]] = {
    "cosine ≥ 0.6": lambda found: found.cosines >= 0.6,
    "cosine ≥ 0.85": lambda found: found.cosines >= 0.85,
    "cosine ≥ 0.95": lambda found: found.cosines >= 0.95,
    f"hashes, {DISTANCE} bits": lambda found: found.bits <= DISTANCE,
    "**copies**": lambda found: by_site(found, ["copy"]),
    "**copies and shots**": lambda found: by_site(found, ["copy", "shot"]),
}


def table(split: str, everything: int, number: int, edited: dict[str, Pairs], different: Pairs) -> list[str]:
    return [
        "## Near-duplicates",
        "",
        f"{report.machine()}, by `python -m bench.duplicates`, on Flickr8k,",
        f"{split}. Of {EDITED} photos, 500 pixels wide, how many are found beside what an edit made of them, in per",
        f"cent; and how many pairs of different photos are taken for one: {number:,}, each with all {everything:,}.",
        "The cosine is the built-in encoder's, hashes are pHash and dHash; the site's rules, in bold, want both a",
        "cosine and greys that fit.",
        "",
        f"| | {' | '.join(RULES)} |",
        f"|---|{'---|' * len(RULES)}",
        *(
            f"| {name} | {' | '.join(f'{100 * rule(found).mean():.1f}' for rule in RULES.values())} |"
            for name, found in edited.items()
        ),
        f"| *pairs of different photos* | {' | '.join(f'{rule(different).sum():,}' for rule in RULES.values())} |",
    ]


def cut(picture: Picture, share: float, *, place: float = 0.5) -> Picture:
    """Without so much of its width and height; `place`: 0 keeps the left upper corner, 0.5 the middle."""
    width, height = (round(side * (1 - share)) for side in picture.size)
    left, top = round((picture.width - width) * place), round((picture.height - height) * place)
    return picture.crop((left, top, left + width, top + height))


def scaled(picture: Picture, factor: float) -> Picture:
    return picture.resize((round(picture.width * factor), round(picture.height * factor)), PILImage.Resampling.LANCZOS)


def compressed(picture: Picture, quality: int) -> Picture:
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    return PILImage.open(buffer).convert("RGB")


Edit = Callable[[Picture], Picture]
EDITS: dict[str, Edit] = {
    "half the size": lambda picture: scaled(picture, 0.5),
    "a quarter of the size": lambda picture: scaled(picture, 0.25),
    "JPEG at quality 30": lambda picture: compressed(picture, 30),
    "4 % cut off": lambda picture: cut(picture, 0.04),
    "10 % cut off": lambda picture: cut(picture, 0.10),
    "10 % cut off at two sides": lambda picture: cut(picture, 0.10, place=0),
    "10 % of the width cut off": lambda picture: picture.crop((0, 0, round(picture.width * 0.9), picture.height)),
    "brighter by 30 %": lambda picture: ImageEnhance.Brightness(picture).enhance(1.3),
    "contrast up by 40 %": lambda picture: ImageEnhance.Contrast(picture).enhance(1.4),
    "black and white": lambda picture: ImageOps.grayscale(picture).convert("RGB"),
    "turned by 2°, cut": lambda picture: cut(picture.rotate(2, PILImage.Resampling.BICUBIC), 0.06),
    "a white border": lambda picture: ImageOps.expand(picture, round(picture.width * 0.04), "white"),
    "mirrored": ImageOps.mirror,
}


if __name__ == "__main__":
    main()
