"""The encoders of this process. Importing this is cheap; the first call that needs a model loads it.

Vectors are only ever made by the very model that the version names, so that those of two models are never compared.
"""

from collections.abc import Sequence
from contextlib import suppress
from functools import lru_cache

from django.conf import settings
from PIL.Image import Image as Picture

import ml
from ml.errors import ModelError
from ml.interfaces import Embeddings, ImageTextEncoder
from search import backgrounds, metrics
from search.exceptions import ModelChanged
from search.models import ModelVersion
from search.query.cutoff import Background

QUERIES_REMEMBERED = 256


def configured_encoder() -> ImageTextEncoder:
    """The encoder that settings.ENCODER names. Raises an error of ml.errors where it can't be loaded."""
    return encoder_named(settings.ENCODER)


def encoder_named(name: str) -> ImageTextEncoder:
    """The encoder that a name, hub id or folder stands for today. Raises an error of ml.errors."""
    ml.serve_on(settings.DEVICE)
    ml.compute_by(settings.RUNTIME, cache=settings.COMPILED_DIR)
    return ml.load_encoder(name)


def encoder_of(version: ModelVersion) -> ImageTextEncoder:
    """The encoder that made a version's vectors. Raises ModelChanged, or an error of ml.errors."""
    return _encoder(version.name, version.key)


def encode_query(texts: Sequence[str], *, version: ModelVersion) -> Embeddings:
    """The vectors of all texts of a query, (n, d), in their order, read-only; remembered, since who turns the page asks
    again. Raises ModelChanged, or an error of ml.errors."""
    return _query_vectors(version.name, version.key, tuple(texts))


def encode_pictures(pictures: Sequence[Picture], *, version: ModelVersion) -> Embeddings:
    """The vectors of RGB pictures, (n, d), in their order. Raises ModelChanged, or an error of ml.errors."""
    encoder = encoder_of(version)
    with metrics.ENCODINGS.labels(of="pictures").time():
        return encoder.encode_images(pictures)


def encode_texts(texts: Sequence[str], *, version: ModelVersion) -> Embeddings:
    """The vectors of texts, (n, d), in their order. Raises ModelChanged, or an error of ml.errors."""
    encoder = encoder_of(version)
    with metrics.ENCODINGS.labels(of="texts").time():
        return encoder.encode_texts(texts)


def match_floor(version: ModelVersion) -> float | None:
    """Cosine below which a text and a picture rarely belong together; None where nobody measured it."""
    return encoder_of(version).match_floor


def background(version: ModelVersion) -> Background | None:
    """What its encoder makes of the background queries; None where it tells too little, or has not been asked."""
    return backgrounds.prepared(version.key)


def prepare(version: ModelVersion) -> None:
    """Load the model of a version that a search waits for. One that can't be loaded is for the searches to tell."""
    with suppress(ModelError):
        encoder_of(version)


def warm(version: ModelVersion | None = None) -> None:
    """Load the model of a version and encode a few texts, so that nobody who searches waits for that.

    Without a version, of the active one, and before there is one, the configured model. Raises ModelChanged, or an
    error of ml.errors.
    """
    version = version or ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).first()
    encoder = encoder_of(version) if version else configured_encoder()
    for text in ("a photo", "a photo of more than a few of us together"):  # of both usual lengths: ml.runtime.lengths
        encoder.encode_texts([text])
    backgrounds.prepare(encoder.info.key, encoder.encode_texts)


def describe() -> str:
    """Which encoder this is, in words, for the doctor. Raises an error of ml.errors where it can't be loaded."""
    encoder = configured_encoder()
    return f"{settings.ENCODER}: {encoder.info.key}, {encoder.dimension} dimensions"


def forget_queries() -> None:
    """Forget the vectors of texts that were asked for, and of the background queries."""
    _query_vectors.cache_clear()
    backgrounds.forget()


def _encoder(name: str, key: str) -> ImageTextEncoder:
    encoder = encoder_named(name)
    if encoder.info.key != key:
        raise ModelChanged(f"The model {name} is now {encoder.info.key}; these vectors were made by {key}.")
    return encoder


@lru_cache(maxsize=QUERIES_REMEMBERED)
def _query_vectors(name: str, key: str, texts: tuple[str, ...]) -> Embeddings:
    encoder = _encoder(name, key)
    with metrics.ENCODINGS.labels(of="query").time():
        vectors = encoder.encode_texts(texts)
    vectors.flags.writeable = False  # shared by all who ask for the same texts
    return vectors
