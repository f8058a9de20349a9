"""What FAISS's index does beyond the contract: lists past a threshold, and the snapshots that carry them."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from search.backends import faiss, ivf
from search.backends.base import Filter, HasKey, Match, Not, Point, Range
from search.backends.exceptions import IndexCorrupt
from search.backends.faiss import FaissIndex
from tests.conformance.points import DAY, D, holds, keys, library, random_filter

THRESHOLD = 1_000
N = 2_000
Floats = npt.NDArray[np.float32]


def clustered(number: int, seed: int = 0) -> Floats:
    """Unit vectors, (number, D), in forty clusters."""
    dice = np.random.default_rng(seed)
    centres = np.random.default_rng(99).standard_normal((40, D), dtype=np.float32)
    vectors = centres[dice.integers(40, size=number)] + 0.4 * dice.standard_normal((number, D), dtype=np.float32)
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit


def photos(number: int, seed: int = 0, first: int = 0) -> list[Point]:
    vectors = clustered(number, seed)
    return [Point(first + each.key, vectors[each.key], each.payload) for each in library(number, seed)]


def pair(points: list[Point] | None = None) -> tuple[FaissIndex, FaissIndex]:
    """An index with lists, and an exact one with the same points."""
    quick, exact = FaissIndex(dimension=D, ivf_threshold=THRESHOLD), FaissIndex(dimension=D)
    for index in (quick, exact):
        index.upsert(photos(N) if points is None else points)
    quick.maintain()
    return quick, exact


def recall(quick: FaissIndex, exact: FaissIndex, where: Filter | None = None, limit: int = 10) -> float:
    """How many of the exact best the quick one finds; those that it finds must have the exact scores."""
    shares = []
    for query in clustered(40, seed=5):
        right = {hit.key: hit.score for hit in exact.search(query, limit=limit, where=where)}
        hits = quick.search(query, limit=limit, where=where)
        assert len(hits) == len(right)
        assert hits == sorted(hits, key=lambda hit: (-hit.score, hit.key))
        assert all(right.get(hit.key, hit.score) == hit.score for hit in hits)
        shares.append(len(right.keys() & set(keys(hits))) / len(right) if right else 1.0)
    return float(np.mean(shares))


@pytest.fixture(scope="module")
def both() -> tuple[FaissIndex, FaissIndex]:
    """Only to be read."""
    return pair()


class TestLists:
    def test_below_the_threshold_there_is_nothing_to_do(self) -> None:
        index = FaissIndex(dimension=D, ivf_threshold=THRESHOLD)
        index.upsert(photos(THRESHOLD - 1))
        assert not index.wants_maintenance
        index.maintain()
        assert index.is_exact

    def test_past_it_maintenance_makes_them_once(self) -> None:
        quick, _ = pair()
        assert not quick.is_exact
        assert not quick.wants_maintenance

    @pytest.mark.parametrize(
        "where",
        [
            None,
            Match("owner", (1,)),
            Match("owner", (0, 1, 2)),
            Not(Match("album", (1,))),
            Range("taken", 0, 100 * DAY),
            HasKey(tuple(range(0, N, 5))),
            HasKey((3, 5, 8)),
            Match("owner", (99,)),
        ],
    )
    def test_answers_are_nearly_the_exact_ones(self, both: tuple[FaissIndex, FaissIndex], where: Filter | None) -> None:
        assert recall(*both, where) >= 0.95

    @pytest.mark.parametrize("limit", [1, 50, 500, N + 1])
    def test_long_answers_are_as_long_as_the_exact_ones(self, both: tuple[FaissIndex, FaissIndex], limit: int) -> None:
        assert recall(*both, limit=limit) >= 0.5

    @pytest.mark.parametrize("where", [None, Match("owner", (0, 1, 2)), HasKey(tuple(range(0, N, 3)))])
    def test_long_answers_come_from_lists_too(self, monkeypatch: pytest.MonkeyPatch, where: Filter | None) -> None:
        """Of more lists, where the nearest hold too few."""
        monkeypatch.setattr(ivf, "EFFORT", 1)
        monkeypatch.setattr(ivf, "MOST_LISTS", 3 / 4)
        quick, exact = pair()
        monkeypatch.setattr(quick._rows, "search", None)  # nothing is left to scan
        assert recall(quick, exact, where, limit=60) >= 0.9

    def test_random_filters_let_nothing_else_through(self, both: tuple[FaissIndex, FaissIndex]) -> None:
        payloads = {point.key: point.payload for point in photos(N)}
        dice = np.random.default_rng(4)
        for query in clustered(40, seed=6):
            where = random_filter(dice)
            assert all(holds(where, hit.key, payloads[hit.key]) for hit in both[0].search(query, limit=20, where=where))

    def test_a_filter_far_from_the_query_finds_its_nearest(self) -> None:
        """An album whose pictures all lie away from what is asked for, in lists that no search would look into."""
        points = photos(N)
        axis = points[0].vector
        far = sorted(points, key=lambda each: float(each.vector @ axis))[: N // 4]
        album = {each.key for each in far}
        quick, exact = pair([Point(p.key, p.vector, {"album": 1} if p.key in album else {}) for p in points])
        right = keys(exact.search(axis, limit=10, where=Match("album", (1,))))
        got = keys(quick.search(axis, limit=10, where=Match("album", (1,))))
        assert len(set(right) & set(got)) >= 9

    def test_equal_scores_come_by_key(self) -> None:
        same = clustered(1)[0]
        copies = [Point(10_000 - number, same, {}) for number in range(300)]
        quick, exact = pair([*photos(N), *copies])
        assert keys(quick.search(same, limit=20)) == keys(exact.search(same, limit=20))
        assert keys(quick.search(same, limit=20, offset=20)) == keys(exact.search(same, limit=20, offset=20))

    def test_what_people_ask_counts_where_it_lies_elsewhere(self) -> None:
        """Texts lie far from pictures: their neighbours are spread over more lists than those of pictures."""
        quick, exact = pair()
        asked = np.random.default_rng(0).standard_normal((60, D), dtype=np.float32)
        for query in np.tile(asked, (3, 1))[: faiss.QUERIES]:
            assert not quick.wants_maintenance
            quick.search(query, limit=10)
        assert quick.wants_maintenance
        quick.maintain()
        assert not quick.wants_maintenance
        shares = [
            len(set(keys(quick.search(query, limit=10))) & set(keys(exact.search(query, limit=10)))) for query in asked
        ]
        assert np.mean(shares) >= 9.5

    def test_random_vectors_stay_exact_until_there_are_many_more(self, caplog: pytest.LogCaptureFixture) -> None:
        dice = np.random.default_rng(0)

        def noise(first: int, number: int) -> list[Point]:
            vectors = dice.standard_normal((number, 64))
            return [Point(first + row, vector / np.linalg.norm(vector), {}) for row, vector in enumerate(vectors)]

        index = FaissIndex(dimension=64, ivf_threshold=THRESHOLD)
        index.upsert(noise(0, N))
        with caplog.at_level(logging.INFO):
            index.maintain()
        assert index.is_exact
        assert "don't fall into lists" in caplog.text
        index.upsert(noise(N, N // 4))
        assert not index.wants_maintenance
        index.upsert(noise(2 * N, N // 2))
        assert index.wants_maintenance


class TestWrites:
    def test_new_changed_and_deleted_points(self) -> None:
        both = pair()
        for index in both:
            index.upsert(photos(150, seed=1, first=N))
            index.upsert(photos(100, seed=2))
            index.delete(range(500, 600))
            index.delete([N + 149, 1, N + 3])
        assert not both[0].is_exact
        assert both[0].count() == both[1].count() == N + 150 - 103
        assert recall(*both) >= 0.95
        assert recall(*both, Match("owner", (1, 2))) >= 0.95

    def test_a_point_is_found_where_it_went(self) -> None:
        quick, _ = pair()
        away = -clustered(1, seed=8)[0]
        quick.upsert([Point(7, away, {"owner": 5})])
        assert quick.search(away, limit=1)[0].key == 7
        quick.delete([7])
        assert 7 not in keys(quick.search(away, limit=50))

    def test_payloads_alone_leave_the_lists_alone(self, monkeypatch: pytest.MonkeyPatch) -> None:
        quick, exact = pair()
        put: list[int] = []
        assert quick._lists is not None
        monkeypatch.setattr(quick._lists, "put", lambda rows, halves: put.extend(rows))
        for index in (quick, exact):
            index.upsert([Point(each.key, each.vector, {"owner": 77}) for each in photos(N)[:300]])
        assert put == []
        assert recall(quick, exact, Match("owner", (77,))) >= 0.95

    def test_a_long_life_against_the_exact_index(self) -> None:
        both = pair()
        dice = np.random.default_rng(3)
        stock = clustered(500, seed=9)
        for _ in range(60):
            some = [int(key) for key in dice.integers(0, 2 * N, size=dice.integers(1, 60))]
            points = [Point(key, stock[dice.integers(500)], {"owner": int(dice.integers(3))}) for key in some]
            for index in both:
                if len(some) % 3:
                    index.upsert(points)
                else:
                    index.delete(some)
            both[0].maintain()
            assert both[0].count() == both[1].count()
        assert not both[0].is_exact
        assert recall(*both) >= 0.95
        assert recall(*both, Match("owner", (1,))) >= 0.95

    def test_lists_are_made_anew_when_they_are_outgrown(self, caplog: pytest.LogCaptureFixture) -> None:
        both = pair()
        old = both[0]._lists
        for index in both:
            index.upsert(photos(N, seed=1, first=N))
        assert both[0].wants_maintenance
        both[0].maintain()
        assert both[0]._lists is not old
        assert not both[0].wants_maintenance
        assert recall(*both) >= 0.95

    def test_all_points_may_go(self) -> None:
        quick, _ = pair()
        quick.delete(range(N))
        assert quick.search(clustered(1)[0], limit=5) == []
        quick.upsert(photos(5))
        assert len(quick.search(clustered(1)[0], limit=9)) == 5
        quick.drop()
        assert quick.is_exact


class TestSnapshots:
    @pytest.fixture
    def path(self, both: tuple[FaissIndex, FaissIndex], tmp_path: Path) -> Path:
        path = tmp_path / "points.index"
        both[0].save_snapshot(path, label="one", generation=3)
        return path

    def test_the_lists_come_with_it(self, both: tuple[FaissIndex, FaissIndex], path: Path) -> None:
        other = FaissIndex(dimension=D, ivf_threshold=THRESHOLD)
        assert other.load_snapshot(path, label="one") == 3
        assert not other.is_exact
        assert not other.wants_maintenance
        for query in clustered(10, seed=7):
            assert other.search(query, limit=30) == both[0].search(query, limit=30)
        for index in (other, exact := FaissIndex(dimension=D)):
            if index is exact:
                index.load_snapshot(path, label="one")
                assert index.is_exact
            index.upsert(photos(150, seed=1, first=N))
            index.delete(range(100))
        assert recall(other, exact) >= 0.95

    def test_damage_to_them_is_noticed(self, path: Path) -> None:
        whole = path.read_bytes()
        place = whole.index(b"IwSq") + 40  # FAISS's own mark of such an index
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(IndexCorrupt):
            FaissIndex(dimension=D).load_snapshot(path, label="one")

    def test_those_of_another_release_of_faiss_are_refused(self, tmp_path: Path) -> None:
        index = pair()[0]
        assert index._lists is not None
        index._lists.dump = lambda: ({"ivf": np.zeros(99, np.uint8), "ivf lists": np.zeros(N, np.int32)}, {"x": 1})  # type: ignore[method-assign]
        index.save_snapshot(tmp_path / "later", label="one", generation=1)
        with pytest.raises(IndexCorrupt, match="FAISS"):
            FaissIndex(dimension=D).load_snapshot(tmp_path / "later", label="one")

    def test_files_of_an_older_layout_are_refused(self, path: Path) -> None:
        path.write_bytes(path.read_bytes().replace(b"snapshot 2", b"snapshot 1", 1))
        with pytest.raises(IndexCorrupt):
            FaissIndex(dimension=D).load_snapshot(path, label="one")


class TestMaintenanceBesideOthers:
    def test_changes_made_meanwhile_are_carried_over(self, monkeypatch: pytest.MonkeyPatch) -> None:
        quick, exact = (FaissIndex(dimension=D, ivf_threshold=threshold) for threshold in (THRESHOLD, 10**9))
        for index in (quick, exact):
            index.upsert(photos(N))

        def interrupted(build: Callable[..., object]) -> Callable[..., object]:
            def run(*arguments: object, **keywords: object) -> object:
                for index in (quick, exact):
                    index.upsert(photos(80, seed=1, first=N))
                    index.upsert(photos(50, seed=2))
                    index.delete(range(1_000, 1_200))
                return build(*arguments, **keywords)

            return run

        monkeypatch.setattr(faiss, "FEW", 10)
        monkeypatch.setattr(faiss.InvertedLists, "trained", interrupted(faiss.InvertedLists.trained))
        quick.maintain()
        assert not quick.is_exact
        assert recall(quick, exact) >= 0.95

    @pytest.mark.parametrize("happening", ["drop", "load", "delete"])
    def test_points_may_be_replaced_meanwhile(
        self, happening: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
    ) -> None:
        index = FaissIndex(dimension=D, ivf_threshold=THRESHOLD)
        index.upsert(photos(THRESHOLD, seed=1))
        index.save_snapshot(tmp_path / "one", label="one", generation=1)
        index.upsert(photos(N))
        trained = faiss.InvertedLists.trained

        def interrupted(*arguments: object, **keywords: object) -> object:
            if happening == "drop":
                index.drop()
            elif happening == "load":
                index.load_snapshot(tmp_path / "one", label="one")
            else:
                index.delete(range(N))
            return trained(*arguments, **keywords)  # type: ignore[arg-type]

        monkeypatch.setattr(faiss.InvertedLists, "trained", interrupted)
        index.maintain()
        assert index.count() == (THRESHOLD if happening == "load" else 0)
        assert len(index.search(clustered(1)[0], limit=10)) == min(index.count(), 10)

    def test_searches_and_writes_go_on(self) -> None:
        """Writers and readers work without pause while lists are made and made again."""
        index = FaissIndex(dimension=D, ivf_threshold=THRESHOLD)
        index.upsert(photos(N))
        truth = {each.key: each.vector for each in photos(N)}
        queries, done = clustered(20, seed=5), threading.Event()

        def read() -> int:
            turns = 0
            while not done.is_set() or not turns:
                hits = index.search(queries[turns % 20], limit=10)
                assert len(hits) == 10
                assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
                turns += 1
            return turns

        def write() -> None:
            for turn in range(30):
                fresh = photos(100, seed=turn, first=N + 50 * turn)
                index.upsert(fresh)
                truth.update({each.key: each.vector for each in fresh})
                gone = range(40 * turn, 40 * turn + 40)
                index.delete(gone)
                for key in gone:
                    truth.pop(key)

        def maintain() -> None:
            while not done.is_set():
                index.maintain()

        with ThreadPoolExecutor(4) as pool:
            work = [pool.submit(each) for each in (write, read, read, maintain)]
            work[0].add_done_callback(lambda _: done.set())
            assert all(each.result() != 0 for each in work)
        index._due = 0
        index.maintain()
        exact = FaissIndex(dimension=D)
        exact.upsert([Point(key, vector, {}) for key, vector in truth.items()])
        assert not index.is_exact
        assert index.count() == exact.count()
        assert recall(index, exact) >= 0.95
