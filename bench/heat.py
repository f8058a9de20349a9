"""`python -m bench.heat`: whether heat maps lie on what the words mean, by a pointing game on mosaics of Flickr8k.

Pictures are put together, by two side by side and by four in a square; a caption of each is the text. The map hits
where its highest value lies in that picture; by chance every second, or fourth, does. AUC: how often a cell of the
picture is hotter than one beside it. Beside the encoder's own maps stand the ways that were rejected, for the built-in
encoder. Choose on dev; report test once.
"""

import argparse
import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image as PILImage

import ml
from ml.datasets import flickr8k
from ml.encoders.builtin import SIDE, BuiltinEncoder
from ml.interfaces import Embeddings

MOSAIC_SIDE = 512  # pixels
MOSAICS = 500
LAYOUTS = {"two": (1, 2), "four": (2, 2)}

Maps = npt.NDArray[np.float32]
Method = Callable[[PILImage.Image, Embeddings], Maps]


@dataclass(frozen=True)
class Mosaic:
    """Pictures as one, in reading order, and a caption of each."""

    picture: PILImage.Image
    captions: list[str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.heat", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path.home() / "data" / "flickr8k")
    parser.add_argument("--split", choices=["dev", "test"], default="dev")
    parser.add_argument("--encoder", default="builtin", help="a name, hub id or folder")
    options = parser.parse_args()
    encoder: Any = ml.load_encoder(options.encoder)
    methods = {"as the site draws it": encoder.similarity_maps}
    if isinstance(encoder, BuiltinEncoder):
        methods |= rejected(encoder)
    heads = " | ".join(f"of {name}: hits, % | AUC" for name in LAYOUTS)
    print(f"| {options.split} | {heads} |\n|---|{'---|---|' * len(LAYOUTS)}")
    for name, method in methods.items():
        figures = [score(method, encoder, options.data, options.split, layout) for layout in LAYOUTS.values()]
        print(f"| {name} | {' | '.join(f'{100 * hits:.1f} | {auc:.3f}' for hits, auc in figures)} |", flush=True)


def mosaics(data: Path, split: Any, layout: tuple[int, int]) -> Iterator[Mosaic]:
    """The same each time."""
    rows, columns = layout
    examples, rng = list(flickr8k.read(data, split)), random.Random(0)
    size = MOSAIC_SIDE // columns, MOSAIC_SIDE // rows
    for _ in range(MOSAICS):
        whole, captions = PILImage.new("RGB", (MOSAIC_SIDE, MOSAIC_SIDE)), []
        for place, example in enumerate(rng.sample(examples, rows * columns)):
            row, column = divmod(place, columns)
            with PILImage.open(example.path) as photo:
                whole.paste(photo.convert("RGB").resize(size), (column * size[0], row * size[1]))
            captions.append(rng.choice(example.captions))
        yield Mosaic(whole, captions)


def score(method: Method, encoder: Any, data: Path, split: str, layout: tuple[int, int]) -> tuple[float, float]:
    """The share of hits, and the mean AUC."""
    hits, areas = [], []
    for mosaic in mosaics(data, split, layout):
        maps = method(mosaic.picture, encoder.encode_texts(mosaic.captions))
        owners = owner_of_cells(maps.shape[1:], layout)
        for place, grid in enumerate(maps.reshape(len(maps), -1)):
            hits.append(owners[grid.argmax()] == place)
            areas.append(auc(grid, owners == place))
    return float(np.mean(hits)), float(np.mean(areas))


def owner_of_cells(shape: Sequence[int], layout: tuple[int, int]) -> npt.NDArray[np.int64]:
    """In which picture of a mosaic the middle of each cell of a map lies, (cells,)."""
    rows, columns = ((np.arange(count) + 0.5) * parts // count for count, parts in zip(shape, layout, strict=True))
    return (rows[:, None] * layout[1] + columns).astype(np.int64).ravel()


def auc(values: Maps, inside: npt.NDArray[np.bool_]) -> float:
    """How often a value inside is higher than one outside (Mann and Whitney's U as a share)."""
    ranks = values.argsort().argsort()[inside]
    count = len(ranks)
    return float((ranks.sum() - count * (count - 1) / 2) / (count * (len(values) - count)))


def rejected(encoder: BuiltinEncoder) -> dict[str, Method]:
    """Other ways from the same feature map."""

    def embed(cells: torch.Tensor) -> torch.Tensor:
        return encoder._ensemble.image(cells, encoder._classifier(cells))

    def cells_of(picture: PILImage.Image) -> torch.Tensor:
        return encoder._image_tower.feature_maps([picture], SIDE, bfloat16=encoder._bfloat16)[0].clone()

    def as_maps(values: torch.Tensor) -> Maps:
        side = round(values.shape[1] ** 0.5)
        return values.numpy().reshape(len(values), side, side)

    @torch.inference_mode()
    def unsmoothed(picture: PILImage.Image, texts: Embeddings) -> Maps:
        return as_maps(torch.from_numpy(texts) @ embed(cells_of(picture)).T)

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

    return {
        "without smoothing": unsmoothed,
        "what the picture loses without a cell": left_out,
        "gradient of the cosine, times the cell (as Grad-CAM)": gradient,
    }


if __name__ == "__main__":
    main()
