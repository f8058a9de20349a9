"""`python -m bench.growth`: what becomes of searches, work, memory and disk from 1,000 pictures to a million.

Part "growth" of docs/performance.md, and docs/growth.png. One site grows (bench.growth_library); at each size a process
of its own, on one thread, measures it by the site's own functions. `--most 100000` stops there.
"""

import argparse
import json
import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import django
import numpy as np

from bench import growth_report, here, installation, report, search, steps
from bench.apart import apart
from bench.growth_library import Growing
from bench.index import resident
from bench.photos import photos

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)
QUERIES = 60
UPLOADS = 16
CHANGED = 1_000
ROUNDS = 3
IN_SEARCH = {step: names for step, names in search.STEPS.items() if step != "rendering"}
IN_UPLOAD = {
    "taking in": ["gallery.services:image_create"],
    "claims": ["gallery.stages:claim", "gallery.stages:finish"],
    "vectors": ["search.services:embeddings_record"],
    "near-duplicates": ["search.duplicates:compare_some"],
}
PLOT = report.REPORT.parent / "growth.png"


@dataclass
class Took:
    """Seconds of all threads of this process and of its decoders, and by the clock."""

    cpu: float = 0.0
    wall: float = 0.0


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.growth", description=__doc__)
    parser.add_argument("--most", type=int, default=SIZES[-1], help="pictures (default %(default)s)")
    parser.add_argument("--folder", type=Path, help="where the site is kept, and grown on, instead of a new one")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    parser.add_argument("--plot", type=Path, default=PLOT)
    parser.add_argument("--at", type=int, help=argparse.SUPPRESS)  # what a process of its own is asked to do
    options = parser.parse_args()
    if options.at:
        django.setup()
        print(json.dumps(measure(options.at)))
        return
    temporary = tempfile.TemporaryDirectory(prefix="mmsite-bench-")
    with nullcontext(options.folder) if options.folder else temporary as folder:
        rows = grown(Path(folder), options.most)
    growth_report.plot(rows, options.plot)
    lines = growth_report.lines(rows)
    report.write(options.report, "growth", lines)
    print("\n".join(lines))


def grown(folder: Path, most: int) -> list[dict[str, Any]]:
    """What was measured at each size up to `most`; those that the folder has been through are not measured again."""
    kept = folder / "growth.json"
    if kept.exists():
        os.environ.update(installation.environment(folder))
        django.setup()
        from gallery.models import User

        here.take_in(User.objects.get(username=installation.ADMIN), [])  # what a killed run left
    else:
        here.take_in(here.set_up(folder), list(photos(here.PHOTOS)))
        kept.write_text("[]", encoding="utf-8")
    rows = json.loads(kept.read_text(encoding="utf-8"))
    growing = Growing(here.PHOTOS)
    for size in SIZES[len(rows) :]:
        if size > most:
            break
        started = time.perf_counter()
        growing.grow(size)
        seconds = time.perf_counter() - started
        rows.append(apart("bench.growth", "--at", str(size)))
        kept.write_text(json.dumps(rows), encoding="utf-8")
        print(f"{size:,}: grown in {seconds:.0f} s, measured in {time.perf_counter() - started - seconds:.0f} s")
    return rows


def measure(pictures: int) -> dict[str, Any]:
    """Seconds, MB and counts at this size, by the names that growth_report tells them by."""
    from django.conf import settings

    from gallery.models import Image
    from search import engine, index

    engine.warm()
    shutil.rmtree(settings.INDEX_DIR, ignore_errors=True)
    settings.INDEX_DIR.mkdir()
    before = private()
    with taking() as follow:
        live = index.get_indexes()
    with taking() as lists:
        _let_maintenance_end()
    if live is None or live.pictures.count() != Image.objects.count():
        raise RuntimeError("The index is not level with the table")
    memory = private() - before
    with taking() as save:
        live.pictures.save_snapshot()
    del live
    index.reset()
    with taking() as load:
        index.get_indexes()
    kinds, means = _queries()
    process = private()
    upload, parts = _upload(pictures)
    return {
        "pictures": pictures,
        "memory": {"index": memory, "process": process},
        "disk": _disk(),
        "took": {
            name: vars(took)
            for name, took in {
                "follow": follow,
                "lists": lists,
                "save": save,
                "load": load,
                "catch_up": _catch_up(pictures),
                "upload": upload,
                "sweep": _sweep(),
            }.items()
        },
        "queries": kinds,
        "steps": means,
        "upload": parts,
    }


def private() -> float:
    """MB in this process's memory that are its own, without SQLite's pages: those are of the disk's cache, or few."""
    from django.db import connection

    connection.close()
    resident()  # gives back what is no longer used
    status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text(encoding="ascii").splitlines())
    return int(status["RssAnon"].split()[0]) * 1024 / 1e6


@contextmanager
def taking() -> Iterator[Took]:
    """Filled when the block ends."""
    took, cpu, wall = Took(), here.cpu(), time.perf_counter()
    yield took
    took.wall, took.cpu = time.perf_counter() - wall, here.cpu() - cpu


def _let_maintenance_end() -> None:
    """Until lists are made, where there are enough vectors for them."""
    for thread in threading.enumerate():
        if thread.name == "index maintenance":
            thread.join()


def _queries() -> tuple[dict[str, dict[str, list[float]]], dict[str, float]]:
    """Of each kind of query, CPU and wall seconds of each; and the mean CPU seconds of each step."""
    from gallery.models import User
    from search import engine
    from search.query.answer import search_images

    viewer = User.objects.get(username=installation.ADMIN)
    asked = search.questions(QUERIES)
    for _, text in asked[:5]:
        search_images(viewer=viewer, query=text, limit=24)
    engine.forget_queries()
    engine.warm()
    kinds: dict[str, dict[str, list[float]]] = {}
    sums = dict.fromkeys([*IN_SEARCH, search.OTHER], 0.0)
    with steps.watching(IN_SEARCH) as clock:
        for kind, text in asked:
            clock.reset()
            cpu, wall = time.thread_time(), time.perf_counter()
            search_images(viewer=viewer, query=text, limit=24)
            cpu, wall = time.thread_time() - cpu, time.perf_counter() - wall
            took = kinds.setdefault(kind, {"cpu": [], "wall": []})
            took["cpu"].append(cpu)
            took["wall"].append(wall)
            for step in IN_SEARCH:
                sums[step] += clock.seconds.get(step, 0.0)
            sums[search.OTHER] += cpu - sum(clock.seconds.values())
    return kinds, {step: total / len(asked) for step, total in sums.items()}


def _catch_up(pictures: int) -> Took:
    """Until the index has what changed, CHANGED vectors from all over the table: the median of ROUNDS."""
    from search import index, services
    from search.models import Embedding, ModelVersion
    from search.vectors import unpack

    version = ModelVersion.objects.get(state=ModelVersion.State.ACTIVE)
    dice = np.random.default_rng(0)

    def change() -> Callable[[], object]:
        keys = dice.choice(pictures, CHANGED, replace=False) + 1
        some = Embedding.objects.filter(model_version=version, image__in=keys.tolist())
        changed = {
            each.image_id: unpack(each.vector, dimension=version.dimension)
            + dice.standard_normal(version.dimension, dtype=np.float32) / 100
            for each in some
        }
        services.embeddings_record(version=version, vectors=changed)
        return index.get_indexes

    took = _median(change, ROUNDS)
    _let_maintenance_end()
    return took


def _upload(pictures: int) -> tuple[Took, dict[str, float]]:
    """A picture, from its bytes until it can be found and is compared with the others; and the CPU seconds of each of
    IN_UPLOAD."""
    from gallery.models import User
    from mmsite import worker

    owner = User.objects.get(username=installation.ADMIN)
    some = list(photos(2 * UPLOADS, seed=pictures))
    worker.warm_models()
    here.take_in(owner, some[:UPLOADS])  # what is loaded once
    with steps.watching(IN_UPLOAD) as clock, taking() as took:
        here.take_in(owner, some[UPLOADS:])
    parts = {step: clock.seconds[step] / UPLOADS for step in IN_UPLOAD}
    return Took(took.cpu / UPLOADS, took.wall / UPLOADS), parts


def _sweep() -> Took:
    """What the worker repairs each minute, where there is nothing to repair."""
    from mmsite import pipeline

    pipeline.sweep()
    return _median(lambda: pipeline.sweep, ROUNDS)


def _median(prepare: Callable[[], Callable[[], object]], times: int) -> Took:
    """Of what `prepare` gives, which itself isn't counted."""
    found = []
    for _ in range(times):
        call = prepare()
        with taking() as took:
            call()
        found.append(took)
    return Took(*(float(np.median([getattr(took, name) for took in found])) for name in ("cpu", "wall")))


def _disk() -> dict[str, float]:
    """MB of the database, after its log was taken in, and of the index's snapshot."""
    from django.conf import settings
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database = os.path.getsize(settings.DATABASES["default"]["NAME"])
    snapshot = sum(path.stat().st_size for path in settings.INDEX_DIR.glob("*.index"))
    return {"database": database / 1e6, "snapshot": snapshot / 1e6}


if __name__ == "__main__":
    main()
