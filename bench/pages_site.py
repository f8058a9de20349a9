"""`python -m bench.pages_site`: one site of `bench.pages`, with so many pictures, and its pages, asked for one by one.

Furnishes the site, writes the names of its pages as a line of JSON, and for each line with the number of one asks for
that page, at its next address, and answers with a line of JSON: `{"seconds": CPU time, "statements": SQL}`.

A page goes through the middleware, view and templates as over HTTP, in one thread. The CPU time is that thread's and,
on PostgreSQL, also that of the server's process for this connection, which Linux counts; what other processes wait for
or take makes no difference to either.
"""

import argparse
import gc
import itertools
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import django

from bench import installation, query, upload
from bench.client import Client as HttpClient
from bench.photos import photos
from bench.search import PHOTOS, Counter

if TYPE_CHECKING:
    from django.test import Client

NO_LIMITS = "burst=off,anon=off,user=off,search=off"  # of the API, which is asked more often than by people
# Parallel workers would be processes beside the one whose time is counted.
ONE_PROCESS = "-c max_parallel_workers_per_gather=0"


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
    parser.add_argument("--database", default="", help="the URL of an empty database; SQLite in the folder without")
    options = parser.parse_args()
    answers, sys.stdout = sys.stdout, sys.stderr  # whatever else is printed stands in nobody's way
    prepare(options.folder, options.pictures, options.database)
    serve(sys.stdin, answers)


def prepare(folder: Path, pictures: int, database: str) -> None:
    """A furnished site in `folder`, stopped, and Django set up for it; as it is where there is one."""
    from bench.pages_library import DRESS, furnish

    folder.mkdir(parents=True, exist_ok=True)
    more = {"MMSITE_DATABASE_URL": database} if database else {}
    variables = installation.environment(folder) | more | {"MMSITE_API_RATES": NO_LIMITS, "PGOPTIONS": ONE_PROCESS}
    os.environ.update(variables)
    django.setup()
    furnished = folder / f"{pictures}-pictures"
    if not furnished.exists():
        with installation.running(variables) as site:
            upload.through_the_site(HttpClient(site.url), list(photos(PHOTOS)))
        query.fill(pictures, DRESS)
        furnish()
        furnished.touch()


def serve(asked: TextIO, answers: TextIO) -> None:
    """Answers until nobody asks any more."""
    from bench.pages_library import pages
    from search import engine, index

    engine.warm()
    index.get_indexes()
    listed = pages()
    clients = {viewer: _client(viewer) for viewer in {page.viewer for page in listed}}
    for page in listed:
        _ask(clients[page.viewer], next(page.addresses))  # what is loaded once
    gc.collect()
    gc.freeze()  # as the web's processes do
    print(json.dumps([page.name for page in listed]), file=answers, flush=True)
    for line in asked:
        page = listed[int(line)]
        seconds, statements = _ask(clients[page.viewer], next(page.addresses))
        print(json.dumps({"seconds": seconds, "statements": statements}), file=answers, flush=True)


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
