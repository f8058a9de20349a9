"""`python -m bench.fallback`: how long people wait for an answer while the vector server fails in each of its ways.

Searches through the page of a whole site; the server is the one of the tests, which answers from memory and is broken
on demand.
"""

import json
import os
import tempfile
import time
import urllib.request
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import django
import numpy as np

from bench import installation, report
from bench.client import Client
from bench.photos import photos
from bench.query import QUERIES
from tests.faults.qdrant_server import Answer, CutShort, Fault, QdrantServer, Refused, Slow

FAULTS: dict[str, Fault | None] = {
    "none": None,
    "refuses connections": Refused(),
    "answers after 5 s": Slow(5.0),
    "answers 500": Answer(500),
    "half-written answers": CutShort(),
}
PEOPLE = 4
PHOTOS = 12


def main() -> None:
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder, QdrantServer() as server:
        variables = installation.environment(Path(folder)) | {"MMSITE_QDRANT_URL": server.url}
        os.environ.update(variables)
        django.setup()
        with installation.running(variables) as site:
            client = Client(site.url)
            for number, photo in enumerate(photos(PHOTOS)):
                client.upload(f"{number}.jpg", photo)
            _wait_for(lambda: len(_held(server)) == PHOTOS)
            rows = [_row(name, fault, client, server, site.url) for name, fault in FAULTS.items()]
    report.write(
        report.REPORT,
        "fallback",
        [
            "## While the vector server fails",
            "",
            f"{len(QUERIES)} searches through the page by {PEOPLE} people at once, while a stand-in for the server",
            "fails on demand. Back: from the end of the fault until searches come from the server again.",
            f"Written by `python -m bench.fallback`. {report.machine()}.",
            "",
            "| the server | p50, ms | longest, ms | back after, s |",
            "|---|---|---|---|",
            *rows,
        ],
    )


def _row(name: str, fault: Fault | None, client: Client, server: QdrantServer, url: str) -> str:
    server.fault = fault
    with ThreadPoolExecutor(PEOPLE) as pool:
        seconds = 1e3 * np.array(list(pool.map(lambda text: _seconds(lambda: client.search(text)), QUERIES)))
    server.fault = None
    back = _seconds(lambda: _wait_for(lambda: not _notice(url)))
    return f"| {name} | {np.median(seconds):,.0f} | {seconds.max():,.0f} | {back:.1f} |"


def _notice(url: str) -> str:
    with urllib.request.urlopen(f"{url}/healthz", timeout=5) as answer:
        return json.load(answer)["search"]["notice"]


def _held(server: QdrantServer) -> list[object]:
    from search import factory
    from search.models import ModelVersion

    version = ModelVersion.objects.first()
    name = f"mmsite-{factory.create(version).name}" if version else ""
    return server.local.scroll(name, limit=1_000)[0] if server.local.collection_exists(name) else []


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


def _wait_for(condition: Callable[[], bool]) -> None:
    while not condition():
        time.sleep(0.1)


if __name__ == "__main__":
    main()
