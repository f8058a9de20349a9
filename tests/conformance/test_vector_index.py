"""What every vector index must do. A new backend joins by one line in tests.conformance.backends."""

import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest

from search.backends.base import Match, Range, VectorIndex
from search.backends.exceptions import (
    DimensionMismatch,
    IndexCorrupt,
    NotFinite,
    SnapshotsUnsupported,
    VectorIndexError,
)
from tests.conformance.conftest import Make
from tests.conformance.points import DAY, SCORE, D, axis, cloud, found, keys, library, point


class TestPoints:
    def test_an_empty_index_finds_nothing(self, index: VectorIndex) -> None:
        assert index.count() == 0
        assert index.search(axis(0), limit=5) == []
        assert index.search(axis(0), limit=5, where=Match("owner", (1,))) == []

    def test_best_first_with_the_inner_product_as_score(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(0, 0.5)), point(2, axis(0)), point(3, axis(1))])
        hits = index.search(axis(0), limit=2)
        assert keys(hits) == [2, 1]
        assert [hit.score for hit in hits] == pytest.approx([1.0, 0.5], abs=SCORE)

    def test_scores_may_be_negative(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(0, -1.0)), point(2, axis(0, -0.5))])
        assert keys(index.search(axis(0), limit=5)) == [2, 1]

    def test_equal_scores_come_by_key(self, index: VectorIndex) -> None:
        index.upsert([point(key) for key in (7, 3, 9, 1, 5)])
        assert keys(index.search(axis(0), limit=5)) == [1, 3, 5, 7, 9]

    def test_equal_scores_are_cut_by_key_too(self, index: VectorIndex) -> None:
        index.upsert([point(key) for key in range(200, 0, -1)])
        index.upsert([point(1_000, axis(0, 2.0))])
        assert keys(index.search(axis(0), limit=4)) == [1_000, 1, 2, 3]

    def test_no_more_than_there_are(self, index: VectorIndex) -> None:
        index.upsert([point(1), point(2)])
        assert keys(index.search(axis(0), limit=50)) == [1, 2]
        assert index.search(axis(0), limit=0) == []

    def test_keys_have_63_bits(self, index: VectorIndex) -> None:
        extremes = [0, 1, 2**53 + 1, 2**63 - 1]
        index.upsert([point(key) for key in extremes])
        assert keys(index.search(axis(0), limit=9)) == extremes

    def test_any_kind_of_float_goes_in(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(0).astype(np.float16)), point(2, axis(0).astype(np.float64))])
        assert keys(index.search(axis(0).astype(np.float16), limit=5)) == [1, 2]

    def test_a_caller_may_use_its_array_again(self, index: VectorIndex) -> None:
        vector = axis(0)
        index.upsert([point(1, vector)])
        vector[:] = 0
        assert index.search(axis(0), limit=1)[0].score == pytest.approx(1.0, abs=SCORE)

    def test_ten_thousand_points_against_the_exact_answer(self, index: VectorIndex) -> None:
        vectors = cloud(10_000)
        for start in range(0, len(vectors), 2_500):
            index.upsert([point(key, vectors[key]) for key in range(start, start + 2_500)])
        assert index.count() == 10_000
        for query in cloud(5, seed=1):
            exact = np.sort(vectors @ query)[::-1][:10]
            scores = [hit.score for hit in index.search(query, limit=10)]
            assert scores == pytest.approx(exact, abs=SCORE)


class TestUpsert:
    def test_a_key_stands_for_one_point(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(0), owner=1), point(2, axis(1), owner=1)])
        index.upsert([point(1, axis(2), owner=2), point(3, axis(3))])
        assert index.count() == 3
        assert keys(index.search(axis(2), limit=1)) == [1]
        assert index.search(axis(0), limit=9)[0].score == pytest.approx(0.0, abs=SCORE)
        assert found(index, Match("owner", (2,))) == {1}

    def test_the_whole_payload_is_replaced(self, index: VectorIndex) -> None:
        index.upsert([point(1, owner=1, visibility="public")])
        index.upsert([point(1, owner=1)])
        assert found(index, Match("visibility", ("public",))) == set()

    def test_the_last_of_several_with_one_key_counts(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(0)), point(1, axis(1))])
        assert index.count() == 1
        assert index.search(axis(1), limit=1)[0].score == pytest.approx(1.0, abs=SCORE)

    def test_the_same_points_again_change_nothing(self, index: VectorIndex) -> None:
        points = [point(key, vector, owner=key % 3) for key, vector in enumerate(cloud(50))]
        index.upsert(points)
        before = index.search(axis(0), limit=50)
        index.upsert(points[10:40])
        after = index.search(axis(0), limit=50)
        assert keys(after) == keys(before)
        assert [hit.score for hit in after] == pytest.approx([hit.score for hit in before], abs=SCORE)

    def test_nothing_is_a_fine_batch(self, index: VectorIndex) -> None:
        index.upsert([])
        index.delete([])
        assert index.count() == 0


class TestDelete:
    def test_deleted_points_are_gone_and_the_others_keep_theirs(self, index: VectorIndex) -> None:
        vectors = cloud(100)
        index.upsert([point(key, vector, owner=key) for key, vector in enumerate(vectors)])
        index.delete(range(0, 100, 2))
        assert index.count() == 50
        assert found(index) == set(range(1, 100, 2))
        for key in (1, 51, 99):
            assert index.search(vectors[key], limit=1)[0].key == key
            assert found(index, Match("owner", (key,))) == {key}

    def test_unknown_keys_are_passed_over(self, index: VectorIndex) -> None:
        index.upsert([point(1)])
        index.delete([2, 99, 2**62])
        index.delete([-1, 2**63, 2**70])
        assert found(index) == {1}

    def test_keys_may_come_from_numpy(self, index: VectorIndex) -> None:
        index.upsert([point(1), point(2**40)])
        index.delete(np.array([2**40, 2**41]))
        assert found(index) == {1}

    def test_a_deleted_key_may_come_back(self, index: VectorIndex) -> None:
        index.upsert([point(1, axis(0), owner=1)])
        index.delete([1])
        index.upsert([point(1, axis(1))])
        assert index.count() == 1
        assert found(index, Match("owner", (1,))) == set()

    def test_deleting_all_leaves_a_working_index(self, index: VectorIndex) -> None:
        index.upsert([point(1), point(2)])
        index.delete([1, 2])
        assert index.search(axis(0), limit=5) == []
        index.upsert([point(3)])
        assert found(index) == {3}


def test_a_long_life_against_the_simplest_index_there_is(index: VectorIndex) -> None:
    """Hundreds of random writes; after each, the answer is that of a dictionary that is sorted for every question."""
    random = np.random.default_rng(7)
    vectors = cloud(40).astype(np.float16)
    truth: dict[int, tuple[npt.NDArray[np.float16], int]] = {}
    for _ in range(300):
        some = [int(key) for key in random.integers(0, 60, size=random.integers(0, 12))]
        if random.random() < 0.4:
            index.delete(some)
            for key in some:
                truth.pop(key, None)
        else:
            batch = [(key, vectors[random.integers(40)], int(random.integers(4))) for key in some]
            index.upsert([point(key, vector, owner=owner) for key, vector, owner in batch])
            truth.update({key: (vector, owner) for key, vector, owner in batch})

        query = axis(int(random.integers(D)))
        expected = sorted(
            (
                (-float(vector.astype(np.float32) @ query), key)
                for key, (vector, owner) in truth.items()
                if owner in (1, 3)
            )
        )
        hits = index.search(query, limit=7, where=Match("owner", (1, 3)))
        assert keys(hits) == [key for _, key in expected[:7]]
        assert [-hit.score for hit in hits] == pytest.approx([score for score, _ in expected[:7]], abs=SCORE)
        assert index.count() == len(truth)


class TestRefusals:
    def test_a_vector_of_another_length(self, index: VectorIndex) -> None:
        with pytest.raises(DimensionMismatch):
            index.upsert([point(1, np.ones(D + 1))])
        with pytest.raises(DimensionMismatch):
            index.search(np.ones(D - 1), limit=1)
        with pytest.raises(DimensionMismatch):
            index.search(np.ones((1, D)), limit=1)

    @pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
    def test_numbers_that_are_not_finite(self, index: VectorIndex, bad: float) -> None:
        with pytest.raises(NotFinite):
            index.upsert([point(1, axis(3, bad))])
        with pytest.raises(NotFinite):
            index.search(axis(3, bad), limit=1)

    def test_one_bad_point_leaves_the_index_as_it_was(self, index: VectorIndex) -> None:
        index.upsert([point(1)])
        with pytest.raises(VectorIndexError):
            index.upsert([point(1, axis(1)), point(2), point(3, np.ones(D + 1))])
        assert keys(index.search(axis(0), limit=5)) == [1]


class TestThreads:
    def test_searches_go_on_while_others_write(self, index: VectorIndex) -> None:
        """Points 0 to 99 are never touched: every search must find them, whole, whatever comes and goes beside them."""
        index.upsert([point(key, axis(0), owner=1) for key in range(100)])
        stop = threading.Event()
        problems: list[object] = []

        def watched(work: Callable[[], Iterator[object]]) -> Callable[[], None]:
            def run() -> None:
                try:
                    problems.extend(work())
                except Exception as error:  # noqa: BLE001  told to the test below
                    problems.append(error)

            return run

        def read() -> Iterator[object]:
            while not stop.is_set():
                got = keys(index.search(axis(0), limit=100, where=Match("owner", (1,))))
                if got != list(range(100)):
                    yield got

        def write(first: int) -> Callable[[], Iterator[object]]:
            def work() -> Iterator[object]:
                for turn in range(30):
                    vectors = cloud(200, seed=turn)
                    index.upsert([point(first + i, vector, owner=2) for i, vector in enumerate(vectors)])
                    index.delete(range(first, first + 200, 1 + turn % 3))
                yield from ()

            return work

        readers = [threading.Thread(target=watched(read)) for _ in range(3)]
        writers = [threading.Thread(target=watched(write(first))) for first in (1_000, 2_000)]
        for thread in readers + writers:
            thread.start()
        for thread in writers:
            thread.join()
        stop.set()
        for thread in readers:
            thread.join()
        assert problems == []
        assert found(index, Match("owner", (1,))) == set(range(100))


class TestSnapshots:
    """For backends that have them; the others must say that they have none."""

    @pytest.fixture
    def path(self, index: VectorIndex, tmp_path: Path) -> Path:
        path = tmp_path / "deep" / "points.index"
        index.upsert(library(300))
        if not index.supports_snapshots:
            with pytest.raises(SnapshotsUnsupported):
                index.save_snapshot(path, label="one", generation=42)
            pytest.skip("this backend keeps its points elsewhere")
        index.save_snapshot(path, label="one", generation=42)
        return path

    def test_a_snapshot_brings_everything_back(self, index: VectorIndex, make: Make, path: Path) -> None:
        other = make()
        other.upsert([point(9_999)])
        assert other.load_snapshot(path, label="one") == 42
        for where in (None, Match("owner", (3,)), Match("tag", ("Zürich",)), Range("taken", 0, 50 * DAY)):
            assert other.search(axis(0), limit=400, where=where) == index.search(axis(0), limit=400, where=where)
        assert [each.payload for each in other.scroll(limit=400)] == [each.payload for each in index.scroll(limit=400)]

    def test_what_was_loaded_can_be_written_to(self, make: Make, path: Path) -> None:
        other = make()
        other.load_snapshot(path, label="one")
        other.upsert([point(5, axis(0, 3.0), owner=100), point(1_000, axis(0, 2.0), owner=100)])
        other.delete([6])
        assert other.count() == 300
        assert keys(other.search(axis(0), limit=2, where=Match("owner", (100,)))) == [5, 1_000]

    def test_an_empty_index_has_one_too(self, make: Make, tmp_path: Path) -> None:
        index = make()
        if index.supports_snapshots:
            index.save_snapshot(tmp_path / "empty.index", label="one", generation=0)
            assert make().load_snapshot(tmp_path / "empty.index", label="one") == 0
        assert index.count() == 0

    def test_any_flipped_bit_is_noticed(self, make: Make, path: Path) -> None:
        whole = path.read_bytes()
        for place in [*range(0, len(whole), len(whole) // 40), len(whole) - 1]:
            damaged = bytearray(whole)
            damaged[place] ^= 1
            path.write_bytes(damaged)
            with pytest.raises(IndexCorrupt):
                make().load_snapshot(path, label="one")

    def test_a_file_cut_short_is_noticed_and_changes_nothing(self, make: Make, path: Path) -> None:
        whole = path.read_bytes()
        index = make()
        index.upsert([point(1)])
        for length in (0, 10, 60, len(whole) // 2, len(whole) - 1):
            path.write_bytes(whole[:length])
            with pytest.raises(IndexCorrupt):
                index.load_snapshot(path, label="one")
        assert found(index) == {1}

    def test_one_that_cannot_be_read_is_as_good_as_damaged(self, make: Make, path: Path) -> None:
        with pytest.raises(IndexCorrupt, match="can't be read"):
            make().load_snapshot(path.parent, label="one")  # a folder: no rights would keep root out

    def test_somebody_elses_is_refused(self, make: Make, path: Path) -> None:
        with pytest.raises(IndexCorrupt):
            make().load_snapshot(path, label="two")

    def test_an_absent_one_is_absent(self, make: Make, path: Path) -> None:
        with pytest.raises(FileNotFoundError):
            make().load_snapshot(path.with_name("absent"), label="one")

    def test_nothing_else_is_left_in_the_folder(self, path: Path) -> None:
        assert list(path.parent.iterdir()) == [path]
