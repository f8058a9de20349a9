"""What `make bench-pages` says of pages, and what it doesn't measure twice."""

import json
from pathlib import Path

import pytest

from bench import pages
from bench.pages import Run, Site, report_lines


def site(seconds: float, baseline: float = 0.01) -> Site:
    """A site with one page, each time as quick."""
    return {"load": 0.5, "pages": {"library": {"seconds": [seconds], "baseline": [baseline], "statements": 7}}}


@pytest.mark.parametrize(
    ("seconds", "verdict"),
    [((0.1, 0.12, 0.14), "✓"), ((0.02, 0.1, 0.1), "levels off"), ((0.01, 0.02, 0.2), "**grows**")],
)
def test_growth_is_judged_against_the_logarithm(seconds: tuple[float, ...], verdict: str) -> None:
    by_size = dict(zip(pages.SIZES, map(site, seconds), strict=True))
    row = report_lines({"sqlite": by_size})[-1]
    assert row.startswith("| library |")
    assert f"| {verdict} | 7 |" in row


def test_what_slows_the_baseline_too_is_no_growth() -> None:
    by_size = {1_000: site(0.1), 20_000: site(0.4, baseline=0.04)}
    assert "| 100 | 100 | 400 | 400 | 1.00 | 1.00 | ✓ |" in report_lines({"sqlite": by_size})[-1]


def test_a_site_that_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    (tmp_path / "sqlite-1000.json").write_text(json.dumps(site(0.1)), encoding="utf-8")
    run = Run(tmp_path, "", times=1, wanted=[], is_kept=True)
    assert run.site("sqlite", 1_000) == site(0.1)


def test_no_server_is_no_postgresql(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path, "postgres://nobody@127.0.0.1:1", times=1, wanted=[], is_kept=True)
    assert not run.has_postgresql()
    assert "No PostgreSQL answers at postgres://nobody@127.0.0.1:1" in capsys.readouterr().err
