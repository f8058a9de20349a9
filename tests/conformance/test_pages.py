"""What every vector index must do with offsets and scrolling. A new backend joins by one line in
tests.conformance.backends."""

from itertools import chain

import numpy as np
import pytest

from search.backends.base import Filter, Match, Point, Range, VectorIndex
from search.backends.faiss import FaissIndex
from tests.conformance.points import DAY, axis, found, keys, library, point


class TestOffsets:
    """Pages join up to the whole, also where a border falls among equal scores."""

    @pytest.fixture
    def whole(self, index: VectorIndex) -> list[int]:
        """120 points in three heaps of equal scores, written in no order; the answer, best first."""
        heaps = {key: (key * 7) % 3 for key in range(120)}
        shuffled = np.random.default_rng(0).permutation(120)
        index.upsert([point(int(key), axis(0, 1.0 - heaps[int(key)] / 4), owner=int(key) % 4) for key in shuffled])
        return sorted(heaps, key=lambda key: (heaps[key], key))

    @pytest.mark.parametrize("size", [1, 7, 40, 120, 500])
    @pytest.mark.parametrize("where", [None, Match("owner", (1, 2))])
    def test_pages_join_up(self, index: VectorIndex, whole: list[int], size: int, where: Filter | None) -> None:
        expected = whole if where is None else [key for key in whole if key % 4 in (1, 2)]
        pages = [keys(index.search(axis(0), limit=size, offset=start, where=where)) for start in range(0, 121, size)]
        assert list(chain.from_iterable(pages)) == expected

    def test_past_the_end_there_is_nothing(self, index: VectorIndex, whole: list[int]) -> None:
        assert keys(index.search(axis(0), limit=10, offset=115)) == whole[115:]
        assert index.search(axis(0), limit=10, offset=120) == []
        assert index.search(axis(0), limit=10, offset=5_000) == []
        assert index.search(axis(0), limit=0, offset=3) == []

    def test_pages_of_different_scores_join_up(self, index: VectorIndex) -> None:
        index.upsert(library(300))
        where = Range("taken", 0, 200 * DAY)
        whole = keys(index.search(axis(0), limit=300, where=where))
        assert len(whole) > 100
        pages = [keys(index.search(axis(0), limit=30, offset=start, where=where)) for start in range(0, 300, 30)]
        assert list(chain.from_iterable(pages)) == whole


def everything(index: VectorIndex, limit: int = 7) -> list[Point]:
    """All points by scrolling; each piece is no longer than asked, and only the last one is empty."""
    points: list[Point] = []
    while piece := index.scroll(after=points[-1].key if points else -1, limit=limit):
        assert len(piece) <= limit
        points += piece
    return points


class TestScroll:
    def test_nothing_where_there_is_nothing(self, index: VectorIndex) -> None:
        assert index.scroll(limit=10) == []

    def test_every_point_once_by_key(self, index: VectorIndex) -> None:
        numbers = [int(key) for key in np.random.default_rng(0).permutation(50) * 3]
        for key in numbers:
            index.upsert([point(key)])
        assert [each.key for each in everything(index)] == sorted(numbers)
        assert [each.key for each in index.scroll(limit=3)] == [0, 3, 6]
        assert [each.key for each in index.scroll(after=6, limit=2)] == [9, 12]
        assert [each.key for each in index.scroll(after=7, limit=2)] == [9, 12]
        assert index.scroll(limit=0) == []
        assert index.scroll(after=2**63 - 1, limit=9) == []

    def test_keys_of_63_bits(self, index: VectorIndex) -> None:
        extremes = [0, 1, 2**53, 2**53 + 1, 2**63 - 1]
        index.upsert([point(key) for key in extremes])
        assert [each.key for each in everything(index, limit=2)] == extremes

    def test_vectors_and_payloads_come_back_whole(self, index: VectorIndex) -> None:
        points = [
            *library(40),
            point(100),
            point(101, axis(3), album=(5,), tag="ライカ 📷", title="«Zürich», 日本 🏔", taken=-1),
            point(102, axis(4), album=5, tag=("one", "two"), taken=(2**53 - 1, 0)),
        ]
        index.upsert(points)
        back = everything(index, limit=20)
        assert [each.key for each in back] == [each.key for each in points]
        assert [dict(each.payload) for each in back] == [dict(each.payload) for each in points]
        for got, given in zip(back, points, strict=True):
            assert got.vector.shape == given.vector.shape
            assert np.asarray(got.vector, np.float32) == pytest.approx(given.vector, abs=1e-3)

    def test_vectors_by_their_keys_where_they_lie_in_this_process(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(1)), point(2, axis(2)), point(3, axis(3))])
        index.delete([2])
        vectors = index.vectors([3, 1, 2, 7])
        if vectors is not None:
            assert {tuple(np.asarray(each, np.float32)) for each in vectors} == {tuple(axis(1)), tuple(axis(3))}
            assert len(vectors) == 2
        assert isinstance(index, FaissIndex) == (vectors is not None)

    def test_the_newest_payload_counts(self, index: VectorIndex) -> None:
        index.upsert([point(1, owner=1, tag=("a", "b")), point(2, owner=1)])
        index.upsert([point(1, axis(1), tag=("c",))])
        first, second = everything(index)
        assert (dict(first.payload), dict(second.payload)) == ({"tag": ("c",)}, {"owner": 1})
        assert np.asarray(first.vector, np.float32) == pytest.approx(axis(1), abs=1e-3)

    def test_deleted_points_are_gone(self, index: VectorIndex) -> None:
        points = library(60)
        index.upsert(points)
        index.delete([key for key in range(60) if key % 3])
        back = everything(index)
        assert [each.key for each in back] == list(range(0, 60, 3))
        assert [dict(each.payload) for each in back] == [dict(each.payload) for each in points[::3]]

    def test_points_may_be_deleted_on_the_way(self, index: VectorIndex) -> None:
        index.upsert([point(key) for key in range(20)])
        index.delete([each.key for each in index.scroll(limit=5)])
        assert [each.key for each in index.scroll(after=4, limit=2)] == [5, 6]


class TestBeginningAndEnd:
    def test_preparing_again_changes_nothing(self, index: VectorIndex) -> None:
        index.upsert([point(1)])
        assert not index.prepare()
        assert found(index) == {1}

    def test_after_a_drop_it_can_be_prepared_anew(self, index: VectorIndex) -> None:
        index.upsert(library(30))
        index.drop()
        index.drop()
        index.prepare()
        assert index.count() == 0
        assert index.scroll(limit=5) == []
        index.upsert([point(3, owner=1)])
        assert found(index, Match("owner", (1,))) == {3}

    def test_maintenance_may_come_at_any_time(self, index: VectorIndex) -> None:
        index.maintain()
        index.upsert([point(1), point(2)])
        index.maintain()
        assert found(index) == {1, 2}
        assert not index.wants_maintenance
