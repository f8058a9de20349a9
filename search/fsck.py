"""Whether pictures have the vectors that they should have, and every index what the tables have."""

from collections.abc import Iterable, Iterator

from django.db.models import Exists, OuterRef, Q, QuerySet

from gallery import stages
from gallery.chunks import in_pieces
from gallery.findings import Check, Finding, NotChecked, Progress, Scope
from gallery.models import Image, Stage
from gallery.pipeline import get_pipeline
from search import captions, factory, index, pushing, services
from search.backends.exceptions import IndexUnavailable
from search.cursors import LeaseLost
from search.live import LiveIndex
from search.models import CaptionEmbedding, Embedding, ModelVersion, Table, VersionedVector
from search.reconcile import Drift
from search.selectors import EMBEDDING_STEP, versions_to_embed
from search.shared import SharedIndex
from search.vectors import unpack_all

PIECE = 2_000


def check_vectors(scope: Scope) -> Iterator[Finding]:
    """A picture that was embedded has one whole vector for each version in use, and what a person said of it has, too.
    Of what is gone there is none."""
    yield from _check_orphans(scope)
    made_here = versions_to_embed()
    for version in _in_use():
        makes = version in made_here
        there = Embedding.objects.filter(image_id=OuterRef("image_id"), model_version=version, vector__isnull=False)
        made = Stage.objects.filter(step=EMBEDDING_STEP, model=version.key, state=Stage.State.DONE)
        for piece in in_pieces(made.filter(~Exists(there)).select_related("image")):
            images = [stage.image for stage in piece]
            yield from _embedded_again(images, "vector-missing", version, repair=scope.repair, makes=makes)
        for images in _damaged(Embedding, version, scope.progress):
            yield from _embedded_again(images, "vector-damaged", version, repair=scope.repair, makes=makes)
    for version in made_here:
        yield from _check_captions(version, scope)


def check_index(scope: Scope) -> Iterator[Finding]:
    """Each index has the points of its table and no others: this process's, as their snapshots have them, and those on
    a server. What is put right of a snapshot is written anew."""
    busy: list[str] = []
    for where, drift in _drifts(repair=scope.repair, progress=scope.progress):
        if drift is None:
            busy.append(where)
        elif not drift.is_none:
            yield Finding("index-differs", where, str(drift), scope.repair)
    if busy:
        raise NotChecked(f"the worker is writing to {', '.join(busy)}; try again in a moment")


def _check_orphans(scope: Scope) -> Iterator[Finding]:
    """Of a picture that is gone, tombstones are all that is left."""
    gone = ~Exists(Image.with_trash.filter(pk=OuterRef("image_id")))
    for table in services.TABLES:
        kept = Q(vector__isnull=False) if table is Embedding else Q(vector__isnull=False) | ~Q(text="")
        rows: QuerySet[VersionedVector] = table.objects.filter(kept, gone)
        for piece in in_pieces(rows.only("image_id")):
            if scope.repair:
                services.embeddings_forget(image_ids=[row.image_id for row in piece], tables=[table])
            for row in piece:
                yield Finding("vector-orphaned", f"{table.__name__} {row.pk}", "its picture is gone", scope.repair)


def _embedded_again(
    images: Iterable[Image], kind: str, version: ModelVersion, *, repair: bool, makes: bool
) -> Iterator[Finding]:
    """But for those that are about to be. `makes`: a model of this installation makes the version's vectors."""
    ids = [image.pk for image in images]
    mine = Stage.objects.filter(image__in=ids, step=EMBEDDING_STEP, model=version.key)
    open_now = set(mine.filter(state__in=Stage.OPEN).values_list("image_id", flat=True))
    if repair and makes:
        stages.requeue(image_ids=ids, step=EMBEDDING_STEP, priority=Stage.Priority.BACKFILL, model=version.key)
    for image in images:
        if image.pk not in open_now:
            detail = f"by {version}" if makes else f"by {version}, whose model another one has taken the place of"
            yield Finding(kind, f"picture {image.uuid}", detail, repair and makes)


def _check_captions(version: ModelVersion, scope: Scope) -> Iterator[Finding]:
    """What people said of pictures; what is missing only where nothing waits to be embedded."""
    if not version.awaits_captions:
        for piece in in_pieces(captions.unembedded(version).only("uuid")):
            yield from _of_captions(piece, "caption-vector-missing", version, repair=scope.repair)
        for some in in_pieces(captions.outdated(version)):
            images = list(Image.with_trash.filter(pk__in=[row.image_id for row in some]).only("uuid"))
            yield from _of_captions(images, "caption-vector-outdated", version, repair=scope.repair)
    for images in _damaged(CaptionEmbedding, version, scope.progress):
        if scope.repair:
            services.embeddings_forget(image_ids=[image.pk for image in images], tables=[CaptionEmbedding])
        yield from _of_captions(images, "caption-vector-damaged", version, repair=scope.repair)
    if scope.repair:
        captions.look_again()
        get_pipeline().wake()


def _of_captions(images: Iterable[Image], kind: str, version: ModelVersion, *, repair: bool) -> Iterator[Finding]:
    """Unless somebody has said something since the version was read, which the worker sees to."""
    if ModelVersion.objects.filter(pk=version.pk, captions_said=version.captions_said).exists():
        yield from (Finding(kind, f"picture {image.uuid}", f"by {version}", repair) for image in images)


def _in_use() -> QuerySet[ModelVersion]:
    return ModelVersion.objects.filter(state__in=ModelVersion.IN_USE).order_by("pk")


def _total() -> int:
    return sum(
        table.objects.filter(model_version__in=_in_use(), vector__isnull=False).count() for table in services.TABLES
    )


def _damaged(table: Table, version: ModelVersion, progress: Progress) -> Iterator[list[Image]]:
    """Pictures whose vector in the table can't be one, piece by piece."""
    rows: QuerySet[VersionedVector] = table.objects.filter(model_version=version, vector__isnull=False)
    for piece in in_pieces(rows.only("image_id", "vector"), PIECE):
        if not _are_whole(piece, version):
            ids = [row.image_id for row in piece if not _are_whole([row], version)]
            yield list(Image.with_trash.filter(pk__in=ids).only("uuid"))
        progress(len(piece))


def _are_whole(rows: Iterable[VersionedVector], version: ModelVersion) -> bool:
    return unpack_all([row.vector or b"" for row in rows], dimension=version.dimension) is not None


def _drifts(*, repair: bool, progress: Progress) -> Iterator[tuple[str, Drift | None]]:
    """Of every index, where it is and how it differs; None where another process is writing to it."""
    indexes = index.get_indexes(wait=True)
    if indexes is not None:
        pictures = indexes.pictures.own if isinstance(indexes.pictures, SharedIndex) else indexes.pictures
        if pictures is not None:
            where = f"the snapshot of {pictures.version}"
            yield where, _check_own(pictures, repair=repair, progress=progress)
        where = f"the snapshot of people's captions by {indexes.version}"
        yield where, _check_own(indexes.captions, repair=repair, progress=progress)
    if factory.is_shared():
        for version in _in_use():
            try:
                drift = pushing.check(version, repair=repair, progress=progress)
            except IndexUnavailable as error:
                raise NotChecked(f"the index on the search server: {error}") from error
            except LeaseLost:
                drift = None
            yield pushing.server_of(version).location, drift


def _check_own(own: LiveIndex, *, repair: bool, progress: Progress) -> Drift:
    drift, after = Drift(), -1
    while True:
        piece = own.reconcile(after=after, limit=PIECE, repair=repair)
        drift += piece.drift
        progress(piece.drift.compared)
        if piece.after is None:
            break
        after = piece.after
    if repair and not drift.is_none:
        own.save_snapshot()
    return drift


CHECKS = [
    Check("vectors", check_vectors, unit="vector", total=_total),
    Check("index", check_index, unit="point"),
]
