"""Model folders in this library's own formats."""

import resource
from pathlib import Path

import pytest
import torch

from ml.hub import Checkpoint
from ml.serving import read_tensors, save_model


def test_a_disk_that_is_full_leaves_the_model_before(tmp_path: Path) -> None:
    def save(words: int) -> None:
        tensors = {"weight": torch.arange(4.0)}
        save_model(tmp_path, model_type="mmsite-tried", config={"words": ["dog"] * words}, tensors=tensors)

    save(3)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))  # bytes of a file
    try:
        with pytest.raises(OSError, match="File too large"):
            save(10_000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)

    checkpoint = Checkpoint("tried", "local", tmp_path)
    assert checkpoint.config()["words"] == ["dog"] * 3
    assert read_tensors(checkpoint)["weight"].tolist() == [0.0, 1.0, 2.0, 3.0]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["config.json", "model.safetensors"]
