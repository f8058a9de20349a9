"""`python -m bench.follow 100000`: how fast the index of a process gets level with a table, and starts from a snapshot.

Prints CPU seconds as JSON. `--profile` tells where the time goes.
"""

import argparse
import cProfile
import json
import os
import pstats
import tempfile
import time
from pathlib import Path
from statistics import median

import django

from bench import installation, vectors

GUARDED = 20_000
TURNS = 5


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.follow", description=__doc__)
    parser.add_argument("vectors", type=int)
    parser.add_argument("--profile", action="store_true")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        os.environ.update(installation.environment(Path(folder)))
        django.setup()
        fill(options.vectors)
        if options.profile:
            profile()
        print(json.dumps(measure(options.vectors)))


def ratios() -> dict[str, float]:
    """How many times as quick as reading and adding vectors one by one a process gets level with a table."""
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        os.environ.update(installation.environment(Path(folder)))
        django.setup()
        fill(GUARDED)
        found = [measure(GUARDED) | {"alone": one_by_one()} for _ in range(TURNS)]
    return {
        "level with the table": median(each["alone"] / each["follow"] for each in found),
        "level by a snapshot": median(each["alone"] / each["start"] for each in found),
    }


def one_by_one() -> float:
    """CPU seconds to read every vector and add it to FAISS's flat index, one at a time, as a script would."""
    import faiss
    import numpy as np

    from search.models import Embedding
    from search.vectors import unpack

    index, started = faiss.IndexIDMap2(faiss.IndexFlatIP(vectors.DIMENSION)), time.process_time()
    for each in Embedding.objects.iterator():
        vector = unpack(each.vector, dimension=vectors.DIMENSION).astype(np.float32)
        index.add_with_ids(vector[None], np.array([each.image_id]))
    return time.process_time() - started


def fill(number: int) -> None:
    """A database with that many pictures, without files, and their vectors by an active version."""
    from django.core.management import call_command
    from django.utils import timezone

    from gallery.models import Image, User
    from search import services
    from search.models import ModelVersion

    call_command("migrate", verbosity=0)
    owner, now = User.objects.create(username="somebody"), timezone.now()
    pictures = [
        Image(owner=owner, sha256=f"{key:064x}", byte_size=1, width=1, height=1, sort_date=now) for key in range(number)
    ]
    Image.objects.bulk_create(pictures, batch_size=5_000)
    version = ModelVersion.objects.create(key="bench", dimension=vectors.DIMENSION, state=ModelVersion.State.ACTIVE)
    keys = Image.objects.order_by("pk").values_list("pk", flat=True)
    services.embeddings_record(
        version=version, vectors=dict(zip(keys, vectors.stored("clustered", number), strict=True))
    )


def measure(number: int) -> "dict[str, float]":
    """CPU seconds to follow the whole table, to write the snapshot and to start from it; the snapshot's MB."""
    from django.conf import settings

    from search import index

    def level() -> float:
        index.reset()
        started = time.process_time()
        live = index.get_indexes()
        seconds = time.process_time() - started
        if live is None or live.pictures.count() != number:
            raise RuntimeError("The index is not level with the table")
        return seconds

    for snapshot in settings.INDEX_DIR.glob("*.index"):
        snapshot.unlink()
    follow = level()
    started = time.process_time()
    if not index.save_snapshots_if_due():
        raise RuntimeError("No snapshot was written")
    save = time.process_time() - started
    (snapshot,) = settings.INDEX_DIR.glob("*.index")
    return {
        "vectors": number,
        "follow": follow,
        "save": save,
        "snapshot": snapshot.stat().st_size / 1e6,
        "start": level(),
    }


def profile() -> None:
    from search import index

    with cProfile.Profile() as profiler:
        index.get_indexes()
    pstats.Stats(profiler).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
