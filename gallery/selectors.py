"""What pages ask of pictures."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from django.db.models import Exists, OuterRef, Q, Subquery, prefetch_related_objects

from gallery.models import Album, AlbumImage, Image, ImageQuerySet, Stage, Viewer
from gallery.pipeline import is_on_request

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

WorkState = Literal["ready", "working", "failed"]


@dataclass(frozen=True)
class ImagePage:
    """`next_cursor` asks for the page after this one; None on the last. `previous_cursor` for the one before it, where
    that is known to be."""

    images: list[Image]
    next_cursor: str | None
    previous_cursor: str | None = None


@dataclass(frozen=True)
class StepWork:
    """How one step of the work on a picture stands. `error` is a sentence, "" where nothing went wrong."""

    name: str
    state: Stage.State
    error: str = ""
    later: bool = False


@dataclass(frozen=True)
class ImageWork:
    """How the work on a picture stands as a whole, and step by step. Steps that come later don't make its `state`, nor
    does what somebody `asked` for that isn't done."""

    state: WorkState
    steps: list[StepWork]
    asked: list[Stage] = field(default_factory=list)

    @property
    def is_open(self) -> bool:
        """Whether anything is still to be done, be it later."""
        states = [*(step.state for step in self.steps), *(stage.state for stage in self.asked)]
        return any(state in Stage.OPEN for state in states)

    @property
    def can_retry(self) -> bool:
        """Whether a step has failed for good, so that only a person can have it tried again."""
        return any(step.state == Stage.State.FAILED for step in self.steps)


def images_page(*, images: ImageQuerySet, cursor: str | None, size: int, before: str | None = None) -> ImagePage:
    """One page of `images`, newest first, with their renditions and stages prefetched (three SQL statements, and one
    more past the first page).

    Pages are found by key, not by number: nothing is skipped or repeated when pictures come and go meanwhile, and the
    thousandth page costs no more than the first. `cursor` asks for what follows it, `before` for what precedes it. One
    that isn't ours gives the first page.
    """
    page = images.with_renditions().prefetch_related("stages")
    if (place := _read_cursor(before)) is not None:
        found = list(page.filter(_newer_than(*place)).order_by("sort_date", "id")[: size + 1])
        if found:
            shown = found[:size][::-1]
            return ImagePage(shown, _cursor(shown[-1]), _cursor(shown[0]) if len(found) > size else None)
    place = _read_cursor(cursor)
    page = page.newest_first()
    found = list(page[: size + 1] if place is None else page.filter(_older_than(*place))[: size + 1])
    shown = found[:size]
    has_newer = place is not None and shown and images.filter(_newer_than(shown[0].sort_date, shown[0].pk)).exists()
    return ImagePage(
        shown,
        _cursor(shown[-1]) if len(found) > size else None,
        _cursor(shown[0]) if has_newer else None,
    )


def images_found(images: ImageQuerySet) -> list[Image]:
    """Pictures as a search shows them: with their renditions and, of those that have no caption yet, their stages; two
    SQL statements, or three."""
    found = list(images.with_renditions())
    prefetch_related_objects([image for image in found if not image.description], "stages")
    return found


def cursor_before(moment: datetime) -> str:
    """The cursor after which the pictures older than this moment come."""
    return f"{(moment - _EPOCH) // _MICROSECOND}.0"


def image_neighbours(*, image: Image, images: ImageQuerySet) -> tuple[Image | None, Image | None]:
    """The pictures beside `image` in the list `images`: (newer, older). One SQL statement."""
    place = image.sort_date, image.pk
    newer = images.filter(_newer_than(*place)).order_by("sort_date", "id").values("pk")[:1]
    older = images.filter(_older_than(*place)).newest_first().values("pk")[:1]
    found = Image.objects.filter(Q(pk=Subquery(newer)) | Q(pk=Subquery(older)))
    beside = {(each.sort_date, each.pk) > place: each for each in found}
    return beside.get(True), beside.get(False)


def image_albums(*, image: Image, viewer: Viewer) -> tuple[list[Album], list[Album]]:
    """Of the albums that the viewer sees, those that hold the picture, by title and with their sharing, and those that
    it may be put in, last changed first. One SQL statement."""
    holds = Exists(AlbumImage.objects.filter(album=OuterRef("pk"), image=image))
    takes = Exists(Album.objects.addable_by(viewer).filter(pk=OuterRef("pk")))
    albums = Album.objects.listed_for(viewer).filter(Q(holds) | Q(takes)).with_sharing().select_related("owner")
    shown: list[Any] = list(albums.order_by("key", "pk").annotate(holds=holds))
    inside = [album for album in shown if album.holds]
    others = [album for album in shown if not album.holds]
    return inside, sorted(others, key=lambda album: (album.updated_at, album.pk), reverse=True)


def image_work(image: Image) -> ImageWork:
    """How the work on a picture stands. Prefetch `stages` for lists.

    A step that one model has done stays done while another model (a new version, in the shadow of the old) has yet to
    do it as well.
    """
    stages: dict[str, list[Stage]] = {}
    asked = []
    for stage in sorted(image.stages.all(), key=lambda stage: stage.pk):
        is_former = stage.state == Stage.State.DONE and stage.step not in stages  # before another model became today's
        if is_former or not is_on_request(stage):
            stages.setdefault(stage.step, []).append(stage)
        elif stage.state not in (Stage.State.DONE, Stage.State.SKIPPED):
            asked.append(stage)
    steps = [_step_work(name, of_step) for name, of_step in stages.items()]
    states = {step.state for step in steps if not step.later}
    if states & set(Stage.OPEN):
        return ImageWork("working", steps, asked)
    return ImageWork("failed" if Stage.State.FAILED in states else "ready", steps, asked)


def _step_work(name: str, stages: Sequence[Stage]) -> StepWork:
    order = [Stage.State.DONE, Stage.State.SKIPPED, Stage.State.RUNNING, Stage.State.PENDING, Stage.State.FAILED]
    best = min(stages, key=lambda stage: order.index(Stage.State(stage.state)))
    error = "" if best.state == Stage.State.DONE else best.error
    return StepWork(name, Stage.State(best.state), error, later=best.priority == Stage.Priority.LATER)


# Both bounds are written so that an index on (sort_date, id) answers them: a plain OR makes SQLite scan.
def _older_than(sort_date: datetime, pk: int) -> Q:
    return Q(sort_date__lte=sort_date) & ~Q(sort_date=sort_date, id__gte=pk)


def _newer_than(sort_date: datetime, pk: int) -> Q:
    return Q(sort_date__gte=sort_date) & ~Q(sort_date=sort_date, id__lte=pk)


def _cursor(image: Image) -> str:
    return f"{(image.sort_date - _EPOCH) // _MICROSECOND}.{image.pk}"


def _read_cursor(cursor: str | None) -> tuple[datetime, int] | None:
    try:
        microseconds, pk = (int(part) for part in (cursor or "").split("."))
        return _EPOCH + microseconds * _MICROSECOND, pk
    except (ValueError, OverflowError):
        return None
