"""Search through the page at a given number of vectors, against encoding and an exact scan alone."""

import itertools
import tempfile
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from bench import here
from bench.client import Client
from bench.photos import photos

if TYPE_CHECKING:
    from gallery.models import Image

GUARDED = 2_000  # vectors
NOISE = 0.7  # length of the random part that sets a copied vector apart from its (unit) source
THINGS = ["dog", "cat", "child", "woman", "boat", "car", "tree", "horse", "flower", "cup"]
DOINGS = ["running", "sitting", "in the snow", "on a beach", "in a street", "near a house", "jumping", "at night"]
LOOKS = ["black", "white", "small"]
QUERIES = [f"a {look} {thing} {doing}" for look, thing, doing in itertools.product(LOOKS, THINGS, DOINGS)]


def fill(total: int, dress: "Callable[[Image, int], None]" = lambda copy, number: None) -> None:
    """Add rows until the library holds `total` pictures: copies of its own, their work done, their vectors moved apart
    at random.

    `dress` may change each copy, given its number, before it is saved.
    """
    from gallery.models import Image, Rendition, Stage
    from search import services
    from search.models import Embedding, ModelVersion
    from search.vectors import unpack

    version = ModelVersion.objects.get(state=ModelVersion.State.ACTIVE)
    real = list(Image.objects.order_by("pk").prefetch_related("renditions", "stages"))
    embeddings = Embedding.objects.filter(model_version=version).values_list("image_id", "vector")
    vectors = {image_id: unpack(vector, dimension=version.dimension) for image_id, vector in embeddings}
    dice = np.random.default_rng(0)
    copies, sources = [], list(itertools.islice(itertools.cycle(real), total - len(real)))
    for source in sources:
        fields = {field.attname: getattr(source, field.attname) for field in Image._meta.concrete_fields}
        del fields["id"]
        copies.append(Image(**fields | {"uuid": uuid.uuid4(), "sha256": uuid.uuid4().hex}))
    for number, copy in enumerate(copies):
        dress(copy, number)
    copies = Image.objects.bulk_create(copies, batch_size=1_000)
    Rendition.objects.bulk_create(
        [
            Rendition(image=copy, kind=each.kind, file=each.file, width=each.width, height=each.height, byte_size=0)
            for copy, source in zip(copies, sources, strict=True)
            for each in source.renditions.all()
        ],
        batch_size=1_000,
    )
    Stage.objects.bulk_create(
        [
            Stage(image=copy, step=each.step, model=each.model, state=Stage.State.DONE, finished_at=copy.uploaded_at)
            for copy, source in zip(copies, sources, strict=True)
            for each in source.stages.all()
        ],
        batch_size=1_000,
    )
    moved = {}
    for copy, source in zip(copies, sources, strict=True):
        step = dice.standard_normal(version.dimension).astype(np.float32)
        moved[copy.pk] = vectors[source.pk] + NOISE * step / np.linalg.norm(step)
    services.embeddings_record(version=version, vectors=moved)


def ratios() -> dict[str, float]:
    """How many times as quick as encoding the text and an exact scan alone a page of results is, in one process: below
    1, and the less the more a page costs."""
    from django.core.management import call_command
    from django.test import Client as InProcess

    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        owner = here.set_up(Path(folder))
        call_command("collectstatic", interactive=False, verbosity=0)
        here.take_in(owner, list(photos(here.PHOTOS)))
        fill(GUARDED)
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
