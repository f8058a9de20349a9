"""Checkpoints, pictures and a clean registry for the tests of ml."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import ml
from ml import registry
from tests.ml import checkpoints

MakeCheckpoint = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _nothing_loaded() -> Iterator[None]:
    """Nothing is loaded after a test; and in each torch computes in float32, unless it asks for something else."""
    ml.compute_by("torch-fp32")
    yield
    ml.serve_on("auto")
    registry.encoders.unload()
    registry.captioners.unload()


@pytest.fixture(autouse=True)
def _empty_hub_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No test sees, or fills, the hub's cache of the person who runs it."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hub"))


@pytest.fixture(scope="session")
def written_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> MakeCheckpoint:
    """A folder with the small model of that name in tests.ml.checkpoints, written once; only to be read."""
    root = tmp_path_factory.mktemp("checkpoints")

    def get(name: str) -> Path:
        folder = root / name
        return folder if folder.is_dir() else getattr(checkpoints, name)(folder)

    return get


@pytest.fixture
def checkpoint(written_checkpoint: MakeCheckpoint, tmp_path: Path) -> MakeCheckpoint:
    """A copy of such a folder, for the test to damage as it likes."""
    return lambda name: shutil.copytree(written_checkpoint(name), tmp_path / name)


@pytest.fixture(scope="session")
def pictures() -> list[PILImage.Image]:
    """Ten pictures of noise around ten colours, of different shapes."""
    random = np.random.default_rng(0)
    sizes = random.integers(40, 90, (10, 2))
    colours = random.integers(0, 256, (10, 3))
    noise = [random.integers(-60, 60, (*size, 3)) for size in sizes]
    return [
        PILImage.fromarray(np.clip(colour + spots, 0, 255).astype(np.uint8))
        for colour, spots in zip(colours, noise, strict=True)
    ]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 64 KiB."""
    mount = shutil.which("mount")
    folder = tmp_path / "disk"
    folder.mkdir()
    mounting = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]
    if mount is None or os.geteuid() != 0 or subprocess.run(mounting, capture_output=True, check=False).returncode:
        pytest.skip("only root may mount the small disk of this test")
    yield folder
    subprocess.run(["umount", folder], check=True)
