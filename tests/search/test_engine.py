"""Queries and pictures are encoded by the very model that the version names."""

from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

from ml.errors import ModelNotFound
from search import engine
from search.exceptions import ModelChanged
from search.models import ModelVersion
from search.query.cutoff import background_texts
from tests.search.conftest import OtherEncoder


@pytest.fixture
def asked(encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every text that the encoder really had to encode."""
    texts: list[str] = []
    encode = encoders["fake"].encode_texts
    monkeypatch.setattr(
        encoders["fake"], "encode_texts", lambda batch: texts.extend(batch) or encode(batch), raising=False
    )
    return texts


def test_a_query_is_encoded_once(version: ModelVersion, asked: list[str]) -> None:
    first = engine.encode_query(["red", "blue"], version=version)
    assert first.shape == (2, version.dimension)
    assert engine.encode_query(["red", "blue"], version=version) is first
    assert asked == ["red", "blue"]


def test_nobody_can_spoil_a_remembered_query(version: ModelVersion) -> None:
    vectors = engine.encode_query(["red"], version=version)
    with pytest.raises(ValueError, match="read-only"):
        vectors[0] = 1.0


def test_queries_are_remembered_for_each_version_apart(version: ModelVersion, encoders: dict[str, Any]) -> None:
    of_fake = engine.encode_query(["red"], version=version)
    info = OtherEncoder.info
    other = ModelVersion(key=info.key, name="other", dimension=64)
    assert not np.allclose(engine.encode_query(["red"], version=other), of_fake)


def test_a_replaced_model_is_not_used_for_old_vectors(version: ModelVersion, encoders: dict[str, Any]) -> None:
    encoders["fake"] = OtherEncoder()
    with pytest.raises(ModelChanged):
        engine.encode_query(["red"], version=version)
    with pytest.raises(ModelChanged):
        engine.encode_pictures([PILImage.new("RGB", (8, 8))], version=version)


def test_pictures_come_back_in_their_order(version: ModelVersion) -> None:
    pictures = [PILImage.new("RGB", (8, 8), color) for color in ("red", "blue")]
    vectors = engine.encode_pictures(pictures, version=version)
    assert vectors.shape == (2, version.dimension)
    (red,) = engine.encode_query(["red"], version=version)
    assert vectors[0] @ red > vectors[0] @ vectors[1]


def test_warming_up_encodes_texts_of_two_lengths_and_the_background(version: ModelVersion, asked: list[str]) -> None:
    assert engine.background(version) is None
    engine.warm()
    assert [len(text.split()) > 6 for text in asked[:2]] == [False, True]
    assert asked[2:] == background_texts()
    assert engine.background(version) is not None


def test_warming_up_before_there_is_a_version(db: None, asked: list[str]) -> None:
    engine.warm()
    assert asked


def test_what_a_search_waits_for_encodes_no_background(version: ModelVersion, asked: list[str]) -> None:
    engine.prepare(version)
    assert engine.background(version) is None
    assert asked == []


def test_the_doctor_is_told_what_it_is(encoders: dict[str, Any], settings: Any) -> None:
    assert engine.describe() == f"fake: {encoders['fake'].info.key}, 64 dimensions"


def test_a_missing_one_is_said(settings: Any) -> None:
    settings.ENCODER = "nobody/has-this"
    with pytest.raises(ModelNotFound):
        engine.describe()
