"""Which parts of a picture speak for a text, by every encoder that can tell."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import ml
from ml.encoders.clip import ClipEncoder
from ml.encoders.scratch_clip import ScratchClip, Shape
from ml.encoders.similarity import distinct, similarity_maps
from ml.interfaces import SpatialEncoder
from tests.ml import checkpoints

GRID = checkpoints.SIDE // 8


def peak(grid: Any) -> tuple[int, ...]:
    """(row, column) of the highest value."""
    return np.unravel_index(int(grid.argmax()), grid.shape)  # type: ignore[return-value]


def test_a_part_lies_where_it_is_in_reading_order_and_spreads_to_its_neighbours() -> None:
    parts = np.zeros((12, 2), np.float32)
    parts[7] = [1.0, 0.0]  # in rows of four: row 1, column 3
    (grid, other) = similarity_maps(parts, np.eye(2, dtype=np.float32), rows=3)
    assert grid.shape == (3, 4)
    assert peak(grid) == (1, 3)
    assert grid[1, 3] > grid[1, 2] > grid[1, 1] > 0.0
    assert not other.any()


def test_what_is_alike_everywhere_stays_so_up_to_the_edges() -> None:
    (grid,) = similarity_maps(np.ones((16, 1), np.float32), np.ones((1, 1), np.float32), rows=4)
    np.testing.assert_allclose(grid, 1.0, atol=1e-6)


def test_what_all_texts_have_in_common_does_not_count() -> None:
    common, own = np.eye(2, dtype=np.float32)
    parts = np.stack([common, own])
    texts = np.array([[0.8, 0.6]], np.float32)
    assert peak(similarity_maps(parts, texts, rows=1)[0]) == (0, 0)
    assert peak(similarity_maps(parts, distinct(texts, common[None]), rows=1)[0]) == (0, 1)


def test_the_fake_finds_its_colours() -> None:
    picture = PILImage.new("RGB", (60, 40), "red")
    picture.paste("blue", (40, 20, 60, 40))
    encoder = ml.load_encoder("fake")
    assert isinstance(encoder, SpatialEncoder)
    red, blue = encoder.similarity_maps(picture, encoder.encode_texts(["red", "a blue thing"]))
    assert red.shape == (16, 16)
    assert peak(blue) == (15, 15)
    assert red[0, 0] > red[15, 15]


@pytest.mark.models
def test_the_builtin_encoder_finds_each_photo_of_two() -> None:
    from skimage import data

    both = PILImage.new("RGB", (800, 400))
    both.paste(PILImage.fromarray(data.cat()).resize((400, 400)), (0, 0))
    both.paste(PILImage.fromarray(data.coffee()).resize((400, 400)), (400, 0))
    encoder = ml.load_encoder("builtin")
    assert isinstance(encoder, SpatialEncoder)
    cat, coffee = encoder.similarity_maps(both, encoder.encode_texts(["a cat", "a cup of coffee"]))
    assert cat.shape == (8, 8)
    assert cat.dtype == np.float32
    assert peak(cat)[1] < 4 <= peak(coffee)[1]


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_a_published_family_gives_a_value_for_each_patch(
    family: str, written_checkpoint: Callable[[str], Path], pictures: list[PILImage.Image]
) -> None:
    encoder = ml.load_encoder(str(written_checkpoint(family)))
    assert isinstance(encoder, SpatialEncoder)
    texts = encoder.encode_texts(["a red dog", "snow"])
    maps = encoder.similarity_maps(pictures[0], texts)
    assert maps.shape == (2, GRID, GRID)
    assert maps.dtype == np.float32
    assert np.abs(maps).max() <= 1.0
    assert maps[0].std() > 1e-3
    np.testing.assert_allclose(encoder.similarity_maps(pictures[0], texts[1:])[0], maps[1], atol=1e-6)


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_of_a_plain_picture_each_patch_is_the_whole(
    family: str, checkpoint: Callable[[str], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One layer, and the same in every token: then no part can differ from the whole."""
    encoder = ml.load_encoder(str(checkpoint(family)))
    assert isinstance(encoder, ClipEncoder)
    vision = encoder._network.vision_model
    tokens = torch.randn(1, 1, 16, generator=torch.Generator().manual_seed(0))
    monkeypatch.setattr(vision.encoder, "layers", vision.encoder.layers[-1:])
    vision.embeddings.register_forward_hook(lambda *_: tokens.expand(1, GRID**2 + (family == "clip"), 16))
    plain = PILImage.new("RGB", (40, 30), "red")
    whole = encoder.encode_images([plain])
    (grid,) = encoder.similarity_maps(plain, whole)
    np.testing.assert_allclose(grid, 1.0, atol=1e-5)


def test_in_a_clip_from_scratch_a_patch_alone_is_what_the_last_block_sees() -> None:
    text = {"model_type": "bert", "vocab_size": 9, "hidden_size": 8, "num_hidden_layers": 1, "num_attention_heads": 1}
    torch.manual_seed(0)
    network = ScratchClip(Shape(text | {"intermediate_size": 8}, side=32, patch=8, width=16, depth=2, heads=2)).eval()
    with torch.inference_mode():
        parts = network.encode_parts(torch.rand(2, 3, 32, 32))
        assert parts.shape == (2, GRID**2, 256)
        torch.testing.assert_close(parts.norm(dim=-1), torch.ones(2, GRID**2))
        first = network.image.blocks[:1](network.image._tokens(torch.ones(1, 3, 32, 32)))
        last = network.image.norm(network.image.blocks[1](first[:, 6:7]))[0]
        expected = torch.nn.functional.normalize(network.image_projection(last), dim=-1)
        torch.testing.assert_close(network.encode_parts(torch.ones(1, 3, 32, 32))[0, 5:6], expected)
