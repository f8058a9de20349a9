"""qdrant-client's in-memory mode, fit to stand in for a server in tests."""

import threading
from typing import Any

from qdrant_client import QdrantClient
from qdrant_client.http import models


class LocalQdrant:
    """An in-memory QdrantClient that answers one call at a time, as it isn't safe to share between threads, and which
    remembers what that mode forgets: indexes of payload fields and the layout of a collection.

    It has no approximate search and no quantization: what those cost in recall, only a real server shows.
    """

    def __init__(self) -> None:
        self._client = QdrantClient(":memory:")
        self._lock = threading.RLock()
        self._schemas: dict[str, dict[str, models.PayloadIndexInfo]] = {}
        self._layouts: dict[str, dict[str, Any]] = {}

    def __getattr__(self, name: str) -> Any:
        method = getattr(self._client, name)

        def one_at_a_time(*args: Any, **kwargs: Any) -> Any:
            with self._lock:
                return method(*args, **kwargs)

        return one_at_a_time

    def query_points(self, name: str, *, search_params: Any = None, **question: Any) -> models.QueryResponse:
        """How to search is for a server with several ways to do so; this mode warns that it has one."""
        with self._lock:
            return self._client.query_points(name, **question)

    def create_collection(self, name: str, **options: Any) -> bool:
        with self._lock:
            made = self._client.create_collection(name, **options)
            self._schemas[name] = {}
            self._layouts[name] = {key: options.get(key) for key in ("quantization_config", "hnsw_config")}
            return made

    def update_collection(self, name: str, **changes: Any) -> bool:
        with self._lock:
            self._client.get_collection(name)  # raises where there is none
            self._layouts[name] |= {key: change for key, change in changes.items() if change is not None}
            return True

    def create_payload_index(self, name: str, field_name: str, field_schema: Any, **_: Any) -> models.UpdateResult:
        with self._lock:
            points = self._client.count(name).count
            kind = models.PayloadSchemaType(getattr(field_schema, "type", field_schema).value)
            self._schemas[name][field_name] = models.PayloadIndexInfo(
                data_type=kind, params=field_schema, points=points
            )
            return models.UpdateResult(operation_id=0, status=models.UpdateStatus.COMPLETED)

    def get_collection(self, name: str, **_: Any) -> models.CollectionInfo:
        with self._lock:
            info = self._client.get_collection(name)
            info.payload_schema = dict(self._schemas[name])
            layout = self._layouts[name]
            quantization = layout["quantization_config"]
            info.config.quantization_config = None if quantization == models.Disabled.DISABLED else quantization
            if hnsw := layout["hnsw_config"]:
                changed = hnsw.model_dump(exclude_none=True)
                info.config.hnsw_config = info.config.hnsw_config.model_copy(update=changed)
            vectors = info.config.params.vectors
            if isinstance(vectors, models.VectorParams) and "vectors_config" in layout:
                vectors.on_disk = layout["vectors_config"][""].on_disk
            return info
