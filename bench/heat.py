"""`python -m bench.heat`: whether heat maps lie on what the words mean, by two pointing games on Flickr8k.

Four pictures are put together in a square; a caption of each is the text, and the map hits where its highest value lies
in that picture: by chance one time in four. That is about whole pictures. Within one, nobody drew where things are; so
for nouns that most of its captions say, the map hits where its highest value lies in the fifth of the picture at which
the captioner looked most for that word. Beside the encoder's own maps stand ways that were rejected, for the built-in
encoder. Choose on dev; report test once.
"""

import argparse
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage

import ml
from ml.captioners.vocabulary import split_words
from ml.datasets import flickr8k
from ml.datasets.examples import Example
from ml.encoders.builtin import SIDE, BuiltinEncoder
from ml.encoders.similarity import distinct
from ml.interfaces import Embeddings
from search.query.cutoff import background_texts

MOSAIC_SIDE = 512  # pixels
MOSAICS = 250
PICTURES = 400
SAID_BY = 3  # captions of five
LOOKED_AT = 0.2  # share of the picture
NOUNS = [
    "baby",
    "ball",
    "beach",
    "bicycle",
    "bike",
    "board",
    "boy",
    "car",
    "child",
    "children",
    "dog",
    "dogs",
    "girl",
    "grass",
    "hat",
    "horse",
    "man",
    "mountain",
    "pool",
    "rock",
    "sand",
    "shirt",
    "skateboard",
    "snow",
    "street",
    "tree",
    "water",
    "wave",
    "woman",
]

Maps = npt.NDArray[np.float32]
Method = Callable[[PILImage.Image, Embeddings], Maps]
Right = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Case:
    """A picture, texts, and for each text a (rows, columns) mask of where its map should be highest."""

    picture: PILImage.Image
    texts: list[str]
    right: list[Right]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.heat", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path.home() / "data" / "flickr8k")
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--encoder", default="builtin", help="a name, hub id or folder")
    options = parser.parse_args()
    encoder: Any = ml.load_encoder(options.encoder)
    background = encoder.encode_texts(background_texts())
    methods: dict[str, Method] = {
        "as the site draws it": lambda picture, texts: encoder.similarity_maps(picture, distinct(texts, background)),
        "with what all texts have in common": encoder.similarity_maps,
    }
    if isinstance(encoder, BuiltinEncoder):
        methods |= rejected(encoder, background)
    examples = list(flickr8k.read(options.data, options.split))
    games = {"quarters": list(mosaics(examples)), "nouns": list(nouns(examples[:PICTURES]))}
    sizes = [f"{name}: hits in {sum(len(case.texts) for case in cases):,}, %" for name, cases in games.items()]
    print(f"| {options.split} | {' | '.join(sizes)} |\n|---|---|---|")
    for name, method in methods.items():
        shares = [f"{100 * hits(cases, method, encoder):.1f}" for cases in games.values()]
        print(f"| {name} | {' | '.join(shares)} |", flush=True)


def mosaics(examples: list[Example]) -> Iterator[Case]:
    """Four pictures in a square, and a caption of each; the same each time."""
    rng, half = random.Random(0), MOSAIC_SIDE // 2
    for _ in range(MOSAICS):
        whole = PILImage.new("RGB", (MOSAIC_SIDE, MOSAIC_SIDE))
        four = rng.sample(examples, 4)
        for place, example in enumerate(four):
            with PILImage.open(example.path) as photo:
                whole.paste(photo.convert("RGB").resize((half, half)), (place % 2 * half, place // 2 * half))
        quarters = np.eye(4, dtype=bool).reshape(4, 2, 2)
        yield Case(whole, [rng.choice(example.captions) for example in four], list(quarters))


def nouns(examples: list[Example]) -> Iterator[Case]:
    """Pictures, and the nouns that most of their captions say."""
    captioner: Any = ml.load_captioner()
    for example in examples:
        words = {caption: split_words(caption) for caption in example.captions}
        said = {noun: [text for text in words if noun in words[text]] for noun in NOUNS}
        said = {noun: texts for noun, texts in said.items() if len(texts) >= SAID_BY}
        with PILImage.open(example.path) as photo:
            picture = photo.convert("RGB")
        looks = {text: captioner.looks(picture, text) for text in {text for texts in said.values() for text in texts}}
        right = []
        for noun, texts in said.items():
            attention = np.mean([looks[text][words[text].index(noun)].attention for text in texts], axis=0)
            right.append(attention >= np.quantile(attention, 1 - LOOKED_AT))
        yield Case(picture, [f"a {noun}" for noun in said], right)


def hits(cases: list[Case], method: Method, encoder: Any) -> float:
    """The share of texts whose map is highest where it should be."""
    found = []
    for case in cases:
        if not case.texts:
            continue
        maps = method(case.picture, encoder.encode_texts(case.texts))
        for grid, right in zip(maps, case.right, strict=True):
            place = np.unravel_index(int(grid.argmax()), grid.shape)
            # the middle of that cell, in the cells of `right`
            row, column = (
                (at + 0.5) * there // here for at, here, there in zip(place, grid.shape, right.shape, strict=True)
            )
            found.append(right[int(row), int(column)])
    return float(np.mean(found))


def rejected(encoder: BuiltinEncoder, background: Embeddings) -> dict[str, Method]:
    """Other ways from the same feature map."""

    def embed(cells: torch.Tensor) -> torch.Tensor:
        return encoder._ensemble.image(cells, encoder._classifier(cells))

    def cells_of(picture: PILImage.Image) -> torch.Tensor:
        return encoder._image_tower.feature_maps([picture], SIDE, half=True)[0].clone()

    def as_maps(values: torch.Tensor) -> Maps:
        side = round(values.shape[1] ** 0.5)
        return values.numpy().reshape(len(values), side, side)

    @torch.inference_mode()
    def unsmoothed(picture: PILImage.Image, texts: Embeddings) -> Maps:
        return as_maps(torch.from_numpy(distinct(texts, background)) @ embed(cells_of(picture)).T)

    @torch.inference_mode()
    def left_out(picture: PILImage.Image, texts: Embeddings) -> Maps:
        cells = cells_of(picture)
        others = (cells.sum(dim=0) - cells) / (len(cells) - 1)
        return as_maps(-torch.from_numpy(texts) @ embed(others).T)

    def gradient(picture: PILImage.Image, texts: Embeddings) -> Maps:
        cells = cells_of(picture)
        pooled = cells.mean(dim=0, keepdim=True).requires_grad_()
        cosines = (torch.from_numpy(texts) @ embed(pooled).T)[:, 0]
        slopes = [torch.autograd.grad(cosine, pooled, retain_graph=True)[0][0] for cosine in cosines]
        return as_maps(torch.stack(slopes) @ cells.T)

    def activity(picture: PILImage.Image, texts: Embeddings) -> Maps:
        return as_maps(cells_of(picture).norm(dim=1).expand(len(texts), -1))

    return {
        "without smoothing": unsmoothed,
        "what the picture loses without a cell": left_out,
        "gradient of the cosine, times the cell (as Grad-CAM)": gradient,
        "how active the tower is, whatever the text": activity,
    }


if __name__ == "__main__":
    main()
