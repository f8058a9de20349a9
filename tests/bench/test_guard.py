"""When `make bench` fails."""

import json
import math
from pathlib import Path

import pytest

from bench import guard

BENCH = "tests.bench.stand_in"


@pytest.fixture
def runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where a test says what each run of the bench finds."""
    path = tmp_path / "runs.json"
    monkeypatch.setenv("TEST_RATIOS", str(path))
    return path


def test_what_fell_by_more_than_a_third_has_fallen() -> None:
    committed = {"kept": 3.0, "just": 3.0, "fell": 3.0, "rose": 3.0}
    assert guard.fallen({"kept": 3.0, "just": 2.0, "fell": 1.99, "rose": 9.0}, committed) == ["fell"]


def test_a_ratio_below_one_is_held_to_the_same_share() -> None:
    assert guard.fallen({"page": 0.14, "scan": 0.13}, {"page": 0.2, "scan": 0.2}) == ["scan"]


def test_what_was_not_measured_has_fallen() -> None:
    assert guard.fallen({"nothing": math.nan}, {"nothing": 2.0, "missing": 2.0}) == ["nothing", "missing"]


def test_what_nobody_committed_cannot_fall() -> None:
    assert guard.fallen({"new": 0.1}, {}) == []


def test_the_table_has_what_is_only_on_one_side() -> None:
    lines = guard.table({"new": 2.0, "both": 1.5}, {"both": 1.25, "gone": 4.0})
    assert [line.split()[:3] for line in lines[1:]] == [
        ["both", "1.50", "1.25"],
        ["gone", "–", "4.00"],
        ["new", "2.00", "–"],
    ]


@pytest.mark.parametrize(
    ("found", "code"),
    [
        ([{"page": 2.9}], 0),
        ([{"page": 1.0}, {"page": 2.5}], 0),  # once is no proof
        ([{"page": 1.0}, {"page": 1.9}], 1),
        ([{"other": 5.0}], 1),
    ],
)
def test_it_fails_where_a_ratio_falls_twice(
    runs: Path, capsys: pytest.CaptureFixture[str], found: list[dict[str, float]], code: int
) -> None:
    runs.write_text(json.dumps(found), encoding="utf-8")
    assert guard.compare([BENCH], {"page": 3.0}) == code
    assert ("Fell by more than a third" in capsys.readouterr().out) == bool(code)


def test_each_committed_ratio_is_a_number_above_nothing() -> None:
    committed = json.loads(guard.COMMITTED.read_text(encoding="utf-8"))
    assert committed
    assert all(ratio > 0 for ratio in committed.values())
