"""`python -m bench.pages`: server time and SQL statements of every page that shows pictures, and how they grow from
1,000 to 20,000 to 200,000 of them, on SQLite and, where it answers, on PostgreSQL.

Part "pages" of docs/performance.md. One site for each database and size, filled and asked by a process of its own
(bench.pages_site). What was measured of one is kept in the folder; called again with the same `--folder`, what is
missing alone is measured.
"""

import argparse
import json
import math
import shutil
import sys
import tempfile
import zlib
from collections.abc import Iterable
from contextlib import nullcontext
from pathlib import Path
from typing import LiteralString, TypedDict

import numpy as np
import numpy.typing as npt
import psycopg
from psycopg import sql

from bench import report
from bench.apart import apart
from bench.pages_site import FURNISHED

SIZES = (1_000, 20_000, 200_000)
TIMES = 15
GOAL_MS = 300
GOAL_STATEMENTS = 12
POSTGRES_URL = "postgres://postgres@127.0.0.1:5432"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


class Took(TypedDict):
    """CPU seconds of a page each time, what of them was the scan of vectors, those of the sign-in page just before, and
    its most SQL statements."""

    seconds: list[float]
    scan: list[float]
    baseline: list[float]
    statements: int


class Site(TypedDict):
    """What bench.pages_site says: the machine's load, and pages by their names."""

    load: float
    pages: dict[str, Took]


Sites = dict[str, dict[int, Site]]
"""By database and size."""
Seconds = dict[int, npt.NDArray[np.float64]]
"""Of one page each time, by size."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of pictures, from few to many")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--postgresql", default=POSTGRES_URL, help="whose user may make databases (%(default)s)")
    parser.add_argument("--pages", nargs="+", default=[], help="parts of the names of those to ask for; no report then")
    parser.add_argument("--folder", type=Path, help="where sites, databases too, and what was measured are kept")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="mmsite-bench-")
    with nullcontext(options.folder) if options.folder else temporary as place:
        run = Run(Path(place), options.postgresql, options.times, options.pages, is_kept=bool(options.folder))
        databases = [name for name in options.databases if name != "postgresql" or run.has_postgresql()]
        sites: Sites = {name: {size: run.site(name, size) for size in options.sizes} for name in databases}
    lines = report_lines(sites)
    if not options.pages:
        report.write(options.report, "pages", lines)
    print("\n".join(lines))


class Run:
    """Measures sites in a folder, and keeps what it measured, unless only some pages are `wanted`. Sites and their
    databases are gone afterwards unless they are kept."""

    def __init__(self, folder: Path, postgresql: str, times: int, wanted: list[str], *, is_kept: bool) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder.resolve()
        self._server = postgresql
        self._arguments = ["--times", str(times), "--pages", *wanted]
        self._is_whole = not wanted
        self._is_kept = is_kept

    def site(self, database: str, size: int) -> Site:
        """What was measured of this one, now or before."""
        kept = self._folder / f"{database}-{size}.json"
        if self._is_whole and kept.exists():
            found: Site = json.loads(kept.read_text(encoding="utf-8"))
            return found
        print(f"{DATABASES[database]}: {size:,} pictures…", file=sys.stderr, flush=True)
        place = self._folder / f"{database}-{size}"
        is_new = not (place / FURNISHED).exists()
        if is_new:
            shutil.rmtree(place, ignore_errors=True)  # what an interrupted run began
        arguments = [str(place), str(size), *self._arguments]
        if database == "postgresql":
            name = f"bench_pages_{zlib.crc32(bytes(place)):08x}_{size}"
            if is_new:
                self._drop(name)
                self._execute("CREATE DATABASE {}", name)
            arguments += ["--database", f"{self._server}/{name}"]
        try:
            found = apart("bench.pages_site", *arguments)
        finally:
            if not self._is_kept:
                shutil.rmtree(place, ignore_errors=True)
                if database == "postgresql":
                    self._drop(name)
        if self._is_whole:
            kept.write_text(json.dumps(found), encoding="utf-8")
        return found

    def has_postgresql(self) -> bool:
        """Whether a server answers, on this machine: the time of its process is counted."""
        try:
            with psycopg.connect(f"{self._server}/postgres", connect_timeout=2) as connection:
                is_here = Path(f"/proc/{connection.info.backend_pid}/schedstat").exists()
        except psycopg.OperationalError:
            print(f"No PostgreSQL answers at {self._server}: it is left out.", file=sys.stderr)
            return False
        if not is_here:
            print(f"The PostgreSQL at {self._server} runs elsewhere: it is left out.", file=sys.stderr)
        return is_here

    def _drop(self, name: str) -> None:
        self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", name)

    def _execute(self, statement: LiteralString, name: str) -> None:
        with psycopg.connect(f"{self._server}/postgres", autocommit=True) as connection:
            connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def report_lines(sites: Sites) -> list[str]:
    everything = [site for by_size in sites.values() for site in by_size.values()]
    sizes = list(next(iter(sites.values())))
    few, before, many = sizes[0], sizes[-2:][0], sizes[-1]
    until, last = math.log(many) / math.log(few), math.log(many) / math.log(before)
    baseline = _span(1_000 * _baseline(site) for site in everything)
    lines = [
        f"## Every page at {', '.join(f'{size:,}' for size in sizes[:-1])} and {many:,} pictures",
        "",
        f"{report.machine()}, by `make bench-pages`: CPU time of",
        "a page in one process and thread, in ms, on PostgreSQL with that of the server's process for it, and its SQL",
        "statements, session and sign-in included, compressed as a browser gets it.",
        "Vectors lie in clouds around real ones; albums, tags, what is public, in the trash or shared grow with the",
        f"library. Searches ask for something else each time. The goal is {GOAL_MS} ms and, but for searches,",
        f"{GOAL_STATEMENTS} statements. The machine's load was {_span(site['load'] for site in everything)}.",
        "",
        "How a page grows is told in the baseline's time: that of the sign-in page, asked for before each page, in the",
        f"median of all at the size and database, {baseline} ms. (Not of those before one page: after a large",
        "page it takes longer.) Time that grows as the logarithm of the number of pictures, or slower, grows at most",
        f"{until:.2f} times from {few:,} to {many:,} and {last:.2f} times from {before:,} on: "
        f"log {many:,} / log {few:,} is what",
        "is left of a + b log n where a is 0. ✓: it keeps to both; “levels off”: to the latter alone, as what is",
        "bounded does once the bound is reached; **grows**: to neither.",
        "",
        "Searches by words and likeness compare every vector, on one thread, which the goal leaves out: below such a",
        "page it is told what that scan took, with its filters, and how the page without it grows.",
    ]
    for name, by_size in sites.items():
        lines += ["", f"On {DATABASES[name]}:", "", *_table(by_size, until, last)]
    return lines


def _table(by_size: dict[int, Site], until: float, last: float) -> list[str]:
    sizes = list(by_size)
    columns = " | ".join(f"{size:,}: p50 | p95" for size in sizes)
    before = sizes[-2:][0]
    baseline = {size: _baseline(site) for size, site in by_size.items()}

    def growth(seconds: Seconds) -> str:
        shares = {size: np.median(each) / baseline[size] for size, each in seconds.items()}
        whole, step = (shares[sizes[-1]] / shares[size] for size in (sizes[0], before))
        verdict = "✓" if whole <= until and step <= last else "levels off" if step <= last else "**grows**"
        return f"{whole:.2f} | {step:.2f} | {verdict}"

    lines = [
        f"| page | {columns} | {sizes[-1]:,} : {sizes[0]:,} | : {before:,} | | statements |",
        "|---|" + "---|" * (2 * len(sizes) + 4),
    ]
    for page in by_size[sizes[0]]["pages"]:
        took = {size: site["pages"][page] for size, site in by_size.items()}
        seconds = {size: np.array(each["seconds"]) for size, each in took.items()}
        scan = {size: np.array(each["scan"]) for size, each in took.items()}
        statements = _span((each["statements"] for each in took.values()), "d")
        lines.append(f"| {page} | {_cells(seconds)} | {growth(seconds)} | {statements} |")
        if any(each.any() for each in scan.values()):
            others = {size: seconds[size] - scan[size] for size in sizes}
            lines.append(f"| … the scan | {_cells(scan)} | | | | |")
            lines.append(f"| … without it | {_cells(others)} | {growth(others)} | |")
    return lines


def _cells(seconds: Seconds) -> str:
    return " | ".join("{:.0f} | {:.0f}".format(*np.percentile(each, [50, 95]) * 1_000) for each in seconds.values())


def _baseline(site: Site) -> float:
    """Seconds, in the median of all pages."""
    return float(np.median([took["baseline"] for took in site["pages"].values()]))


def _span(numbers: Iterable[float], spec: str = ".1f") -> str:
    low, *_, high = sorted({format(each, spec) for each in numbers}, key=float) * 2
    return low if low == high else f"{low} to {high}"


if __name__ == "__main__":
    main()
