"""FAISS's index at the edges: few points, writes that break off, lists that aren't ready."""

import os
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from search.backends import rows
from search.backends.base import Match, Point, Range
from search.backends.faiss import FaissIndex
from search.backends.ivf import InvertedLists
from tests.conformance.points import DAY, D, keys
from tests.search.backends.test_faiss import THRESHOLD, N, clustered, pair, photos, recall


def test_a_single_point_is_no_work() -> None:
    index = FaissIndex(dimension=D, ivf_threshold=1)
    index.upsert(photos(1))
    index.maintain()
    assert index.is_exact
    assert not index.wants_maintenance


def test_below_the_threshold_answers_are_exact_again() -> None:
    quick, exact = pair()
    for index in (quick, exact):
        index.delete(range(THRESHOLD - 1, N))
    assert quick.is_exact
    for query in clustered(20, seed=5):
        assert quick.search(query, limit=300) == exact.search(query, limit=300)
    for index in (quick, exact):
        index.upsert(photos(N))
    quick.maintain()
    assert not quick.is_exact
    assert recall(quick, exact) >= 0.95


def test_a_write_that_breaks_off_is_made_good_by_the_next() -> None:
    quick, exact = pair()
    added, changed = photos(50, seed=1, first=N), photos(50, seed=2)
    bad = Point(N + 50, clustered(1)[0], {"owner": 2**63})
    with pytest.raises(OverflowError):
        quick.upsert([*changed, *added, bad])
    assert N + 50 not in keys(quick.search(bad.vector, limit=N, where=Range("owner")))
    for index in (quick, exact):
        index.upsert([*changed, *added])
        index.delete([N + 50])
    assert recall(quick, exact) >= 0.95
    for where in (Match("owner", (1,)), Range("taken", 0, 100 * DAY)):
        found = (index.search(bad.vector, limit=N, where=where) for index in (quick, exact))
        assert next(found) == next(found)


def test_threads_are_limited_inside_and_left_to_others_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Torch may go by the same OpenMP: what was set for it must still be so after a search."""
    quick, _ = pair()
    seen: list[int] = []

    def watched(method: Callable[..., object]) -> Callable[..., object]:
        def run(*arguments: object, **keywords: object) -> object:
            seen.append(rows.faiss.omp_get_max_threads())
            return method(*arguments, **keywords)

        return run

    for name in ("put", "truncate", "best", "ranks"):
        monkeypatch.setattr(InvertedLists, name, watched(getattr(InvertedLists, name)))
    before = rows.faiss.omp_get_max_threads()
    rows.faiss.omp_set_num_threads(3)
    try:
        quick.upsert(photos(300, seed=1))
        quick.delete([N - 1])
        quick.search(clustered(1)[0], limit=10)
        quick.maintain()
        assert rows.faiss.omp_get_max_threads() == 3
    finally:
        rows.faiss.omp_set_num_threads(before)
    assert len(seen) > 4
    assert set(seen) == {1}


def test_lists_that_nobody_has_measured_yet_are_looked_after(tmp_path: Path) -> None:
    index = pair()[0]
    assert index._lists is not None
    index._lists.probes = {}  # as between making and measuring
    index.save_snapshot(tmp_path / "early", label="one", generation=1)
    other = FaissIndex(dimension=D, ivf_threshold=THRESHOLD)
    other.load_snapshot(tmp_path / "early", label="one")
    assert other.wants_maintenance
    other.maintain()
    assert not other.is_exact


def test_what_a_killed_process_left_of_a_snapshot_is_removed(tmp_path: Path) -> None:
    long_ago = time.time() - 86_400
    for name in (".1.index.dead", ".1.index.alive", ".11.index.other"):
        (tmp_path / name).touch()
        if name != ".1.index.alive":
            os.utime(tmp_path / name, (long_ago, long_ago))
    FaissIndex(dimension=D).save_snapshot(tmp_path / "1.index", label="one", generation=1)
    assert {file.name for file in tmp_path.iterdir()} == {"1.index", ".1.index.alive", ".11.index.other"}
