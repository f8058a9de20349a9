"""`python -m bench.pages`: server time and SQL statements of every page that shows pictures, and how they grow from
1,000 to 20,000 to 200,000 of them, on SQLite and, where it answers, on PostgreSQL.

Part "pages" of docs/performance.md. One site for each database and size, filled and asked by a process of its own
(bench.pages_site); they are asked for the same page one after the other, so that what else the machine does meanwhile
is in all of their times alike.
"""

import argparse
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import psycopg
from psycopg import sql

from bench import report

SIZES = (1_000, 20_000, 200_000)
TIMES = 15
GOAL_MS = 300
GOAL_STATEMENTS = 12
POSTGRES_URL = "postgres://postgres@127.0.0.1:5432"
DATABASES = {"sqlite": "SQLite", "postgresql": "PostgreSQL"}


@dataclass
class Site:
    """One process: the site of a database and size, and what was measured of its pages, by their names: seconds of
    each time, and the most statements."""

    process: "subprocess.Popen[str]"
    pages: list[str] = field(default_factory=list)
    seconds: dict[str, list[float]] = field(default_factory=dict)
    statements: dict[str, int] = field(default_factory=dict)

    def told(self) -> Any:
        """What it says next. Raises RuntimeError where it ended."""
        assert self.process.stdout is not None
        if line := self.process.stdout.readline():
            return json.loads(line)
        raise RuntimeError("A site of the measurement ended; its last words are above.")

    def ask(self, page: str) -> None:
        assert self.process.stdin is not None
        print(self.pages.index(page), file=self.process.stdin, flush=True)
        said = self.told()
        self.seconds.setdefault(page, []).append(said["seconds"])
        self.statements[page] = max(self.statements.get(page, 0), said["statements"])


Sites = dict[str, dict[int, Site]]
"""By database and size."""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages", description=__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="numbers of pictures, from few to many")
    parser.add_argument("--times", type=int, default=TIMES)
    parser.add_argument("--databases", nargs="+", choices=DATABASES, default=list(DATABASES))
    parser.add_argument("--pages", nargs="+", default=[], help="parts of the names of those to ask for; no report then")
    parser.add_argument("--folder", type=Path, help="where the sites are kept, and found again, instead of new ones")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="mmsite-bench-")
    with ExitStack() as stack:
        folder = Path(stack.enter_context(nullcontext(options.folder) if options.folder else temporary))
        databases = [name for name in options.databases if name != "postgresql" or _postgresql_answers()]
        sites: Sites = {name: {} for name in databases}
        for name in databases:
            for size in options.sizes:
                print(f"{DATABASES[name]}: {size:,} pictures…", file=sys.stderr, flush=True)
                site = _site(name, size, folder, is_kept=bool(options.folder))
                sites[name][size] = stack.enter_context(site)
        measure(sites, options.times, options.pages)
    lines = report_lines(sites)
    if not options.pages:
        report.write(options.report, "pages", lines)
    print("\n".join(lines))


@contextmanager
def _site(database: str, size: int, folder: Path, *, is_kept: bool) -> Iterator[Site]:
    """A site that is ready to be asked; its database on PostgreSQL is gone afterwards unless it `is_kept`."""
    place = folder / f"{database}-{size}"
    command = [sys.executable, "-m", "bench.pages_site", str(place), str(size)]
    with ExitStack() as stack:
        if database == "postgresql":
            name = f"bench_pages_{size}"
            _create_database(name, anew=not place.exists())
            if not is_kept:
                stack.callback(_drop_database, name)
            command += ["--database", f"{POSTGRES_URL}/{name}"]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        site = Site(stack.enter_context(process))  # which closes its input, and so ends it
        site.pages = site.told()
        yield site


def _postgresql_answers() -> bool:
    try:
        psycopg.connect(f"{POSTGRES_URL}/postgres", connect_timeout=2).close()
    except psycopg.OperationalError:
        print(f"No PostgreSQL answers at {POSTGRES_URL}: it is left out.", file=sys.stderr)
        return False
    return True


def _create_database(name: str, *, anew: bool) -> None:
    if anew:
        _drop_database(name)
    with psycopg.connect(f"{POSTGRES_URL}/postgres", autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))


def _drop_database(name: str) -> None:
    with psycopg.connect(f"{POSTGRES_URL}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def measure(sites: Sites, times: int, wanted: Sequence[str]) -> None:
    """Each page `times` times, of all sites in turn; `wanted`: parts of the names of those to ask for, else all."""
    everything = [site for by_size in sites.values() for site in by_size.values()]
    names = [name for name in everything[0].pages if not wanted or any(part in name for part in wanted)]
    for name in names:
        for _ in range(times):
            for site in everything:
                site.ask(name)


def report_lines(sites: Sites) -> list[str]:
    some = next(iter(sites.values()))
    sizes = list(some)
    few, before, many = sizes[0], sizes[-2], sizes[-1]
    until, last = math.log(many) / math.log(few), math.log(many) / math.log(before)
    lines = [
        f"## Every page at {', '.join(f'{size:,}' for size in sizes[:-1])} and {many:,} pictures",
        "",
        f"{report.machine()}, by `make bench-pages`: CPU time of",
        "a page in one process and thread, in ms, on PostgreSQL with that of the server's process for it, and its SQL",
        "statements, session and sign-in included, compressed as a browser gets it.",
        "Real vectors, moved apart at random; albums, tags, what is public, in the trash or shared grow with the",
        f"library. Searches ask for something else each time. The goal is {GOAL_MS} ms and, but for searches,",
        f"{GOAL_STATEMENTS} statements.",
        "",
        f"Time that grows as the logarithm of the number of pictures, or slower, grows at most {until:.2f} times from",
        f"{few:,} to {many:,} and {last:.2f} times from {before:,} on: log {many:,} / log {few:,} is what is left of",
        "a + b log n where a is 0. ✓: it keeps to both; “levels off”: to the latter alone, as what is bounded does",
        "once the bound is reached; **grows**: to neither. Searches by words and likeness scan every vector, on one",
        "thread.",
    ]
    for name, by_size in sites.items():
        lines += ["", f"On {DATABASES[name]}:", "", *_table(by_size, until, last)]
    return lines


def _table(by_size: dict[int, Site], until: float, last: float) -> list[str]:
    sizes = list(by_size)
    columns = " | ".join(f"{size:,}: p50 | p95" for size in sizes)
    ratios = f"{sizes[-1]:,} : {sizes[0]:,} | : {sizes[-2]:,}"
    lines = [f"| page | {columns} | {ratios} | | statements |", "|---|" + "---|" * (2 * len(sizes) + 4)]
    for page in by_size[sizes[0]].seconds:
        medians = {size: float(np.median(site.seconds[page])) for size, site in by_size.items()}
        cells = [
            f"{1_000 * medians[size]:.0f} | {1_000 * np.percentile(site.seconds[page], 95):.0f}"
            for size, site in by_size.items()
        ]
        whole, step = (medians[sizes[-1]] / medians[size] for size in (sizes[0], sizes[-2]))
        verdict = "✓" if whole <= until and step <= last else "levels off" if step <= last else "**grows**"
        counts = sorted({site.statements[page] for site in by_size.values()})
        statements = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
        lines.append(f"| {page} | {' | '.join(cells)} | {whole:.2f} | {step:.2f} | {verdict} | {statements} |")
    return lines


if __name__ == "__main__":
    main()
