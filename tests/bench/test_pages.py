"""What `make bench-pages` says of pages, and what it doesn't measure twice."""

import json
from pathlib import Path

import pytest

from bench import pages
from bench.pages import Run, Site, Took, report_lines


def page(seconds: float, baseline: float = 0.01, scan: float = 0) -> Took:
    """One that is as quick each time."""
    return {"seconds": [seconds], "scan": [scan], "baseline": [baseline], "statements": 7}


def site(seconds: float, baseline: float = 0.01, scan: float = 0) -> Site:
    """A site with one page."""
    return {"load": 0.5, "pages": {"library": page(seconds, baseline, scan)}}


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


def test_one_page_whose_baseline_was_slow_is_judged_by_all() -> None:
    few, many = site(0.1, baseline=0.02), site(0.1)
    for each in (few, many):
        each["pages"] |= {"albums": page(0.1), "tags": page(0.1)}
    lines = report_lines({"sqlite": {1_000: few, 20_000: many}})
    assert "| library | 100 | 100 | 100 | 100 | 1.00 | 1.00 | ✓ | 7 |" in lines


def test_the_scan_of_vectors_is_told_apart() -> None:
    by_size = {1_000: site(0.1, scan=0.02), 20_000: site(0.38, scan=0.3)}
    whole, scan, others = report_lines({"sqlite": by_size})[-3:]
    assert whole == "| library | 100 | 100 | 380 | 380 | 3.80 | 3.80 | **grows** | 7 |"
    assert scan == "| … the scan | 20 | 20 | 300 | 300 | | | | |"
    assert others == "| … without it | 80 | 80 | 80 | 80 | 1.00 | 1.00 | ✓ | |"


def test_a_site_that_was_measured_is_not_measured_again(tmp_path: Path) -> None:
    (tmp_path / "sqlite-1000.json").write_text(json.dumps(site(0.1)), encoding="utf-8")
    run = Run(tmp_path, "", times=1, wanted=[], is_kept=True)
    assert run.site("sqlite", 1_000) == site(0.1)


def test_no_server_is_no_postgresql(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = Run(tmp_path, "postgres://nobody@127.0.0.1:1", times=1, wanted=[], is_kept=True)
    assert not run.has_postgresql()
    assert "No PostgreSQL answers at postgres://nobody@127.0.0.1:1" in capsys.readouterr().err
