"""Searches, and what pages and the pipeline ask of vectors."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from django.db.models import Exists, OuterRef
from PIL.Image import Image as Picture

from gallery.models import Image, Stage, Viewer
from ml.errors import ModelError
from search import engine, index
from search.backends.exceptions import IndexUnavailable
from search.changes import listed_for
from search.exceptions import ModelChanged, SearchNotReady
from search.models import Embedding, ModelVersion

EMBEDDING_STEP = "embedding"
# Read beyond what is asked for, so that pictures which SQL no longer lets through don't make the list shorter.
SPARE_HITS = 50
# A version is not let to searches if more than this share of the pictures failed: rather the model than the pictures.
FAILURES_TOLERATED = 0.05

Vector = npt.NDArray[np.floating[Any]]


@dataclass(frozen=True)
class SearchHit:
    """A picture found, the cosine between it and what was asked for, in [-1, 1], and whether that is enough."""

    image: Image
    score: float
    is_match: bool = True


@dataclass(frozen=True)
class SearchResult:
    """What a search found, best first.

    `no_match`: even the best is rather not what was meant; the nearest are listed all the same, to be shown as such.
    `empty_library`: the viewer has no picture to search in. `not_ready`: `sentence` says why there can be no answer.
    `notice`: a sentence for people where the search works, but not as it should.
    """

    state: Literal["ok", "no_match", "empty_library", "not_ready"]
    hits: list[SearchHit] = field(default_factory=list)
    sentence: str = ""
    notice: str = ""

    @property
    def matches(self) -> list[SearchHit]:
        return [hit for hit in self.hits if hit.is_match]

    @property
    def others(self) -> list[SearchHit]:
        """The nearest of what rather doesn't match."""
        return [hit for hit in self.hits if not hit.is_match]


@dataclass(frozen=True)
class Coverage:
    """How far a version is: pictures that have its vector, that will never have it, and all there are."""

    embedded: int
    given_up: int
    pictures: int

    @property
    def is_complete(self) -> bool:
        """Nothing is left to do, and what failed is few enough to be the pictures' own fault."""
        all_tried = self.embedded + self.given_up >= self.pictures
        return all_tried and self.given_up <= FAILURES_TOLERATED * self.pictures


def search_images(*, viewer: Viewer, query: str, limit: int = 50) -> SearchResult:
    """The pictures that fit a text best, among those that may be listed for the viewer.

    A constant number of SQL statements, whatever is found.
    """
    text = " ".join(query.split())
    if not text:
        return SearchResult("no_match")

    def ask(version: ModelVersion) -> tuple[Vector, float | None]:
        return engine.encode_query(text, version=version), engine.match_floor(version)

    return _search(viewer, ask, limit)


def images_like_picture(*, viewer: Viewer, picture: Picture, limit: int = 5) -> SearchResult:
    """The pictures that look most like an RGB picture, among those that may be listed for the viewer."""

    def ask(version: ModelVersion) -> tuple[Vector, float | None]:
        return engine.encode_pictures([picture], version=version)[0], None

    return _search(viewer, ask, limit)


def index_notice() -> str:
    """A sentence for people where searches are answered, but not by the index that should; "" where all is well."""
    live = index.get_index()
    return live.notice if live else ""


def coverage(*, version: ModelVersion) -> Coverage:
    """How many of the pictures have the version's vector."""
    vector = Embedding.objects.filter(image_id=OuterRef("pk"), model_version=version, vector__isnull=False)
    failed = Stage.objects.filter(
        image_id=OuterRef("pk"),
        step=EMBEDDING_STEP,
        model=version.key,
        state=Stage.State.FAILED,
    )
    return Coverage(
        embedded=Image.objects.filter(Exists(vector)).count(),
        given_up=Image.objects.filter(~Exists(vector), Exists(failed)).count(),
        pictures=Image.objects.count(),
    )


def versions_to_embed() -> list[ModelVersion]:
    """The versions that every picture needs a vector of: the active one, and one that is being built.

    A name stands for one model at a time. So an active version whose name the one being built has taken over is past
    making: no model on this machine makes its vectors any more.
    """
    wanted = list(
        ModelVersion.objects.filter(state__in=[ModelVersion.State.ACTIVE, ModelVersion.State.BUILDING]).order_by("pk")
    )
    taken_over = {version.name for version in wanted if version.state == ModelVersion.State.BUILDING}
    return [
        version for version in wanted if version.state == ModelVersion.State.BUILDING or version.name not in taken_over
    ]


def _search(viewer: Viewer, ask: Callable[[ModelVersion], tuple[Vector, float | None]], limit: int) -> SearchResult:
    """`ask` gives the vector to look for, and the score under which nothing really matches, for a version."""
    try:
        live, (vector, floor) = _ready(viewer, ask)
    except SearchNotReady as reason:
        return SearchResult("not_ready", sentence=str(reason))
    try:
        answer = live.search(vector, limit=limit + SPARE_HITS, where=listed_for(viewer))
    except IndexUnavailable:
        return SearchResult("not_ready", sentence="The search server doesn't answer. Try again in a minute.")
    found = answer.hits
    # What the index believes is a hint; what may be seen is decided here.
    listed = (
        Image.objects.listed_for(viewer)
        .with_renditions()
        .prefetch_related("stages")
        .in_bulk([hit.key for hit in found])
    )
    hits = [
        SearchHit(listed[hit.key], max(-1.0, min(hit.score, 1.0)), is_match=floor is None or hit.score >= floor)
        for hit in found
        if hit.key in listed
    ][:limit]
    if not hits:
        return _nothing_found(viewer)
    return SearchResult("ok" if hits[0].is_match else "no_match", hits, notice=answer.notice)


def _ready(
    viewer: Viewer,
    ask: Callable[[ModelVersion], tuple[Vector, float | None]],
) -> tuple[index.Index, tuple[Vector, float | None]]:
    """An index, and what `ask` says for its version: the two always belong together. Raises SearchNotReady."""
    live = index.get_index()
    if live is None:
        raise SearchNotReady("Search has no model yet: the worker sets it up when it starts.")
    try:
        try:
            return live, ask(live.version)
        except ModelChanged:
            newer = index.get_index(wait=True)
            if newer is None or newer is live:
                raise
            return newer, ask(newer.version)
    except ModelChanged:
        raise SearchNotReady(_model_changed()) from None
    except ModelError as error:
        reason = f": {error}" if viewer.pk else "."  # the reason may name folders of this machine
        raise SearchNotReady(f"The search model can't be used{reason}") from error


def _model_changed() -> str:
    building = ModelVersion.objects.filter(state=ModelVersion.State.BUILDING).first()
    if building is None:
        return "The search model changed: the worker will embed the pictures again when it starts."
    # Not `coverage`, which takes long where there are many: every search comes here. A share, not numbers: these are
    # everybody's pictures, and how many there are is not for every visitor.
    share = min(1.0, Embedding.objects.filter(model_version=building).count() / max(1, Image.objects.count()))
    return f"The search model changed: pictures are being embedded again ({share:.0%} done)."


def _nothing_found(viewer: Viewer) -> SearchResult:
    waiting = Image.objects.listed_for(viewer).count()
    if not waiting:
        return SearchResult("empty_library")
    return SearchResult("not_ready", sentence=f"None of the pictures here ({waiting:,}) is ready for search yet.")
