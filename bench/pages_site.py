"""`python -m bench.pages_site`: one site of `bench.pages`, with so many pictures, and what each of its pages takes.

Fills and furnishes the site where that wasn't done yet, asks for its pages, and prints what it measured as a line of
JSON: `{"load": the machine's over the last 5 minutes, "pages": {name: …}}`, of each page `{"seconds": [CPU time of each
time], "scan": [what of it the vector index took], "baseline": [likewise, of the sign-in page asked for just before],
"statements": most SQL statements}`.

A page goes through the middleware, view and templates as over HTTP, in one thread. The CPU time is that thread's and,
on PostgreSQL, also that of the server's process for this connection, which Linux counts; what other processes wait for
or take makes little difference to either.
"""

import argparse
import gc
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import django

from bench import here, installation, steps
from bench.growth_library import Growing
from bench.photos import photos
from bench.search import Counter

if TYPE_CHECKING:
    from django.test import Client

BASELINE = "/sign-in/"  # which asks for nothing that grows
SCAN = {"scan": ["search.backends.faiss:FaissIndex.search"]}
ENVIRONMENT = {
    "MMSITE_API_RATES": "burst=off,anon=off,user=off,search=off",  # it is asked more often than by people
    # Parallel workers would be processes beside the one whose time is counted.
    "PGOPTIONS": "-c max_parallel_workers_per_gather=0",
}
FURNISHED = "furnished"  # the file that says so


@dataclass(frozen=True)
class Page:
    """A page, whose eyes see it ("" for strangers'), and its addresses, one after the other and again."""

    name: str
    viewer: str
    addresses: Iterator[str]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.pages_site", description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("pictures", type=int)
    parser.add_argument("--times", type=int, required=True)
    parser.add_argument("--pages", nargs="*", default=[], help="parts of the names of those to ask for, instead of all")
    parser.add_argument("--database", default="", help="the URL of an empty database; SQLite in the folder without")
    options = parser.parse_args()
    prepare(options.folder, options.pictures, options.database)
    found = measured(options.times, options.pages)
    print(json.dumps({"load": os.getloadavg()[1], "pages": found}))


def prepare(folder: Path, pictures: int, database: str) -> None:
    """A furnished site in `folder`, and Django set up for it; as it is where there is one."""
    from bench.pages_library import Dress, furnish

    more = ENVIRONMENT | ({"MMSITE_DATABASE_URL": database} if database else {})
    if (folder / FURNISHED).exists():
        os.environ.update(installation.environment(folder) | more)
        django.setup()
        return
    folder.mkdir(parents=True, exist_ok=True)
    started = time.perf_counter()
    owner = here.set_up(folder, **more)
    here.take_in(owner, list(photos(here.PHOTOS)))
    Growing(here.PHOTOS, Dress()).grow(pictures)
    furnish()
    (folder / FURNISHED).touch()
    print(f"filled in {time.perf_counter() - started:.0f} s", file=sys.stderr)


def measured(times: int, wanted: Sequence[str]) -> dict[str, dict[str, object]]:
    """Each page `times` times, the baseline before each; `wanted`: parts of the names of those to ask for, else all."""
    from bench.pages_library import pages
    from search import engine, index

    engine.warm()
    index.get_indexes()
    listed = [page for page in pages() if not wanted or any(part in page.name for part in wanted)]
    clients = {viewer: _client(viewer) for viewer in {"", *(page.viewer for page in listed)}}
    for page in listed:
        _ask(clients[page.viewer], next(page.addresses))  # what is loaded once
    gc.collect()
    gc.freeze()  # as the web's processes do
    found: dict[str, dict[str, object]] = {}
    with steps.watching(SCAN) as clock:
        for page in listed:
            baseline, took, scan = [], [], []
            for _ in range(times):
                baseline.append(_ask(clients[""], BASELINE))
                clock.reset()
                took.append(_ask(clients[page.viewer], next(page.addresses)))
                scan.append(clock.seconds["scan"])
            found[page.name] = {
                "seconds": [seconds for seconds, _ in took],
                "scan": scan,
                "baseline": [seconds for seconds, _ in baseline],
                "statements": max(statements for _, statements in took),
            }
    return found


def once_each(*addresses: str) -> Iterator[str]:
    """The addresses one after the other, for ever."""
    return itertools.cycle(addresses)


def _client(viewer: str) -> "Client":
    from django.test import Client

    from gallery.models import User

    client = Client(headers={"Accept-Encoding": "gzip"}, SERVER_NAME="127.0.0.1")
    if viewer:
        client.force_login(User.objects.get(username=viewer))
    return client


def _ask(client: "Client", address: str) -> tuple[float, int]:
    """CPU seconds and SQL statements of a page."""
    from django.db import connection

    counter = Counter()
    started = _cpu_seconds()
    with connection.execute_wrapper(counter):
        answer = client.get(address)
    seconds = _cpu_seconds() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{address} was answered {answer.status_code}: {answer.content[:300]!r}")
    return seconds, counter.count


def _cpu_seconds() -> float:
    """Of this thread and, on PostgreSQL, of the process that serves its connection."""
    from django.db import connection

    seconds = time.thread_time()
    if connection.vendor == "postgresql":
        connection.ensure_connection()
        server = connection.connection.info.backend_pid
        seconds += int(Path(f"/proc/{server}/schedstat").read_text(encoding="ascii").split()[0]) / 1e9
    return seconds


if __name__ == "__main__":
    main()
