"""Search through the page at a given number of vectors, against encoding and an exact scan alone."""

import itertools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt

from bench import here
from bench.client import Client
from bench.growth_library import Growing
from bench.photos import photos

GUARDED = 2_000  # vectors
THINGS = ["dog", "cat", "child", "woman", "boat", "car", "tree", "horse", "flower", "cup"]
DOINGS = ["running", "sitting", "in the snow", "on a beach", "in a street", "near a house", "jumping", "at night"]
LOOKS = ["black", "white", "small"]
QUERIES = [f"a {look} {thing} {doing}" for look, thing, doing in itertools.product(LOOKS, THINGS, DOINGS)]


def ratios() -> dict[str, float]:
    """How many times as quick as encoding the text and an exact scan alone a page of results is, in one process: below
    1, and the less the more a page costs."""
    from django.test import Client as InProcess

    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        owner = here.set_up(Path(folder))
        here.take_in(owner, list(photos(here.PHOTOS)))
        Growing(here.PHOTOS).grow(GUARDED)
        client = InProcess(SERVER_NAME="127.0.0.1")
        client.force_login(owner)
        bare, seconds = _bare(), {"page": [], "bare": []}
        client.get("/search/", {"q": "warm"})
        for text in QUERIES[::2]:
            started = time.process_time()
            answer = client.get("/search/", {"q": text})
            seconds["page"].append(time.process_time() - started)
            if answer.status_code != 200:
                raise RuntimeError(f"{text} was answered {answer.status_code}")
            started = time.process_time()
            bare(text)
            seconds["bare"].append(time.process_time() - started)
    return {f"page of results among {GUARDED:,}": float(np.median(seconds["bare"]) / np.median(seconds["page"]))}


def page_seconds(client: Client) -> npt.NDArray[np.float64]:
    """Seconds of each query through the page; every text is new, so that none comes from the cache."""
    return np.array([_seconds(lambda text=text: client.search(text)) for text in QUERIES])


def bare_seconds() -> npt.NDArray[np.float64]:
    """The baseline: seconds to encode the text and to scan all vectors in float32, in one process, without a site.

    By torch, as the encoding: numpy's own threads would fight with torch's for the cores, and double the time.
    """
    search = _bare()
    return np.array([_seconds(lambda text=text: search(text)) for text in QUERIES])


def _bare() -> Callable[[str], object]:
    import torch

    import ml
    from search.models import Embedding
    from search.vectors import unpack

    encoder = ml.load_encoder()
    rows = Embedding.objects.exclude(vector=None).values_list("vector", flat=True)
    stacked = np.stack([unpack(vector, dimension=encoder.dimension) for vector in rows])
    matrix = torch.from_numpy(stacked.astype(np.float32))
    encoder.encode_texts(["warm"])
    return lambda text: (matrix @ torch.from_numpy(encoder.encode_texts([text])[0])).topk(24)


def _seconds(call: Callable[[], object]) -> float:
    started = time.perf_counter()
    call()
    return time.perf_counter() - started
