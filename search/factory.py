"""The settings VECTOR_INDEX, VECTOR_FALLBACK and CAPTION_INDEX -> indexes of a version."""

from datetime import UTC
from typing import Any

from django.conf import settings
from django.utils.module_loading import import_string

from search.backends.base import VectorIndex
from search.changes import FIELDS
from search.models import CaptionEmbedding, ModelVersion, Table


def create(version: ModelVersion) -> VectorIndex:
    """The index of a version, of the kind that settings.VECTOR_INDEX names. Asks no server."""
    return _create(settings.VECTOR_INDEX, version)


def create_local(table: Table, version: ModelVersion) -> VectorIndex:
    """An empty index in this process's memory: VECTOR_INDEX itself, or its fallback where that one is on a server; for
    captions, CAPTION_INDEX."""
    if table is CaptionEmbedding:
        return _create(settings.CAPTION_INDEX, version)
    return _create(settings.VECTOR_FALLBACK or settings.VECTOR_INDEX, version)


def is_shared() -> bool:
    """Whether searches are answered by a server that several processes share."""
    backend: type[VectorIndex] = import_string(settings.VECTOR_INDEX["BACKEND"])
    return backend.is_shared


def has_fallback() -> bool:
    """Whether each process keeps an index of its own, for when the server doesn't answer."""
    return settings.VECTOR_FALLBACK is not None


def _create(setting: dict[str, Any], version: ModelVersion) -> VectorIndex:
    backend: type[VectorIndex] = import_string(setting["BACKEND"])
    # With its time, so that two sites, or a site that was set up anew, don't meet on one server.
    name = f"{version.pk}-{version.created_at.astimezone(UTC):%Y%m%d%H%M%S%f}"
    return backend(dimension=version.dimension, name=name, fields=FIELDS, **setting["OPTIONS"])
