"""The image tower: feature maps of pictures."""

import pytest
import torch
from PIL import Image as PILImage

from ml.backbones.efficientnet_lite import CHANNELS, CHUNK, GRID, EfficientNetLite2, open_network, preprocess
from ml.backbones.shared import shared_image_tower

pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def tower() -> EfficientNetLite2:
    return shared_image_tower()


@pytest.fixture(scope="module")
def photos() -> list[PILImage.Image]:
    """More photos than go through the network together, of different shapes."""
    from skimage import data

    photo = PILImage.fromarray(data.cat())
    return [photo.rotate(20 * number, expand=True) for number in range(2 * CHUNK + 1)]


@torch.inference_mode()
def test_chunks_give_what_one_run_over_all_gives(tower: EfficientNetLite2, photos: list[PILImage.Image]) -> None:
    whole = open_network().extract_features(preprocess(photos))
    torch.testing.assert_close(tower.feature_maps(photos), whole.flatten(2).mT, atol=1e-3, rtol=1e-3)


def test_maps_are_as_the_docstring_says(tower: EfficientNetLite2, photos: list[PILImage.Image]) -> None:
    maps = tower.feature_maps(photos[:2])
    assert maps.shape == (2, GRID * GRID, CHANNELS)
    assert maps.dtype == torch.float32
    assert maps.is_contiguous()
    assert maps.min() >= 0.0
    assert tower.feature_maps([]).shape == (0, GRID * GRID, CHANNELS)
