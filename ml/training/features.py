"""Feature maps of a data set, computed once: the towers are frozen, so training reads these instead of pictures."""

import fcntl
import hashlib
import os
import re
from io import BytesIO
from itertools import islice
from pathlib import Path
from typing import BinaryIO

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ml.backbones.cnn import PACKAGED, load_backbone
from ml.datasets.examples import Split, read
from ml.datasets.imagefolder import fingerprint
from ml.errors import DatasetError
from ml.evaluation.pictures import load
from ml.interfaces import ImageTower

BATCH = 32

FeatureMaps = npt.NDArray[np.float16]


def feature_maps(
    data: Path, split: Split, cache: Path, *, backbone: str | ImageTower = PACKAGED, mirrored: bool = False
) -> FeatureMaps:
    """Feature maps of a split's pictures in the order of `read`, (n, cells, channels) float16, memory-mapped.

    Computed on the first call (about 25 ms a photo on two cores) into a file in `cache`, which is named by everything
    that it depends on. A call that was interrupted, even by kill -9, is taken up where it stopped. `backbone` is a name
    that `load_backbone` takes, or a tower. Raises DatasetError where the data set is not there, or a picture cannot be
    read, and what `load_backbone` raises.
    """
    tower = load_backbone(backbone) if isinstance(backbone, str) else backbone
    path = cache / _file_name(tower, data, split, mirrored)
    if not path.exists():
        cache.mkdir(parents=True, exist_ok=True)
        _compute(tower, data, split, path, mirrored=mirrored)
    maps: FeatureMaps = np.load(path, mmap_mode="r")
    return maps


def _file_name(tower: ImageTower, data: Path, split: Split, mirrored: bool) -> str:
    info = tower.info
    name = re.sub(r"\W+", "-", info.name)[-40:]
    key = hashlib.sha256(f"{info.weights_hash} {info.preprocessing}".encode()).hexdigest()
    side = "-mirrored" if mirrored else ""
    return f"{name}-{key[:12]}-{fingerprint(data, split)[:16]}-{split}{side}.npy"


def _compute(tower: ImageTower, data: Path, split: Split, target: Path, *, mirrored: bool) -> None:
    """Append maps to a partial file: its length says how far an earlier call came, and a full disk is an OSError."""
    shape = (sum(1 for _ in read(data, split)), tower.grid * tower.grid, tower.channels)
    partial = target.with_suffix(".partial")
    with partial.open("ab+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise DatasetError(f"Another process is computing {target.name}; wait until it is done.") from error
        if target.exists():  # it became done between our look and our lock
            partial.unlink(missing_ok=True)
            return
        done = _rows_done(file, shape)
        paths = (example.path for example in islice(read(data, split), done, None))
        with tqdm(total=shape[0], initial=done, desc=f"{tower.info.name} {split}", unit="picture") as bar:
            while images := [load(path, mirrored=mirrored) for path in islice(paths, BATCH)]:
                file.write(tower.feature_maps(images).numpy().astype(np.float16).tobytes())
                file.flush()
                bar.update(len(images))
        partial.rename(target)


def _rows_done(file: BinaryIO, shape: tuple[int, int, int]) -> int:
    """How many whole rows the file holds behind its header; cuts off what lies behind them."""
    header = _header(shape)
    row = 2 * shape[1] * shape[2]
    file.seek(0)
    if file.read(len(header)) != header:
        file.truncate(0)
        file.write(header)
        file.flush()
        return 0
    done = (file.seek(0, os.SEEK_END) - len(header)) // row
    file.truncate(len(header) + done * row)
    return done


def _header(shape: tuple[int, int, int]) -> bytes:
    """What stands before the numbers in a file that `np.load` reads."""
    buffer = BytesIO()
    described = {"descr": np.lib.format.dtype_to_descr(np.dtype(np.float16)), "fortran_order": False, "shape": shape}
    np.lib.format.write_array_header_1_0(buffer, described)
    return buffer.getvalue()
