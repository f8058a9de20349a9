"""Pooled features of a data set's pictures as several views see them, computed once: the image tower is frozen.

Views are cheap variety (the whole picture, its mirror image, random crops); the pieces of a picture hold single things.
"""

import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch
from PIL import Image as PILImage
from PIL import ImageOps
from torch.nn.functional import adaptive_avg_pool2d
from tqdm import tqdm

from ml.backbones.efficientnet_lite import CHANNELS, STRIDE, EfficientNetLite2, pool
from ml.datasets.examples import Split, read
from ml.datasets.imagefolder import fingerprint
from ml.evaluation.pictures import load
from ml.files import whole

PIECES = 3  #: a side: a picture falls into nine pieces that overlap a little
AREA = 0.45  #: share of the picture that a crop keeps at least
ASPECT = 0.75  #: of a crop against the picture, at least


def views(data: Path, split: Split, cache: Path, *, tower: EfficientNetLite2, side: int, crops: int) -> torch.Tensor:
    """The pictures of a split, whole, mirrored and in random crops: (n, 2 + crops + 9, 1280) float16, pieces last.

    Without `crops` only whole ones: (n, 1, 1280). From a file in `cache` named by all that it depends on; computed on
    the first call, about 10 ms a view on a core with bfloat16. Raises DatasetError where a picture cannot be read.
    """
    key = f"views-{tower.info.weights_hash[:12]}-{side}-{crops}-{fingerprint(data, split)[:16]}-{split}"
    path = cache / f"{key}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        found = np.stack([_views(image, tower, side, crops, name) for name, image in _pictures(data, split)])
        with whole(path) as partial, partial.open("wb") as file:
            np.save(file, found)
    return torch.from_numpy(np.load(path))


def _pictures(data: Path, split: Split) -> Iterator[tuple[str, PILImage.Image]]:
    examples = list(read(data, split))
    for example in tqdm(examples, desc=f"views of {split}", unit="picture"):
        yield example.path.name, load(example.path)


def _views(
    image: PILImage.Image, tower: EfficientNetLite2, side: int, crops: int, name: str
) -> np.ndarray[tuple[int, int], np.dtype[np.float16]]:
    if not crops:
        return pool(tower.feature_maps([image], side, half=True)).half().numpy()
    dice = random.Random(name)  # noqa: S311 - of its own for each picture, whatever came before
    seen = [image, ImageOps.mirror(image), *(_crop(image, dice) for _ in range(crops))]
    maps = tower.feature_maps(seen, side, half=True)
    return torch.cat([pool(maps), _pieces(maps[0], side // STRIDE)]).half().numpy()


def _crop(image: PILImage.Image, dice: random.Random) -> PILImage.Image:
    """A random part of a picture, at least 45 % of it, mirrored every other time."""
    area, aspect = dice.uniform(AREA, 1.0), np.exp(dice.uniform(np.log(ASPECT), -np.log(ASPECT)))
    width, height = (min(1.0, (area * ratio) ** 0.5) for ratio in (aspect, 1 / aspect))
    left, top = dice.uniform(0, 1 - width), dice.uniform(0, 1 - height)
    box = (left * image.width, top * image.height, (left + width) * image.width, (top + height) * image.height)
    cut = image.crop((int(box[0]), int(box[1]), max(int(box[2]), int(box[0]) + 1), max(int(box[3]), int(box[1]) + 1)))
    return ImageOps.mirror(cut) if dice.random() < 0.5 else cut


def _pieces(maps: torch.Tensor, grid: int) -> torch.Tensor:
    """Means over the nine pieces of one picture's map, (cells, 1280): (9, 1280)."""
    square = maps.T.reshape(1, CHANNELS, grid, grid)
    return adaptive_avg_pool2d(square, PIECES).flatten(2)[0].T
