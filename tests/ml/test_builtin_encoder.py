"""The encoder that ships with the site: photos and words that belong together are near."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NoReturn

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

from ml.backbones import efficientnet_lite
from ml.backbones.shared import shared_image_tower
from ml.datasets import imagenet
from ml.encoders import builtin
from ml.encoders.builtin import BuiltinEncoder, ImageHead, TextHead, kind_of
from ml.errors import ModelCorrupt, ModelNotFound
from ml.interfaces import ImageTextEncoder


@pytest.fixture(scope="module")
def encoder() -> ImageTextEncoder:
    return BuiltinEncoder.load()


@pytest.fixture(scope="module")
def photos() -> dict[str, PILImage.Image]:
    """Real photos of different shapes, from scikit-image's package."""
    from skimage import data

    return {name: PILImage.fromarray(getattr(data, name)()) for name in ("cat", "coffee", "rocket")}


@pytest.mark.models
@pytest.mark.parametrize(
    ("query", "photo"),
    [("a cat", "cat"), ("a photo of a tabby cat", "cat"), ("an espresso", "coffee"), ("a rocket launch", "rocket")],
)
def test_words_find_their_photo(
    encoder: ImageTextEncoder, photos: dict[str, PILImage.Image], query: str, photo: str
) -> None:
    (text,) = encoder.encode_texts([query])
    scores = dict(zip(photos, encoder.encode_images(list(photos.values())) @ text, strict=True))
    assert max(scores, key=scores.__getitem__) == photo


@pytest.mark.models
def test_embeddings_are_as_the_protocol_says(encoder: ImageTextEncoder, photos: dict[str, PILImage.Image]) -> None:
    for rows in (encoder.encode_images(list(photos.values())), encoder.encode_texts(["a", "b", "c"])):
        assert rows.shape == (3, encoder.dimension)
        assert rows.dtype == np.float32
        assert np.linalg.norm(rows, axis=1) == pytest.approx(1.0, abs=1e-5)
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, encoder.dimension)


@pytest.mark.models
def test_any_size_and_mode_is_taken(encoder: ImageTextEncoder) -> None:
    pictures = [
        PILImage.new("RGB", (1, 1)),
        PILImage.new("L", (500, 3)),
        PILImage.new("RGBA", (64, 64)),
        PILImage.new("P", (9, 9)),
    ]
    assert np.isfinite(encoder.encode_images(pictures)).all()


@pytest.mark.models
def test_threads_and_batches_do_not_change_an_embedding(
    encoder: ImageTextEncoder, photos: dict[str, PILImage.Image]
) -> None:
    expected = encoder.encode_images(list(photos.values()))
    with ThreadPoolExecutor(3) as threads:
        apart = list(threads.map(lambda photo: encoder.encode_images([photo])[0], photos.values()))
    assert np.stack(apart) == pytest.approx(expected, abs=1e-4)


@pytest.mark.models
def test_the_floor_lies_between_what_belongs_and_what_does_not(
    encoder: ImageTextEncoder, photos: dict[str, PILImage.Image]
) -> None:
    assert encoder.match_floor is not None
    (cat,) = encoder.encode_images([photos["cat"]])
    fits, differs = encoder.encode_texts(["a cat", "a man on a snowboard jumps over a wall"]) @ cat
    assert differs < encoder.match_floor < fits


@pytest.mark.models
def test_the_classifier_knows_its_classes_in_the_order_of_their_names(photos: dict[str, PILImage.Image]) -> None:
    tower = shared_image_tower()
    pooled = efficientnet_lite.pool(tower.feature_maps([photos["cat"], photos["coffee"]]))
    cat, coffee = (imagenet.class_names()[row] for row in tower.classifier()(pooled).argmax(dim=1).tolist())
    assert cat[0] in {"Egyptian Mau", "tiger cat", "tabby cat"}
    assert coffee[0] == "espresso"


@pytest.mark.models
def test_one_image_tower_a_process() -> None:
    with ThreadPoolExecutor(4) as threads:
        towers = set(threads.map(lambda _: id(shared_image_tower()), range(8)))
    assert len(towers) == 1


@pytest.mark.models
def test_who_only_embeds_words_never_loads_the_image_tower(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail() -> NoReturn:
        raise ModelNotFound("gone")

    monkeypatch.setattr(builtin, "shared_image_tower", fail)
    encoder = BuiltinEncoder.load()
    assert encoder.encode_texts(["a dog"]).shape == (1, encoder.dimension)
    with pytest.raises(ModelNotFound):
        encoder.encode_images([PILImage.new("RGB", (64, 64))])
    monkeypatch.undo()  # a later call tries again
    assert encoder.encode_images([PILImage.new("RGB", (64, 64))]).shape == (1, encoder.dimension)


def test_a_missing_and_a_changed_weights_file_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "builtin_encoder.safetensors"
    monkeypatch.setattr(builtin, "WEIGHTS", path)
    with pytest.raises(ModelNotFound):
        BuiltinEncoder.load()
    path.write_bytes(b"something else")
    with pytest.raises(ModelCorrupt):
        BuiltinEncoder.load()


def test_either_block_of_a_picture_keeps_its_share() -> None:
    head = ImageHead().eval()
    embeddings = head(torch.rand(4, efficientnet_lite.CHANNELS), torch.softmax(torch.randn(4, 1000), dim=1))
    lengths = embeddings[:, builtin.SCENE :].norm(dim=1)
    assert torch.allclose(lengths.square(), torch.full((4,), builtin.KIND_SHARE), atol=1e-5)
    assert torch.allclose(kind_of(embeddings).norm(dim=1), torch.ones(4), atol=1e-5)


def test_a_feature_that_never_varies_stays_quiet() -> None:
    head = TextHead().eval()
    sample = torch.randn(50, 384)
    sample[:, 7] = 0.0
    head.scene.standardise_by(sample)
    head.kind.standardise_by(sample)
    assert torch.isfinite(head(sample)).all()
