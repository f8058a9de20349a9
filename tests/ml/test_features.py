"""Feature maps kept between runs: of any set and any tower, and taken up where they stopped."""

import fcntl
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.backbones.cnn import CheckpointTower, load_backbone
from ml.datasets import imagefolder
from ml.errors import DatasetError
from ml.interfaces import ImageTower
from ml.training.features import BATCH, feature_maps
from tests.ml.conftest import MakeCheckpoint

COUNT = 2 * BATCH + 5


@pytest.fixture(scope="module")
def tower(written_checkpoint: MakeCheckpoint) -> ImageTower:
    return load_backbone(str(written_checkpoint("resnet")))


@pytest.fixture(scope="module")
def written_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    for number in range(COUNT):
        (root / "train").mkdir(exist_ok=True)
        pixels = random.integers(0, 256, (8, 12, 3), dtype=np.uint8)
        PILImage.fromarray(pixels).resize((60, 40)).save(root / "train" / f"{number}.png")
    lines = [f'{{"file_name": "{number}.png", "captions": ["picture {number}"]}}\n' for number in range(COUNT)]
    (root / "train" / imagefolder.METADATA).write_text("".join(lines))
    return root


@pytest.fixture
def data(written_data: Path, tmp_path: Path) -> Path:
    """A copy, for the test to change as it likes."""
    return shutil.copytree(written_data, tmp_path / "data")


def pictures(root: Path, *, mirrored: bool = False) -> list[PILImage.Image]:
    images = [PILImage.open(root / "train" / f"{number}.png") for number in range(COUNT)]
    return [image.transpose(PILImage.Transpose.FLIP_LEFT_RIGHT) for image in images] if mirrored else list(images)


@pytest.mark.parametrize("mirrored", [False, True])
def test_maps_are_the_towers_in_the_order_of_the_rows(
    tower: ImageTower, written_data: Path, tmp_path: Path, mirrored: bool
) -> None:
    maps = feature_maps(written_data, "train", tmp_path / "cache", backbone=tower, mirrored=mirrored)
    assert maps.dtype == np.float16
    assert np.array_equal(maps, tower.feature_maps(pictures(written_data, mirrored=mirrored)).numpy().astype("float16"))


def test_maps_are_computed_once(
    tower: ImageTower, data: Path, tmp_path: Path, written_checkpoint: MakeCheckpoint
) -> None:
    first = feature_maps(data, "train", tmp_path / "cache", backbone=tower)
    for picture in (data / "train").glob("*.png"):
        picture.unlink()
    by_name = feature_maps(data, "train", tmp_path / "cache", backbone=str(written_checkpoint("resnet")))
    assert np.array_equal(first, by_name)
    assert [path.suffix for path in (tmp_path / "cache").iterdir()] == [".npy"]


def test_other_pictures_or_another_tower_are_other_maps(
    tower: ImageTower, data: Path, tmp_path: Path, written_checkpoint: MakeCheckpoint
) -> None:
    cache = tmp_path / "cache"
    before = feature_maps(data, "train", cache, backbone=tower)
    metadata = data / "train" / imagefolder.METADATA
    metadata.write_text("".join(reversed(metadata.read_text().splitlines(keepends=True))))
    after = feature_maps(data, "train", cache, backbone=tower)
    assert np.array_equal(after, before[::-1])

    other = feature_maps(data, "train", cache, backbone=str(written_checkpoint("mobilenet_v2")))
    assert other.shape == (COUNT, 9, 1280)


KILLED = """
import sys
from pathlib import Path
from ml.training.features import feature_maps
feature_maps(Path(sys.argv[1]), "train", Path(sys.argv[2]), backbone=sys.argv[3])
"""


def test_a_killed_run_is_taken_up_where_it_stopped(
    tower: ImageTower, data: Path, tmp_path: Path, written_checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache, folder = tmp_path / "cache", written_checkpoint("resnet")
    hole = data / "train" / f"{COUNT - 1}.png"  # reading it never ends, so that the run is killed in its last batch
    picture = hole.read_bytes()
    hole.unlink()
    os.mkfifo(hole)
    process = subprocess.Popen([sys.executable, "-c", KILLED, data, cache, folder], stderr=subprocess.DEVNULL)
    try:
        row = 2 * tower.grid**2 * tower.channels
        deadline = time.monotonic() + 240
        while not any(path.stat().st_size >= 2 * BATCH * row for path in cache.glob("*.partial")):
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.02)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
    hole.unlink()
    hole.write_bytes(picture)
    (partial,) = cache.glob("*.partial")
    with partial.open("ab") as file:
        file.write(b"half a row")

    seen = []
    monkeypatch.setattr(
        CheckpointTower,
        "feature_maps",
        lambda self, images, whole=CheckpointTower.feature_maps: seen.extend(images) or whole(self, images),
    )
    maps = feature_maps(data, "train", cache, backbone=tower)

    assert len(seen) == COUNT - 2 * BATCH
    monkeypatch.undo()
    assert np.array_equal(maps, tower.feature_maps(pictures(data)).numpy().astype("float16"))


def test_a_picture_that_cannot_be_read_is_named(tower: ImageTower, data: Path, tmp_path: Path) -> None:
    broken = data / "train" / f"{BATCH + 1}.png"
    content = broken.read_bytes()
    broken.write_bytes(content[:60])
    with pytest.raises(DatasetError, match=rf"{BATCH + 1}.png cannot be read as a picture: .*`data clean`"):
        feature_maps(data, "train", tmp_path / "cache", backbone=tower)
    broken.write_bytes(content)
    assert len(feature_maps(data, "train", tmp_path / "cache", backbone=tower)) == COUNT


def test_two_at_once_are_refused(tower: ImageTower, data: Path, tmp_path: Path) -> None:
    broken = data / "train" / "0.png"
    broken.write_bytes(b"")
    with pytest.raises(DatasetError, match=r"0\.png"):
        feature_maps(data, "train", tmp_path / "cache", backbone=tower)
    (partial,) = (tmp_path / "cache").glob("*.partial")
    with partial.open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DatasetError, match="Another process is computing"):
            feature_maps(data, "train", tmp_path / "cache", backbone=tower)
