"""The backends that the conformance suite runs on. A new one joins by one line."""

import os
import uuid
from collections.abc import Callable
from typing import Any, cast

from qdrant_client import QdrantClient

from search.backends.base import VectorIndex
from search.backends.faiss import FaissIndex
from search.backends.qdrant import QdrantIndex
from tests.faults.local_qdrant import LocalQdrant


def qdrant_in_memory(**options: Any) -> VectorIndex:
    """The client's in-memory mode filters in plain Python, so that it needs longer than a server may."""
    return QdrantIndex(client=cast(QdrantClient, LocalQdrant()), search_timeout=60, **options)


class Tidy(QdrantIndex):
    """Hangs up after a drop, with which the suite ends each test."""

    def drop(self) -> None:
        super().drop()
        self.close()


def qdrant_server(**options: Any) -> VectorIndex:
    """On the server at QDRANT_URL: in a collection of its own, which the suite drops in the end."""
    return Tidy(
        url=os.environ["QDRANT_URL"],
        api_key=os.environ.get("QDRANT_API_KEY", ""),
        prefix=f"conformance-{uuid.uuid4().hex}",
        search_timeout=60,
        **options,
    )


BACKENDS: dict[str, Callable[..., VectorIndex]] = {"faiss": FaissIndex, "qdrant": qdrant_in_memory}
if "QDRANT_URL" in os.environ:
    BACKENDS["qdrant server"] = qdrant_server
