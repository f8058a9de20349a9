"""Two encoders that disagree about everything, and pictures that have been embedded."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np
import pytest
from PIL import Image as PILImage

import ml
from gallery.models import Image
from ml.encoders.fake import FakeEncoder
from ml.interfaces import Embeddings, ModelInfo
from mmsite import worker
from search import engine, index, pushing, services, versions
from search.models import ModelVersion
from tests.faults.local_qdrant import LocalQdrant


class OtherEncoder(FakeEncoder):
    """Knows colours too, but places them elsewhere: its vectors and FakeEncoder's, compared, are far apart."""

    info = ModelInfo(name="other", revision="2", weights_hash="1" * 64, preprocessing="average")

    def _embed(self, rows: Sequence[Embeddings]) -> Embeddings:
        return np.ascontiguousarray(-np.roll(super()._embed(rows), 5, axis=1))


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    """No index and no remembered query of another test."""
    index.reset()
    engine.forget_queries()
    yield
    index.reset()
    engine.forget_queries()


@pytest.fixture
def encoders(monkeypatch: pytest.MonkeyPatch) -> dict[str, FakeEncoder]:
    """What is installed, by name; a test may put another one under a name."""
    installed = {"fake": FakeEncoder(), "other": OtherEncoder()}
    monkeypatch.setattr(ml, "load_encoder", installed.__getitem__)
    return installed


@pytest.fixture
def version(db: None) -> ModelVersion:
    """The active version, of the encoder `fake`."""
    return versions.model_version_ensure()


@pytest.fixture
def embed(version: ModelVersion) -> Callable[..., None]:
    """Embeds `color` as what an image shows: `embed(image, "red")`."""

    def embed(image: Image, color: str, by: ModelVersion | None = None) -> None:
        picture = PILImage.new("RGB", (32, 32), color)
        services.embeddings_write(version=by or version, image_ids=[image.pk], pictures=[picture])

    return embed


@pytest.fixture
def embedded(make_image: Callable[..., Image], embed: Callable[..., None]) -> Callable[..., Image]:
    """A picture of one colour that is ready for search: `embedded("red", owner=…, visibility=…)`."""

    def make(color: str = "red", **kwargs: object) -> Image:
        image = make_image(color, **kwargs)
        embed(image, color)
        return image

    return make


@pytest.fixture
def other(version: ModelVersion, encoders: dict[str, FakeEncoder]) -> ModelVersion:
    """Another one, of the encoder `other`, with which nothing is embedded yet."""
    return versions.model_version_add(name="other").version


@pytest.fixture
def library(version: ModelVersion, encoders: dict[str, FakeEncoder], make_image: Callable[..., Image]) -> list[Image]:
    """Pictures that the worker has done all its work on."""
    images = [make_image(color) for color in ("red", "green", "blue")]
    worker.work_until_idle()
    return images


@pytest.fixture
def qdrant() -> LocalQdrant:
    """The server of `on_qdrant`."""
    return LocalQdrant()


@pytest.fixture
def on_qdrant(settings: Any, qdrant: LocalQdrant) -> Iterator[None]:
    """Searches are a server's business, with an index of the process's own in reserve."""
    settings.VECTOR_FALLBACK = settings.VECTOR_INDEX
    settings.VECTOR_INDEX = {
        "BACKEND": "search.backends.qdrant.QdrantIndex",
        "OPTIONS": {"client": qdrant, "search_timeout": 60.0},
    }
    pushing.reset()
    yield
    pushing.reset()
