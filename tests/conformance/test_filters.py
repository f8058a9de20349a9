"""What every vector index must make of filters. A new backend joins by one line in tests.conformance.backends."""

import numpy as np
import pytest

from search.backends.base import All, Any, Filter, HasKey, Match, Not, Range, VectorIndex
from tests.conformance.points import DAY, SCORE, axis, cloud, found, holds, keys, library, point, random_filter

PUBLIC = Match("visibility", ("public",))


class TestValues:
    @pytest.fixture(autouse=True)
    def _points(self, index: VectorIndex) -> None:
        index.upsert(
            [
                point(1, owner=1, visibility="public"),
                point(2, owner=1, visibility="private"),
                point(3, owner=2, visibility="public", camera="ライカ 📷"),
                point(4, owner=2, visibility="private", camera="Leica"),
                point(5),
            ]
        )

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            (Match("owner", (1,)), {1, 2}),
            (Match("owner", (1, 2)), {1, 2, 3, 4}),
            (Match("owner", ()), set()),
            (Match("owner", (3,)), set()),
            (Match("owner", ("1",)), set()),
            (Match("nobody", (1,)), set()),
            (Match("owner", tuple(range(2, 1_000))), {3, 4}),
            (Match("camera", ("ライカ 📷",)), {3}),
            (Not(Match("owner", (1,))), {3, 4, 5}),
            (Not(Match("nobody", (1,))), {1, 2, 3, 4, 5}),
            (All((Match("owner", (2,)), PUBLIC)), {3}),
            (Any((Match("owner", (1,)), PUBLIC)), {1, 2, 3}),
            (All(()), {1, 2, 3, 4, 5}),
            (Any(()), set()),
            (Not(All(())), set()),
            (Not(Any(())), {1, 2, 3, 4, 5}),
            (All((Any((Match("owner", (1,)), Match("camera", ("Leica",)))), Not(PUBLIC))), {2, 4}),
            (Not(Not(Match("owner", (2,)))), {3, 4}),
            (HasKey((2, 4, 99)), {2, 4}),
            (HasKey(()), set()),
            (HasKey((-1, 2, 2**63, 2**70)), {2}),
            (HasKey(tuple(range(3, 3_000))), {3, 4, 5}),
            (HasKey(np.arange(-3, 3)), {1, 2}),
            (HasKey(np.array([], np.int64)), set()),
            (Not(HasKey((1, 2))), {3, 4, 5}),
            (All((HasKey((1, 2, 3)), PUBLIC)), {1, 3}),
            (Any((HasKey((5,)), PUBLIC)), {1, 3, 5}),
        ],
    )
    def test_only_what_the_filter_lets_through(self, index: VectorIndex, where: Filter, expected: set[int]) -> None:
        assert found(index, where) == expected
        assert index.count(where) == len(expected)

    def test_the_limit_counts_after_the_filter(self, index: VectorIndex) -> None:
        index.upsert([point(key, axis(0, 2.0), owner=9) for key in range(100, 200)])
        assert keys(index.search(axis(0), limit=2, where=Match("owner", (2,)))) == [3, 4]

    def test_keys_of_63_bits_are_told_apart(self, index: VectorIndex) -> None:
        index.upsert([point(2**63 - 1), point(2**63 - 2), point(2**53 + 1), point(2**53)])
        assert found(index, HasKey((2**63 - 1, 2**53))) == {2**63 - 1, 2**53}


class TestAlbumsTagsAndDates:
    @pytest.fixture(autouse=True)
    def _points(self, index: VectorIndex) -> None:
        index.upsert(
            [
                point(1, album=(7,), tag=("cat",), taken=10 * DAY),
                point(2, album=(7, 8), tag=("cat", "Zürich"), taken=20 * DAY),
                point(3, album=(8, 9), tag=("ライカ 📷", "two words"), taken=20 * DAY + 1),
                point(4, album=8, tag="cat", taken=(-5 * DAY, 40 * DAY)),
                point(5),
            ]
        )

    @pytest.mark.parametrize(
        ("where", "expected"),
        [
            (Match("album", (7,)), {1, 2}),
            (Match("album", (8,)), {2, 3, 4}),
            (Match("album", (7, 9)), {1, 2, 3}),
            (Match("album", ("7",)), set()),
            (Match("tag", ("cat",)), {1, 2, 4}),
            (Match("tag", ("Zürich", "ライカ 📷")), {2, 3}),
            (Match("tag", ("two",)), set()),
            (Not(Match("album", (8,))), {1, 5}),
            (All((Match("album", (8,)), Match("tag", ("cat",)))), {2, 4}),
            (All((Match("album", (7,)), Match("album", (8,)))), {2}),
            (Any((Match("album", (9,)), Match("tag", ("Zürich",)))), {2, 3}),
            (Range("taken", 10 * DAY, 20 * DAY), {1}),
            (Range("taken", 20 * DAY, 20 * DAY + 1), {2}),
            (Range("taken", at_least=20 * DAY), {2, 3, 4}),
            (Range("taken", below=20 * DAY), {1, 4}),
            (Range("taken", below=0), {4}),
            (Range("taken"), {1, 2, 3, 4}),
            (Range("taken", 15 * DAY, 15 * DAY), set()),
            (Range("taken", 30 * DAY, 10 * DAY), set()),
            (Range("album", 8, 9), {2, 3, 4}),
            (Range("tag"), set()),
            (Range("nothing", at_least=0), set()),
            (Not(Range("taken", at_least=20 * DAY)), {1, 5}),
            (All((Range("taken", at_least=0), Match("album", (8,)), HasKey((1, 2, 3)))), {2, 3}),
            (Any((Range("taken", below=0), HasKey((5,)))), {4, 5}),
        ],
    )
    def test_one_of_several_values_is_enough(self, index: VectorIndex, where: Filter, expected: set[int]) -> None:
        assert found(index, where) == expected

    def test_one_value_of_several_must_lie_in_the_range_by_itself(self, index: VectorIndex) -> None:
        assert 4 not in found(index, Range("taken", 0, 30 * DAY))

    def test_what_a_point_no_longer_holds_is_forgotten(self, index: VectorIndex) -> None:
        index.upsert([point(2, album=(9,), taken=99 * DAY), point(3, album=8)])
        assert found(index, Match("album", (7,))) == {1}
        assert found(index, Match("album", (8,))) == {3, 4}
        assert found(index, Match("album", (9,))) == {2}
        assert found(index, Match("tag", ("Zürich", "two words"))) == set()
        assert found(index, Range("taken", 20 * DAY, 30 * DAY)) == set()
        assert found(index, Range("taken", at_least=90 * DAY)) == {2}


class TestWholeLibraries:
    def test_random_filters_mean_what_they_say(self, index: VectorIndex) -> None:
        points = library(500)
        index.upsert(points)
        dice = np.random.default_rng(3)
        for _ in range(60):
            where = random_filter(dice)
            expected = {point.key for point in points if holds(where, point.key, point.payload)}
            assert found(index, where, limit=1_000) == expected, where

    def test_the_best_of_ten_thousand_under_filters(self, index: VectorIndex) -> None:
        points = library(10_000)
        for start in range(0, len(points), 2_500):
            index.upsert(points[start : start + 2_500])
        filters = [
            Match("owner", (3,)),
            Range("taken", 100 * DAY, 130 * DAY),
            All((Match("album", (1, 2)), Not(Match("tag", ("cat",))))),
            HasKey(tuple(range(0, 10_000, 7))),
        ]
        for where, query in zip(filters, cloud(len(filters), seed=1), strict=True):
            inside = [point for point in points if holds(where, point.key, point.payload)]
            exact = np.sort([float(point.vector @ query) for point in inside])[::-1][:10]
            hits = index.search(query, limit=10, where=where)
            assert [hit.score for hit in hits] == pytest.approx(exact, abs=SCORE)
            assert set(keys(hits)) <= {point.key for point in inside}
