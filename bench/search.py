"""`python -m bench.search`: the results page at 100,000 pictures over HTTP, and where its time goes.

Part "search" of docs/performance.md. Text and pictures by the built-in models, SQLite and FAISS.
"""

import argparse
import gc
import os
import random
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import django
import numpy as np

from bench import installation, query, report, steps, upload
from bench.client import Client
from bench.growth_library import Growing
from bench.photos import photos
from bench.search_library import KINDS, Library

PHOTOS = 12
SHARES = (0.4, 0.2, 0.1, 0.1, 0.1, 0.1)  # of the queries, by kind
FIRST = 10
GOAL_MS = 100
STEPS = {
    "reading the query": ["search.query.answer:parse"],
    "level with the table": ["search.index:get_indexes"],
    "text to vector": ["search.engine:encode_query"],
    "filters to ids": ["search.query.legs:among"],
    "vector index": ["search.live:LiveIndex.search"],
    "full text": ["search.query.fulltext:find"],
    "fusing": ["search.query.answer:fuse"],
    "what may be seen": ["search.query.answer:_listed", "search.query.answer:_by_filters"],
    "the page's rows": ["search.query.answer:_hits"],
    "rendering": ["search.views:render"],
}
OTHER = "all else"


@dataclass
class Kind:
    """What was measured of one kind of query. `pages`: seconds; `steps`: CPU seconds, in process, a dict a query."""

    pages: list[float] = field(default_factory=list)
    steps: list[dict[str, float]] = field(default_factory=list)
    statements: list[int] = field(default_factory=list)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.search", description=__doc__)
    parser.add_argument("--pictures", type=int, default=100_000)
    parser.add_argument("--queries", type=int, default=200)
    parser.add_argument("--folder", type=Path, help="where the site is kept, and found again, instead of a new one")
    parser.add_argument("--no-http", action="store_true", help="only the profile, and no report")
    parser.add_argument("--slowest", type=int, default=0, help="also print so many of the slowest queries")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    temporary = tempfile.TemporaryDirectory(prefix="mmsite-bench-")
    with nullcontext(options.folder) if options.folder else temporary as folder:
        variables = prepare(Path(folder), options.pictures)
        asked = questions(options.queries)
        kinds: dict[str, Kind] = defaultdict(Kind)
        first = [] if options.no_http else over_http(variables, asked, kinds)
        profile(asked, kinds, options.slowest)
    load = os.getloadavg()[2]
    lines = report_lines(kinds, first, options.pictures, load)
    if not options.no_http:
        report.write(options.report, "search", lines)
    print("\n".join(lines))


def prepare(folder: Path, pictures: int) -> dict[str, str]:
    """A site in `folder` with so many pictures, stopped; as it is where there is one. Its environment."""
    folder.mkdir(parents=True, exist_ok=True)
    variables = installation.environment(folder)
    os.environ.update(variables)
    django.setup()
    full = folder / f"{pictures}-pictures"
    if not full.exists():
        with installation.running(variables) as site:
            upload.through_the_site(Client(site.url), list(photos(PHOTOS)))
        print(f"Filling up to {pictures:,} pictures…", flush=True)
        Growing(PHOTOS).grow(pictures)
        full.touch()
    return variables


def questions(count: int) -> list[tuple[str, str]]:
    """Kind and text of each query, mixed."""
    from gallery.models import Image

    keys = list(Image.objects.order_by("pk").values_list("uuid", flat=True)[:1_000])
    library = Library()
    asked = [
        (kind, text)
        for kind, share in zip(KINDS, SHARES, strict=True)
        for text in library.queries(kind, max(2, round(count * share)), [str(key) for key in keys])
    ]
    random.Random(0).shuffle(asked)
    return asked


def over_http(variables: dict[str, str], asked: Sequence[tuple[str, str]], kinds: dict[str, Kind]) -> list[float]:
    """Fills `pages`; the seconds of the first queries after the start, which are none of these."""
    with installation.running(variables) as site:
        client = Client(site.url)
        first = [_seconds(client, text) for text in query.QUERIES[:FIRST]]
        for kind, text in asked:
            kinds[kind].pages.append(_seconds(client, text))
    return first


def profile(asked: Sequence[tuple[str, str]], kinds: dict[str, Kind], slowest: int) -> None:
    """Fills `steps`: the same requests through the same middleware, view and templates in this process."""
    from django.db import connection
    from django.test import Client as InProcess

    from gallery.models import User
    from search import engine, index

    client = InProcess(SERVER_NAME="127.0.0.1")
    client.force_login(User.objects.get(username=installation.ADMIN))
    engine.warm()
    index.get_indexes()
    client.get("/search/", {"q": "warm"})
    gc.collect()
    gc.freeze()  # as the web's processes do
    engine.forget_queries()
    took = []
    with steps.watching(STEPS) as clock:
        for kind, text in asked:
            clock.reset()
            counted = Counter()
            started = time.thread_time()
            with connection.execute_wrapper(counted):
                answer = client.get("/search/", {"q": text})
            whole = time.thread_time() - started
            if answer.status_code != 200:
                raise RuntimeError(f"{text} was answered {answer.status_code}")
            found = dict(clock.seconds)
            kinds[kind].steps.append(found | {OTHER: whole - sum(found.values())})
            kinds[kind].statements.append(counted.count)
            took.append((whole, text, found))
    for whole, text, found in sorted(took, key=lambda each: -each[0])[:slowest]:
        parts = ", ".join(f"{step} {1_000 * seconds:.0f}" for step, seconds in found.items() if seconds > 0.001)
        print(f"{1_000 * whole:.0f} ms: {text}: {parts}")


class Counter:
    """Counts SQL statements."""

    def __init__(self) -> None:
        self.count = 0

    def __call__(self, execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        self.count += 1
        return execute(sql, params, many, context)


def report_lines(kinds: dict[str, Kind], first: Sequence[float], pictures: int, load: float) -> list[str]:
    return [
        f"## The results page at {pictures:,} pictures",
        "",
        f"{report.machine()}, by `make bench-search`, with the built-in models, SQLite and FAISS.",
        "Captions, cameras and dates are made from lists of words, of which few come often and most rarely, as in",
        "language. Every query is new and comes by itself, a whole page of 24 pictures over HTTP. The machine's load",
        f"over the last 15 minutes was {load:.1f}; above 1 other work slows what is measured over HTTP.",
        *(page_lines(kinds) if first else []),
        *(start_lines(first) if first else []),
        *step_lines(kinds),
    ]


def page_lines(kinds: dict[str, Kind]) -> list[str]:
    everything = [seconds for kind in kinds.values() for seconds in kind.pages]
    rows = {kind: kinds[kind].pages for kind in KINDS} | {f"all; the goal is a p95 below {GOAL_MS}": everything}
    return [
        "",
        "| queries | number | p50, ms | p95, ms | longest, ms |",
        "|---|---|---|---|---|",
        *(f"| {name} | {len(row)} | {_percentiles(row)} | {1_000 * max(row):.0f} |" for name, row in rows.items()),
    ]


def start_lines(first: Sequence[float]) -> list[str]:
    return [
        "",
        f"The first query after a start took {1_000 * first[0]:.0f} ms, the second to the tenth "
        f"{1_000 * min(first[1:]):.0f} to {1_000 * max(first[1:]):.0f} ms, the tenth {1_000 * first[-1]:.0f} ms.",
    ]


def step_lines(kinds: dict[str, Kind]) -> list[str]:
    lines = [
        "",
        "Where the time goes: the same requests through the same middleware, view and templates in one process and",
        "thread; the mean CPU time of each step in ms, without what steps inside it took, which what else runs on the",
        "machine changes little; and the number of SQL statements.",
        "",
        f"| | {' | '.join(KINDS)} |",
        "|---|" + "---|" * len(KINDS),
    ]
    for step in (*STEPS, OTHER):
        means = [1_000 * np.mean([each.get(step, 0.0) for each in kinds[kind].steps]) for kind in KINDS]
        lines.append(f"| {step} | {' | '.join(f'{value:.1f}' for value in means)} |")
    wholes = [[sum(each.values()) for each in kinds[kind].steps] for kind in KINDS]
    lines.append(f"| **together** | {' | '.join(f'{1_000 * np.mean(whole):.1f}' for whole in wholes)} |")
    lines.append(f"| p50 | {' | '.join(f'{1_000 * np.median(whole):.1f}' for whole in wholes)} |")
    lines.append(f"| p95 | {' | '.join(f'{1_000 * np.percentile(whole, 95):.1f}' for whole in wholes)} |")
    counts = [kinds[kind].statements for kind in KINDS]
    lines.append(f"| statements, at most | {' | '.join(str(max(count)) for count in counts)} |")
    return lines


def _percentiles(seconds: Sequence[float]) -> str:
    p50, p95 = np.percentile(np.array(seconds) * 1_000, [50, 95])
    return f"{p50:.1f} | {p95:.1f}"


def _seconds(client: Client, text: str) -> float:
    started = time.perf_counter()
    client.search(text)
    return time.perf_counter() - started


if __name__ == "__main__":
    main()
