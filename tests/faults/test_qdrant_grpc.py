"""QdrantIndex over gRPC, which the client translates on a way of its own."""

from collections.abc import Iterator

import grpc
import numpy as np
import pytest

from search.backends.base import HasKey, Match
from search.backends.exceptions import IndexBusy, IndexRefused, IndexUnavailable
from search.backends.qdrant import QdrantIndex
from search.backends.retries import Retries
from tests.conformance.points import FIELDS, D, cloud, found, holds, library, point, random_filter
from tests.faults.qdrant_grpc import NO_FAILURE, QdrantGrpcServer


@pytest.fixture
def server() -> Iterator[QdrantGrpcServer]:
    with QdrantGrpcServer(api_key="secret") as server:
        yield server


@pytest.fixture
def sleeps() -> list[float]:
    return []


@pytest.fixture
def index(server: QdrantGrpcServer, sleeps: list[float]) -> Iterator[QdrantIndex]:
    index = QdrantIndex(
        dimension=D,
        fields=FIELDS,
        url="http://127.0.0.1:1",  # nobody listens there: everything must go by gRPC
        grpc_port=server.port,
        prefer_grpc=True,
        api_key="secret",
        search_timeout=20,
        retries=Retries(sleep=sleeps.append),
    )
    assert index.prepare()
    yield index
    index.close()


def test_points_come_back_as_they_were(index: QdrantIndex) -> None:
    points = [*library(40), point(2**63 - 1, tag=("ライカ 📷", ""), taken=(2**53 - 1, -1), album=5), point(2**53 + 1)]
    index.upsert(points)
    index.delete([7, 2**62])
    expected = sorted((each for each in points if each.key != 7), key=lambda each: each.key)
    back = index.scroll(limit=100)
    assert index.count() == len(expected)
    assert [(each.key, each.payload) for each in back] == [(each.key, each.payload) for each in expected]
    assert np.array([each.vector for each in back]) == pytest.approx(np.array([each.vector for each in expected]))
    assert [each.key for each in index.scroll(after=2**53, limit=1)] == [2**53 + 1]


def test_filters_mean_what_they_say(index: QdrantIndex) -> None:
    points = library(200)
    index.upsert(points)
    dice = np.random.default_rng(3)
    for where in (Match("owner", ()), HasKey(()), *(random_filter(dice) for _ in range(40))):
        expected = {each.key for each in points if holds(where, each.key, each.payload)}
        assert found(index, where, limit=500) == expected, where


def test_a_collection_is_prepared_laid_out_named_and_dropped(index: QdrantIndex, server: QdrantGrpcServer) -> None:
    assert not index.prepare()
    assert server.local.get_collection(index.collection).payload_schema.keys() == FIELDS.keys()
    for options, kind in (({"quantization": "binary", "on_disk": True, "hnsw_m": 24}, "binary"), ({}, None)):
        other = QdrantIndex(
            dimension=D, url="http://127.0.0.1:1", grpc_port=server.port, prefer_grpc=True, api_key="secret", **options
        )
        other.maintain()
        config = server.local.get_collection(index.collection).config
        assert hasattr(config.quantization_config, "binary") == (kind == "binary")
        assert config.params.vectors.on_disk == (kind == "binary")
        assert config.hnsw_config.m == 24
        other.close()
    index.mark_active()
    index.mark_active()
    assert server.local.count(index.alias).count == 0
    index.drop()
    index.drop()
    with pytest.raises(IndexRefused, match="NOT_FOUND"):
        index.count()


@pytest.mark.parametrize("code", [grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.INTERNAL])
def test_what_may_pass_is_tried_again(
    index: QdrantIndex, server: QdrantGrpcServer, sleeps: list[float], code: grpc.StatusCode
) -> None:
    server.failure = (code, "by order of the test", ())
    with pytest.raises(IndexUnavailable) as error_info:
        index.search(cloud(1)[0], limit=3)
    assert not isinstance(error_info.value, IndexRefused)
    assert sleeps == []
    with pytest.raises(IndexUnavailable):
        index.upsert(library(3))
    assert len(sleeps) == 3
    server.failure = NO_FAILURE
    index.upsert(library(3))
    assert index.count() == 3


def test_how_long_to_wait_is_heard(index: QdrantIndex, server: QdrantGrpcServer) -> None:
    server.failure = (grpc.StatusCode.RESOURCE_EXHAUSTED, "too much", (("retry-after", "7"),))
    with pytest.raises(IndexBusy) as error_info:
        index.search(cloud(1)[0], limit=3)
    assert error_info.value.retry_after == 7


def test_a_wrong_key_is_refused_at_once(server: QdrantGrpcServer) -> None:
    index = QdrantIndex(dimension=D, grpc_port=server.port, prefer_grpc=True, api_key="not-the-one")
    with pytest.raises(IndexRefused, match="doesn't accept the API key") as error_info:
        index.prepare()
    assert "not-the-one" not in str(error_info.value)
    index.close()
