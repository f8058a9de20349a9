"""An index on a Qdrant server: one collection for each index, an alias for the active one."""

import math
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, ClassVar, TypeVar

import numpy as np
from qdrant_client import QdrantClient, models

from search.backends.base import FieldKind, Filter, Hit, Payload, Point, Vector, VectorIndex
from search.backends.exceptions import IndexRefused, IndexUnavailable
from search.backends.qdrant_connection import Connection
from search.backends.qdrant_filters import KEYS, qdrant_filter
from search.backends.qdrant_plan import LayoutOptions, QuantizationChoice, planned, present_layout
from search.backends.retries import Retries, within

T = TypeVar("T")

# Keys are 20 bytes at most, so that a request to delete stays far below Qdrant's limit of 32 MB.
DELETED_AT_ONCE = 10_000
# Hits asked for beyond those wanted, to see whether the last one ties with others; and how many, at most, are asked for
# to find the end of such a tie.
SPARE_HITS = 16
LONGEST_TIE = 10_000
# Written points after which the layout is worth a look.
POINTS_BETWEEN_MAINTENANCE = 10_000


class QdrantIndex(VectorIndex):
    """See VectorIndex. The options beyond it:

    - `url`, `api_key`, `prefer_grpc` and `grpc_port`, `verify` (False, or the path of a file with the certificates to
      trust): the way to the server. Qdrant listens at port 6333, and at 6334 for gRPC, unless told otherwise.
    - `search_timeout`: seconds within which a search ends, whatever happens; searches are never tried again, since who
      searches has something to fall back on. `timeout`: seconds that any other request may wait for the network at a
      time; those are tried again, see `Retries`, up to half a minute later.
    - `prefix`: the collection is "prefix-name", the alias of the active one "prefix-active".
    - `quantization`, `on_disk`, `hnsw_m`, `hnsw_ef_construct`: see `LayoutOptions`. `shards`, `replicas`,
      `write_consistency` (replicas that must have a write before it counts): for new collections only.
    - `hnsw_ef`: candidates that a search keeps (the server's default: ef_construct). `rescore`, `oversampling`: score
      that many times the wanted points anew by whole vectors, where there are quantized ones.
    - `batch_size`: points of one request; 256 x 512 numbers are 3 MB of JSON. `parallel`: requests at a time.

    `retries` and `client` stand in for their own ones in tests.
    """

    is_shared: ClassVar[bool] = True

    def __init__(
        self,
        *,
        dimension: int,
        name: str = "points",
        fields: Mapping[str, FieldKind] | None = None,
        url: str = "http://localhost:6333",
        api_key: str = "",
        prefer_grpc: bool = False,
        grpc_port: int = 6334,
        verify: bool | str = True,
        timeout: float = 30.0,
        search_timeout: float = 1.0,
        prefix: str = "mmsite",
        quantization: QuantizationChoice = "auto",
        on_disk: bool | None = None,
        shards: int | None = None,
        replicas: int | None = None,
        write_consistency: int | None = None,
        rescore: bool = True,
        oversampling: float = 2.0,
        hnsw_m: int | None = None,
        hnsw_ef_construct: int | None = None,
        hnsw_ef: int | None = None,
        batch_size: int = 256,
        parallel: int = 2,
        retries: Retries | None = None,
        client: QdrantClient | None = None,
    ) -> None:
        super().__init__(dimension=dimension, name=name, fields=fields)
        self.collection = f"{prefix}-{name}"
        self.alias = f"{prefix}-active"
        self._connection = Connection(
            url=url,
            api_key=api_key,
            prefer_grpc=prefer_grpc,
            grpc_port=grpc_port,
            timeout=timeout,
            verify=verify,
            retries=retries or Retries(),
            client=client,
        )
        self._search_timeout = search_timeout
        self._layout_options = LayoutOptions(quantization, on_disk, hnsw_m, hnsw_ef_construct)
        self._shards, self._replicas, self._write_consistency = shards, replicas, write_consistency
        self._search_params = models.SearchParams(
            hnsw_ef=hnsw_ef,
            quantization=models.QuantizationSearchParams(rescore=rescore, oversampling=oversampling),
        )
        self._batch_size = batch_size
        self._parallel = parallel
        # Nobody knows what an earlier process left. Two threads may count as one: it is a hint only.
        self._written = POINTS_BETWEEN_MAINTENANCE

    @property
    def location(self) -> str:
        return f"{self._connection.address} {self.collection}"

    def prepare(self) -> bool:
        """See VectorIndex. Indexes of payload fields that are missing are made too. Two processes may do so at once;
        either may then hear that the collection is new."""
        is_new = not self._exists()
        if is_new:
            self._create()
        present = self._connection.insist(lambda client: client.get_collection(self.collection))
        self._refuse_other_vectors(present)
        for field, kind in self.fields.items():
            index = present.payload_schema.get(field)
            if index is None or index.data_type != kind:
                self._index_field(field, kind)
        return is_new

    def drop(self) -> None:
        self._connection.insist(lambda client: client.delete_collection(self.collection))

    def mark_active(self) -> None:
        """Point the alias to this collection: deleted and made anew in one request, which the server does as one."""
        move: list[models.AliasOperations] = [
            models.DeleteAliasOperation(delete_alias=models.DeleteAlias(alias_name=self.alias)),
            models.CreateAliasOperation(
                create_alias=models.CreateAlias(collection_name=self.collection, alias_name=self.alias)
            ),
        ]
        self._connection.insist(lambda client: client.update_collection_aliases(move))

    def upsert(self, points: Sequence[Point]) -> None:
        latest = {point.key: point for point in points}
        rows = self.as_rows(point.vector for point in latest.values())
        sent = [
            models.PointStruct(id=point.key, vector=row.tolist(), payload=_as_json(point.payload))
            for point, row in zip(latest.values(), rows, strict=True)
        ]
        self._each(_batches(sent, self._batch_size), self._send)
        self._written += len(sent)

    def delete(self, keys: Collection[int]) -> None:
        self._each(_batches([key for key in map(int, keys) if key in KEYS], DELETED_AT_ONCE), self._remove)
        self._written += len(keys)

    def search(self, vector: Vector, *, limit: int, offset: int = 0, where: Filter | None = None) -> list[Hit]:
        (query,) = self.as_rows([vector]).tolist()
        if limit < 1:
            return []
        wanted = offset + limit
        hits = self._in_time(partial(self._best, query, wanted, qdrant_filter(where)))
        return sorted(hits, key=lambda hit: (-hit.score, hit.key))[offset:wanted]

    def _in_time(self, ask: Callable[[], T]) -> T:
        """What is asked for a search, which waits no longer. Raises IndexUnavailable."""
        try:
            return within(self._search_timeout, ask)
        except TimeoutError as error:
            raise IndexUnavailable(f"Qdrant didn't answer within {self._search_timeout:g} s.") from error

    def _best(self, query: list[float], wanted: int, where: models.Filter | None) -> list[Hit]:
        """The best hits, with all that tie with the last one wanted (LONGEST_TIE at most): Qdrant breaks ties as it
        likes."""
        asked = wanted + SPARE_HITS
        longest = max(asked, LONGEST_TIE)
        while True:
            hits = self._query(query, asked, where)
            if len(hits) < asked or hits[-1].score < hits[wanted - 1].score or asked == longest:
                return hits
            asked = min(8 * asked, longest)

    def _query(self, query: list[float], limit: int, where: models.Filter | None) -> list[Hit]:
        answer = self._connection.ask(
            lambda client: client.query_points(
                self.collection,
                query=query,
                query_filter=where,
                search_params=self._search_params,
                limit=limit,
                with_payload=False,
                timeout=math.ceil(self._search_timeout),
            )
        )
        return [Hit(_key(point.id), point.score) for point in answer.points]

    def count(self, where: Filter | None = None) -> int:
        among, exact = qdrant_filter(where), where is None

        def counted(client: QdrantClient) -> int:
            return client.count(self.collection, count_filter=among, exact=exact).count

        if where is None:
            return self._connection.insist(counted)
        return self._in_time(partial(self._connection.ask, counted))

    def scroll(self, *, after: int = -1, limit: int) -> list[Point]:
        points: list[Point] = []
        start: models.ExtendedPointId | None = max(0, after + 1)
        while len(points) < limit and start is not None and _key(start) in KEYS:
            records, start = self._page(start, min(limit - len(points), self._batch_size))
            points += map(_point, records)
        return points

    def _page(
        self, start: models.ExtendedPointId, limit: int
    ) -> tuple[list[models.Record], models.ExtendedPointId | None]:
        return self._connection.insist(
            lambda client: client.scroll(
                self.collection, limit=limit, offset=start, with_payload=True, with_vectors=True
            )
        )

    @property
    def wants_maintenance(self) -> bool:
        return self._written >= POINTS_BETWEEN_MAINTENANCE

    def maintain(self) -> None:
        """Lay the collection out for its present size, where it is laid out for another one. The server builds the new
        layout beside the old one, which answers meanwhile."""
        self._written = 0
        info = self._connection.insist(lambda client: client.get_collection(self.collection))
        present = present_layout(info.config, self._layout_options)
        layout = planned(info.points_count or 0, self._layout_options, present)
        if layout == present:
            return
        self._connection.insist(
            lambda client: client.update_collection(
                self.collection,
                vectors_config={"": models.VectorParamsDiff(on_disk=layout.on_disk)},
                hnsw_config=layout.hnsw_config(),
                quantization_config=layout.quantization_config() or models.Disabled.DISABLED,
            )
        )

    def close(self) -> None:
        """Give the network connections back; they are made anew where needed."""
        self._connection.close()

    def _exists(self) -> bool:
        return self._connection.insist(lambda client: client.collection_exists(self.collection))

    def _create(self) -> None:
        layout = planned(0, self._layout_options)
        try:
            self._connection.insist(
                lambda client: client.create_collection(
                    self.collection,
                    vectors_config=models.VectorParams(
                        size=self.dimension, distance=models.Distance.DOT, on_disk=layout.on_disk
                    ),
                    hnsw_config=layout.hnsw_config(),
                    quantization_config=layout.quantization_config(),
                    shard_number=self._shards,
                    replication_factor=self._replicas,
                    write_consistency_factor=self._write_consistency,
                )
            )
        except IndexRefused:
            # Another process was faster, or an attempt before this one came through after all.
            if not self._exists():
                raise

    def _index_field(self, field: str, kind: FieldKind) -> None:
        schema: models.PayloadSchemaParams
        match kind:
            case "integer":
                schema = models.IntegerIndexParams(type=models.IntegerIndexType.INTEGER, lookup=True, range=True)
            case "keyword":
                schema = models.KeywordIndexParams(type=models.KeywordIndexType.KEYWORD)
        self._connection.insist(lambda client: client.create_payload_index(self.collection, field, schema))

    def _refuse_other_vectors(self, present: models.CollectionInfo) -> None:
        vectors = present.config.params.vectors
        if (
            not isinstance(vectors, models.VectorParams)
            or vectors.size != self.dimension
            or vectors.distance != models.Distance.DOT
        ):
            raise IndexRefused(
                f"The collection {self.collection} holds other vectors than these, of {self.dimension} numbers. Is it "
                "another site's? Give this one another prefix, or remove that collection."
            )

    def _each(self, batches: Iterable[list[T]], send: Callable[[list[T]], None]) -> None:
        """Send the batches, a few at a time. Raises what the first failing one raised; those not begun are left out."""
        with ThreadPoolExecutor(self._parallel) as pool:
            sending = [pool.submit(send, batch) for batch in batches]
            try:
                for one in sending:
                    one.result()
            finally:
                pool.shutdown(wait=False, cancel_futures=True)

    def _send(self, points: list[models.PointStruct]) -> None:
        self._write(lambda client: client.upsert(self.collection, points, wait=True))

    def _remove(self, keys: list[int]) -> None:
        selected = models.PointIdsList(points=list(keys))
        self._write(lambda client: client.delete(self.collection, selected, wait=True))

    def _write(self, write: Callable[[QdrantClient], models.UpdateResult]) -> None:
        def written(client: QdrantClient) -> None:
            if write(client).status != models.UpdateStatus.COMPLETED:
                raise IndexUnavailable("Qdrant took the points, but hasn't finished with them in time.")

        self._connection.insist(written)


def _batches(items: Sequence[T], size: int) -> list[list[T]]:
    return [list(items[start : start + size]) for start in range(0, len(items), size)]


def _as_json(payload: Payload) -> dict[str, Any]:
    return {field: list(value) if isinstance(value, tuple) else value for field, value in payload.items()}


def _point(record: models.Record) -> Point:
    payload = {
        field: tuple(value) if isinstance(value, list) else value for field, value in (record.payload or {}).items()
    }
    return Point(_key(record.id), np.asarray(record.vector, np.float32), payload)


def _key(point_id: models.ExtendedPointId) -> int:
    """Every point of ours has a number; in a collection of another site there may be UUIDs."""
    if not isinstance(point_id, int):
        raise IndexRefused(f"The point {point_id} isn't one of this site's.")
    return point_id
