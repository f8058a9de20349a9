"""QdrantIndex and the circuit breaker before a server that fails in every way."""

from collections.abc import Iterator
from contextlib import suppress

import numpy as np
import pytest

from search.backends.base import All, Hit, Match, Point
from search.backends.breaker import CircuitBreaker
from search.backends.exceptions import CircuitOpen, IndexBusy, IndexRefused, IndexUnavailable
from search.backends.qdrant import QdrantIndex
from search.backends.retries import Retries
from tests.faults.qdrant_server import Answer, CutShort, Fault, QdrantServer, Refused, Slow

D = 8
QUERY = np.ones(D, np.float32)

PASSING = [
    Answer(500),
    Answer(503),
    Answer(429),
    Answer(429, retry_after="1"),
    Answer(429, retry_after="Wed, 21 Oct 2037 07:28:00 GMT"),
    CutShort(),
    Answer(200, body="<html>Welcome to nginx!"),
    Answer(200, body="{}"),
    Answer(200, body='{"result": 7}'),
]
LASTING = [Answer(400), Answer(401), Answer(403), Answer(404), Answer(301)]


@pytest.fixture
def server() -> Iterator[QdrantServer]:
    with QdrantServer(api_key="secret") as server:
        yield server


@pytest.fixture
def sleeps() -> list[float]:
    """The waits before repetitions, in seconds; nobody waits for real."""
    return []


@pytest.fixture
def index(server: QdrantServer, sleeps: list[float]) -> Iterator[QdrantIndex]:
    index = QdrantIndex(
        dimension=D,
        fields={"owner": "integer"},
        url=server.url,
        api_key="secret",
        search_timeout=20,
        batch_size=10,
        retries=Retries(sleep=sleeps.append),
    )
    index.prepare()
    server.calls.clear()
    yield index
    index.close()


def points(number: int, owner: int = 1) -> list[Point]:
    vectors = np.random.default_rng(0).standard_normal((number, D), dtype=np.float32)
    return [Point(key, vector, {"owner": owner, "tag": ("a", str(key))}) for key, vector in enumerate(vectors)]


def holds(index: QdrantIndex, expected: list[Point]) -> bool:
    stored = index.scroll(limit=1_000)
    return [(point.key, point.payload, point.vector.tolist()) for point in stored] == [
        (point.key, point.payload, point.vector.tolist()) for point in expected
    ]


class TestWithoutFaults:
    def test_points_come_back_over_http(self, index: QdrantIndex, server: QdrantServer) -> None:
        index.upsert(points(35))
        assert holds(index, points(35))
        index.delete([3, 4])
        assert index.count() == 33
        hits = index.search(QUERY, limit=50, where=Match("owner", (1,)))
        assert {hit.key for hit in hits} == set(range(35)) - {3, 4}
        assert index.search(QUERY, limit=50, where=Match("owner", (2,))) == []
        index.mark_active()
        index.maintain()
        index.drop()
        index.drop()
        assert not server.local.collection_exists(index.collection)


class TestSearches:
    """Searches are never repeated: who searches has something else to answer with."""

    @pytest.mark.parametrize("fault", PASSING)
    def test_what_may_pass(self, index: QdrantIndex, server: QdrantServer, fault: Fault) -> None:
        server.fault = fault
        with pytest.raises(IndexUnavailable) as error_info:
            index.search(QUERY, limit=5)
        assert not isinstance(error_info.value, IndexRefused)
        assert server.calls["query"] == 1
        server.fault = None
        assert index.search(QUERY, limit=5) == []

    @pytest.mark.parametrize("fault", LASTING)
    def test_what_stays(self, index: QdrantIndex, server: QdrantServer, fault: Fault) -> None:
        server.fault = fault
        with pytest.raises(IndexRefused):
            index.search(QUERY, limit=5)
        assert server.calls["query"] == 1

    def test_nobody_listens(self, index: QdrantIndex, server: QdrantServer) -> None:
        index.search(QUERY, limit=5)
        server.fault = Refused()
        with pytest.raises(IndexUnavailable, match="can't be reached"):
            index.search(QUERY, limit=5)
        server.fault = None
        assert index.search(QUERY, limit=5) == []

    def test_a_slow_answer_is_not_waited_for(self, server: QdrantServer) -> None:
        index = QdrantIndex(dimension=D, url=server.url, api_key="secret", search_timeout=0.2)
        index.prepare()
        server.fault = Slow(60)
        with pytest.raises(IndexUnavailable, match=r"within 0\.2 s"):
            index.search(QUERY, limit=5)
        with pytest.raises(IndexUnavailable, match=r"within 0\.2 s"):
            index.count(where=All(()))
        index.close()

    def test_how_long_to_wait_is_heard(self, index: QdrantIndex, server: QdrantServer) -> None:
        server.fault = Answer(429, retry_after="7")
        with pytest.raises(IndexBusy) as error_info:
            index.search(QUERY, limit=5)
        assert error_info.value.retry_after == 7

    def test_the_key_is_in_no_message(self, server: QdrantServer) -> None:
        index = QdrantIndex(dimension=D, url=server.url, api_key="not-the-one", search_timeout=20)
        with pytest.raises(IndexRefused, match="doesn't accept the API key") as error_info:
            index.search(QUERY, limit=5)
        assert "not-the-one" not in f"{error_info.value} {error_info.value.__cause__}"
        index.close()


class TestWrites:
    @pytest.mark.parametrize("fault", PASSING)
    def test_what_may_pass_is_tried_again_until_it_has(
        self, index: QdrantIndex, server: QdrantServer, sleeps: list[float], fault: Answer | CutShort
    ) -> None:
        server.fail_next(3, fault)
        index.upsert(points(5))
        assert server.calls["upsert"] == 4
        assert len(sleeps) == 3
        assert holds(index, points(5))

    @pytest.mark.parametrize("fault", PASSING)
    def test_but_not_without_end(self, index: QdrantIndex, server: QdrantServer, fault: Fault) -> None:
        server.fault = fault
        for ask in (lambda: index.delete([1]), index.count, lambda: index.scroll(limit=5), index.prepare, index.drop):
            server.calls.clear()
            with pytest.raises(IndexUnavailable):
                ask()
            assert server.calls.total() == 4

    @pytest.mark.parametrize("fault", LASTING)
    def test_what_stays_is_not_tried_again(
        self, index: QdrantIndex, server: QdrantServer, sleeps: list[float], fault: Fault
    ) -> None:
        server.fault = fault
        with pytest.raises(IndexRefused):
            index.upsert(points(5))
        assert server.calls["upsert"] == 1
        assert sleeps == []

    def test_nobody_listens(self, index: QdrantIndex, server: QdrantServer, sleeps: list[float]) -> None:
        server.fault = Refused()
        with pytest.raises(IndexUnavailable, match="can't be reached"):
            index.upsert(points(5))
        assert len(sleeps) == 3
        server.fault = None
        index.upsert(points(5))
        assert holds(index, points(5))

    def test_a_slow_answer_is_given_up_and_the_write_repeated(self, index: QdrantIndex, server: QdrantServer) -> None:
        hasty = QdrantIndex(dimension=D, url=server.url, api_key="secret", timeout=1)
        server.fail_next(1, Slow(60))
        hasty.upsert(points(5))
        assert server.calls["upsert"] >= 2
        assert holds(index, points(5))
        hasty.close()

    def test_the_server_is_left_alone_as_long_as_it_asks(
        self, index: QdrantIndex, server: QdrantServer, sleeps: list[float]
    ) -> None:
        server.fail_next(2, Answer(429, retry_after="7"))
        index.upsert(points(5))
        assert sleeps == [7, 7]

    def test_a_write_that_broke_off_in_the_middle_ends_level_when_it_is_repeated(
        self, index: QdrantIndex, server: QdrantServer
    ) -> None:
        index.upsert(points(35, owner=1))
        one_by_one = QdrantIndex(
            dimension=D,
            url=server.url,
            api_key="secret",
            batch_size=10,
            parallel=1,
            retries=Retries(attempts=1),
        )
        for fault in (Answer(500), CutShort()):
            server.fail_next(1, fault, after=2)
            with pytest.raises(IndexUnavailable):
                one_by_one.upsert(points(35, owner=2))
            assert len(index.search(QUERY, limit=50, where=Match("owner", (2,)))) >= 20
            assert index.count() == 35
        one_by_one.upsert(points(35, owner=2))
        assert holds(index, points(35, owner=2))
        one_by_one.close()

    def test_a_collection_whose_making_was_not_confirmed_is_there(
        self, index: QdrantIndex, server: QdrantServer
    ) -> None:
        index.drop()
        server.fail_next(1, CutShort(), after=1)
        assert index.prepare()
        assert server.calls["create"] == 2
        assert not index.prepare()
        assert server.local.get_collection(index.collection).payload_schema.keys() == {"owner"}


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


class TestBreaker:
    @pytest.mark.parametrize("fault", [Refused(), Answer(503), CutShort(), Answer(401)])
    def test_it_opens_while_the_server_fails_and_closes_when_it_is_back(
        self, index: QdrantIndex, server: QdrantServer, fault: Fault
    ) -> None:
        clock = Clock()
        breaker = CircuitBreaker(clock=clock)
        index.upsert(points(5))

        def search() -> list[Hit]:
            return breaker.call(lambda: index.search(QUERY, limit=5))

        assert len(search()) == 5
        server.fault = fault
        for _ in range(3):
            with pytest.raises(IndexUnavailable):
                search()
        assert breaker.state == "open"

        server.calls.clear()
        with pytest.raises(CircuitOpen):
            search()
        clock.now += 5
        with suppress(IndexUnavailable):
            search()
        with pytest.raises(CircuitOpen):
            search()
        assert server.calls["query"] == (0 if isinstance(fault, Refused) else 1), "one probe, and nothing else"

        server.fault = None
        clock.now += 10
        assert len(search()) == 5
        assert breaker.state == "closed"
