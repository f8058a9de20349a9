"""What the conformance suite doesn't ask of a Qdrant index: how it deals with the server."""

import time
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
from qdrant_client import QdrantClient
from qdrant_client.http import models

from search.backends import qdrant_connection
from search.backends.base import Point
from search.backends.exceptions import DimensionMismatch, IndexRefused, IndexUnavailable
from search.backends.qdrant import LONGEST_TIE, POINTS_BETWEEN_MAINTENANCE, QdrantIndex
from search.backends.qdrant_plan import SCALAR_FROM
from search.backends.retries import Retries
from tests.faults.local_qdrant import LocalQdrant

D = 4
SLOW = object()


class Recorder:
    """An in-memory client that notes the name and the options of every call. `answers` come in the place of its next
    ones; SLOW is its own, after a moment."""

    def __init__(self) -> None:
        self._client = LocalQdrant()
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.answers: dict[str, list[Any]] = {}

    def __getattr__(self, name: str) -> Any:
        def noted(*args: Any, **options: Any) -> Any:
            self.calls.append((name, options))
            if not (answers := self.answers.get(name)):
                return getattr(self._client, name)(*args, **options)
            answer = answers.pop(0)
            if answer is SLOW:
                time.sleep(0.2)
                return getattr(self._client, name)(*args, **options)
            if isinstance(answer, Exception):
                raise answer
            return answer

        return noted

    def made(self) -> list[str]:
        """The names of the calls so far, which are then forgotten."""
        names = [name for name, _ in self.calls]
        self.calls.clear()
        return names

    def named(self, name: str) -> list[dict[str, Any]]:
        return [options for called, options in self.calls if called == name]


@pytest.fixture
def server() -> Recorder:
    return Recorder()


def index_on(server: Recorder, **options: Any) -> QdrantIndex:
    retries = Retries(sleep=lambda seconds: None)
    return QdrantIndex(
        client=cast(QdrantClient, server), search_timeout=60, retries=retries, **({"dimension": D} | options)
    )


def points(number: int, first: int = 0) -> list[Point]:
    return [Point(first + key, np.eye(D)[key % D], {"owner": key}) for key in range(number)]


class TestTheWayToTheServer:
    def test_making_one_makes_no_client(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(qdrant_connection, "QdrantClient", None)
        index = QdrantIndex(dimension=D, url="http://nowhere.invalid:6333", api_key="secret")
        assert index.location == "http://nowhere.invalid:6333 mmsite-points"
        assert index.is_shared
        index.close()

    def test_a_password_in_the_address_is_not_shown(self) -> None:
        assert QdrantIndex(dimension=D, url="http://me:word@there:1", name="7").location == "there:1 mmsite-7"

    @pytest.mark.parametrize("key", ["secret\n", "sécret", "two words", "\x00"])
    def test_a_key_that_is_none_is_refused_and_not_repeated(self, key: str) -> None:
        with pytest.raises(ValueError, match="line end") as error_info:
            QdrantIndex(dimension=D, api_key=key)
        assert key not in str(error_info.value)

    def test_certificates_that_cannot_be_read(self, tmp_path: Path) -> None:
        nonsense = tmp_path / "nonsense.pem"
        nonsense.write_text("no certificate")
        for path in (nonsense, tmp_path / "absent.pem"):
            with pytest.raises(IndexRefused, match="can't be read"):
                QdrantIndex(dimension=D, url="https://localhost:1", verify=str(path)).count()

    def test_nobody_answers_grpc(self) -> None:
        index = QdrantIndex(
            dimension=D,
            url="http://127.0.0.1:1",
            prefer_grpc=True,
            grpc_port=1,
            search_timeout=60,
            retries=Retries(attempts=1),
        )
        with pytest.raises(IndexUnavailable, match="UNAVAILABLE"):
            index.search(np.ones(D), limit=3)
        with pytest.raises(IndexUnavailable, match="UNAVAILABLE"):
            index.upsert(points(3))
        index.close()


class TestPreparing:
    def test_the_first_time_makes_collection_and_field_indexes(self, server: Recorder) -> None:
        index = index_on(server, fields={"owner": "integer", "tag": "keyword"}, replicas=2, quantization="scalar")
        assert index.prepare()
        (made,) = server.named("create_collection")
        assert made["vectors_config"].size == D
        assert made["replication_factor"] == 2
        assert isinstance(made["quantization_config"], models.ScalarQuantization)
        assert server.get_collection(index.collection).payload_schema.keys() == {"owner", "tag"}

    def test_again_it_only_looks(self, server: Recorder) -> None:
        index = index_on(server, fields={"owner": "integer"})
        index.prepare()
        server.made()
        assert not index.prepare()
        assert server.made() == ["collection_exists", "get_collection"]

    def test_missing_and_wrong_field_indexes_are_made(self, server: Recorder) -> None:
        index_on(server, fields={"owner": "integer", "tag": "integer"}).prepare()
        index = index_on(server, fields={"owner": "integer", "tag": "keyword", "taken": "integer"})
        server.made()
        assert not index.prepare()
        assert server.made().count("create_payload_index") == 2
        schema = server.get_collection(index.collection).payload_schema
        assert {field: str(about.data_type) for field, about in schema.items()} == dict(index.fields)

    def test_another_process_may_be_faster(self, server: Recorder) -> None:
        index = index_on(server)
        index.prepare()
        server.answers = {
            "collection_exists": [False],
            "create_collection": [IndexRefused("Qdrant answered 409 Conflict: it already exists")],
        }
        assert index.prepare()

    def test_a_refusal_is_one_where_nobody_was_faster(self, server: Recorder) -> None:
        server.answers = {"create_collection": [IndexRefused("Qdrant answered 400 Bad Request: the name is odd")]}
        with pytest.raises(IndexRefused, match="odd"):
            index_on(server).prepare()

    def test_a_collection_of_other_vectors_is_left_alone(self, server: Recorder) -> None:
        index_on(server, dimension=D + 1).prepare()
        with pytest.raises(IndexRefused, match="holds other vectors"):
            index_on(server).prepare()
        assert server.collection_exists("mmsite-points")

    def test_the_alias_moves_in_one_request(self, server: Recorder) -> None:
        for name in ("1", "2"):
            index = index_on(server, name=name)
            index.prepare()
            index.upsert(points(int(name)))
            server.made()
            index.mark_active()
            index.mark_active()
            assert server.made() == 2 * ["update_collection_aliases"]
            assert server.count("mmsite-active").count == int(name)


class TestWriting:
    def test_large_writes_go_in_batches(self, server: Recorder) -> None:
        index = index_on(server, batch_size=10, parallel=3)
        index.prepare()
        index.upsert(points(95))
        assert server.made().count("upsert") == 10
        assert index.count() == 95
        assert [point.key for point in index.scroll(limit=35)] == list(range(35))
        assert server.made().count("scroll") == 4

    def test_one_bad_vector_sends_nothing(self, server: Recorder) -> None:
        with pytest.raises(DimensionMismatch):
            index_on(server, batch_size=1).upsert([*points(3), Point(9, np.ones(D + 1), {})])
        assert server.made() == []

    def test_what_is_not_finished_is_written_again(self, server: Recorder) -> None:
        index = index_on(server)
        index.prepare()
        waiting = models.UpdateResult(operation_id=1, status=models.UpdateStatus.WAIT_TIMEOUT)
        server.answers = {"upsert": [waiting], "delete": [waiting]}
        index.upsert(points(3))
        index.delete([0])
        assert index.count() == 2
        assert (len(server.named("upsert")), len(server.named("delete"))) == (2, 2)

    @pytest.mark.parametrize("error", [IndexRefused("The disk is full."), KeyError("a bug of ours")])
    def test_after_a_failed_batch_the_rest_is_left_out(self, server: Recorder, error: Exception) -> None:
        index = index_on(server, batch_size=1, parallel=1)
        index.prepare()
        server.answers = {"upsert": [error, *[SLOW] * 499]}
        with pytest.raises(type(error)):
            index.upsert(points(500))
        assert len(server.named("upsert")) < 500


class TestSearching:
    def test_the_way_to_search_is_told(self, server: Recorder) -> None:
        index = index_on(server, hnsw_ef=77, oversampling=3.0)
        index.prepare()
        index.search(np.ones(D), limit=1)
        (asked,) = server.named("query_points")
        assert asked["search_params"].hnsw_ef == 77
        assert asked["search_params"].quantization.oversampling == 3.0
        assert asked["timeout"] == 60

    def test_no_hits_wanted_is_no_question(self, server: Recorder) -> None:
        assert index_on(server).search(np.ones(D), limit=0, offset=3) == []
        assert server.made() == []

    def test_the_end_of_a_tie_is_looked_for_up_to_a_limit(self, server: Recorder) -> None:
        tied = [models.ScoredPoint(id=key, version=0, score=1.0) for key in range(LONGEST_TIE)]
        questions: list[int] = []

        def query_points(name: str, *, limit: int, **_: Any) -> models.QueryResponse:
            questions.append(limit)
            return models.QueryResponse(points=tied[:limit])

        cast(Any, server).query_points = query_points
        hits = index_on(server).search(np.ones(D), limit=2, offset=1)
        assert [hit.key for hit in hits] == [1, 2]
        assert questions == [19, 152, 1_216, 9_728, LONGEST_TIE]

    def test_points_of_another_site_are_not_taken_for_ours(self, server: Recorder) -> None:
        index = index_on(server)
        index.prepare()
        server.upsert(index.collection, [models.PointStruct(id="7a5e9d5e-0000-0000-0000-000000000000", vector=[1] * D)])
        with pytest.raises(IndexRefused, match="isn't one of this site's"):
            index.search(np.ones(D), limit=1)

    def test_nor_on_the_way_through_all_of_them(self, server: Recorder) -> None:
        index = index_on(server, batch_size=1)
        index.prepare()
        index.upsert(points(1))
        server.upsert(index.collection, [models.PointStruct(id="7a5e9d5e-0000-0000-0000-000000000000", vector=[1] * D)])
        assert [point.key for point in index.scroll(limit=1)] == [0]
        with pytest.raises(IndexRefused, match="isn't one of this site's"):
            index.scroll(limit=9)


class TestMaintenance:
    def test_it_is_due_at_first_and_after_many_writes(self, server: Recorder) -> None:
        index = index_on(server)
        index.prepare()
        assert index.wants_maintenance
        index.maintain()
        index.upsert(points(3))
        assert not index.wants_maintenance
        index.delete(range(POINTS_BETWEEN_MAINTENANCE))
        assert index.wants_maintenance

    def test_a_grown_collection_is_laid_out_anew_once(self, server: Recorder) -> None:
        index = index_on(server)
        index.prepare()
        grown = server.get_collection(index.collection).model_copy(update={"points_count": SCALAR_FROM})
        server.answers = {"get_collection": [grown]}
        index.maintain()
        (change,) = server.named("update_collection")
        assert isinstance(change["quantization_config"], models.ScalarQuantization)
        assert change["vectors_config"][""].on_disk is False

        laid_out = server.get_collection(index.collection).model_copy(update={"points_count": SCALAR_FROM})
        server.answers = {"get_collection": [laid_out]}
        server.made()
        index.maintain()
        assert server.made() == ["get_collection"]

    def test_a_shrunken_collection_too(self, server: Recorder) -> None:
        index_on(server, quantization="binary", on_disk=True, hnsw_m=8).prepare()
        index_on(server, hnsw_m=24).maintain()
        info = server.get_collection("mmsite-points")
        assert info.config.quantization_config is None
        assert info.config.params.vectors.on_disk is False
        assert info.config.hnsw_config.m == 24
