"""Image towers by name: checkpoints of MobileNetV2 and ResNet beside the packaged one."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from ml.backbones.cnn import PACKAGED, load_backbone, save_backbone, saved_backbone
from ml.backbones.shared import shared_image_tower
from ml.errors import ModelCorrupt, ModelNotFound, ModelUnsupported
from tests.ml.conftest import MakeCheckpoint

FAMILIES = {"mobilenet_v2": (3, 1280), "resnet": (2, 48)}


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_are_as_the_interface_says(
    family: str, written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]
) -> None:
    tower = load_backbone(str(written_checkpoint(family)))
    maps = tower.feature_maps(pictures)
    assert (tower.grid, tower.channels) == FAMILIES[family]
    assert maps.shape == (len(pictures), tower.grid**2, tower.channels)
    assert maps.dtype == torch.float32
    assert tower.feature_maps([]).shape == (0, tower.grid**2, tower.channels)
    torch.testing.assert_close(tower.feature_maps(pictures[7:8]), maps[7:8], atol=1e-4, rtol=1e-3)


@pytest.mark.parametrize("family", FAMILIES)
def test_maps_are_the_networks_own(family: str, written_checkpoint: MakeCheckpoint) -> None:
    """A square of the network's own size is neither cropped nor scaled: the published preprocessing, by hand."""
    from transformers import AutoModel

    folder = written_checkpoint(family)
    side = {"mobilenet_v2": 96, "resnet": 64}[family]
    colours = np.random.default_rng(0).integers(0, 256, (side, side, 3), dtype=np.uint8)
    pixels = torch.from_numpy((colours / 255 - 0.5) / 0.5).float().permute(2, 0, 1)[None]

    with torch.inference_mode():
        expected = AutoModel.from_pretrained(folder).eval()(pixels).last_hidden_state[0]
    (maps,) = load_backbone(str(folder)).feature_maps([PILImage.fromarray(colours)])

    for number, cell in enumerate(maps):
        row, column = divmod(number, expected.shape[-1])
        torch.testing.assert_close(cell, expected[:, row, column], atol=5e-4, rtol=1e-3)
    assert maps.std(dim=0).max() > 0.01  # cells differ, so that their order was looked at


@pytest.mark.parametrize("family", FAMILIES)
def test_the_edges_of_a_picture_are_seen(family: str, written_checkpoint: MakeCheckpoint) -> None:
    wide = PILImage.new("RGB", (300, 100), "grey")
    red = wide.copy()
    red.paste("red", (0, 0, 60, 100))
    blank, seen = load_backbone(str(written_checkpoint(family))).feature_maps([wide, red])
    assert not torch.allclose(blank, seen)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_models_folder_is_complete_with_its_tower(
    family: str, checkpoint: MakeCheckpoint, tmp_path: Path, pictures: list[PILImage.Image]
) -> None:
    folder = checkpoint(family)
    tower = load_backbone(str(folder))
    said = save_backbone(tower, tmp_path / "model")
    (folder / "model.safetensors").unlink()

    (tmp_path / "model").rename(tmp_path / "moved")
    opened = saved_backbone(said, tmp_path / "moved")

    assert torch.equal(opened.feature_maps(pictures), tower.feature_maps(pictures))


@pytest.mark.models
def test_the_packaged_tower_needs_no_copy(tmp_path: Path) -> None:
    tower = load_backbone(PACKAGED)
    assert tower is shared_image_tower()
    said = save_backbone(tower, tmp_path / "model")
    assert not (tmp_path / "model").exists()
    assert saved_backbone(said, tmp_path / "model") is tower


def test_towers_of_other_weights_or_preprocessing_differ(checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint("resnet")
    before = load_backbone(str(folder)).info
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "image_mean": [0.5, 0.5, 0.5]}))
    after = load_backbone(str(folder)).info
    assert before.weights_hash == after.weights_hash
    assert before.preprocessing != after.preprocessing


def test_what_is_no_backbone_is_a_sentence(checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    with pytest.raises(ModelUnsupported, match="is a clip model; a backbone is efficientnet-lite2, or a checkpoint of"):
        load_backbone(str(checkpoint("clip")))
    with pytest.raises(ModelNotFound, match="no/tower is not on this machine; fetch it with"):
        load_backbone("no/tower")
    with pytest.raises(ModelUnsupported, match=r"names a backbone ../elsewhere"):
        saved_backbone("../elsewhere", tmp_path)
    with pytest.raises(ModelNotFound, match=r"no config.json"):
        saved_backbone("backbone", tmp_path)
    folder = checkpoint("resnet")
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelCorrupt, match="damaged or truncated"):
        load_backbone(str(folder))


def test_a_processor_without_a_size_is_a_sentence(checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint("resnet")
    settings = json.loads((folder / "preprocessor_config.json").read_text())
    (folder / "preprocessor_config.json").write_text(json.dumps({**settings, "size": {"longest_edge": 64}}))
    with pytest.raises(ModelCorrupt, match="cannot"):
        load_backbone(str(folder))
