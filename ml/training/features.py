"""Feature maps of a data set, computed once: the towers are frozen, so training reads these instead of pictures."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageOps
from tqdm import tqdm

from ml.backbones.efficientnet_lite import CHANNELS, GRID, EfficientNetLite2
from ml.datasets.examples import Split, read

BATCH = 32

FeatureMaps = npt.NDArray[np.float16]


def feature_maps(root: Path, split: Split, cache: Path, *, mirrored: bool = False) -> FeatureMaps:
    """Feature maps of a Flickr8k split, (n, 49, 1280) float16, memory-mapped from a file in `cache`.

    Computed on the first call (about 25 ms a photo on two cores). An interrupted run leaves only a temporary file,
    which the next run replaces.
    """
    path = cache / f"flickr8k-{split}{'-mirrored' if mirrored else ''}.npy"
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _compute([example.path for example in read(root, split)], path, mirrored=mirrored)
    maps: FeatureMaps = np.load(path, mmap_mode="r")
    return maps


def _compute(photos: Sequence[Path], target: Path, *, mirrored: bool) -> None:
    tower = EfficientNetLite2.load()
    partial = target.with_suffix(".partial")
    shape = (len(photos), GRID * GRID, CHANNELS)
    maps = np.lib.format.open_memmap(partial, mode="w+", dtype=np.float16, shape=shape)
    for start in tqdm(range(0, len(photos), BATCH), desc=target.stem, unit="batch"):
        images: list[PILImage.Image] = [PILImage.open(photo) for photo in photos[start : start + BATCH]]
        if mirrored:
            images = [ImageOps.mirror(image) for image in images]
        maps[start : start + len(images)] = tower.feature_maps(images).numpy()
    maps.flush()
    partial.rename(target)
