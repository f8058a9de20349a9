"""Whether what the gallery keeps is as it should be: files, the work on pictures, numbers, and files on their way in.

Nothing is deleted here but files that no row names. An original that is missing or damaged is told of, and left as it
is: nothing here could bring it back.
"""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Count, Exists, F, Min, OuterRef, Q, QuerySet
from django.utils import timezone

from gallery import stages
from gallery.chunks import in_pieces
from gallery.counted import counted, recount, tallies_mend, tallies_wrong
from gallery.findings import Check, Finding, Scope
from gallery.fsck_files import check_files
from gallery.models import Album, Image, Rendition, Stage, Tag, Upload
from gallery.pauses import EVERYTHING, paused_steps
from gallery.pipeline import RENDITIONS_STEP, Step, get_pipeline
from gallery.uploads import litter, path_of

# However busy a site is, what is due is done within that; but for steps that come later, and while it is paused.
LONGEST_WAIT = timedelta(days=1)
# So long nothing may stand still that is due.
LONGEST_STANDSTILL = timedelta(hours=1)
BACKFILL = Stage.Priority.BACKFILL


def check_renditions(scope: Scope) -> Iterator[Finding]:
    """A picture whose renditions were made has all of them, each younger than the picture."""
    made = Stage.objects.filter(step=RENDITIONS_STEP, state=Stage.State.DONE)
    for kind in Rendition.Kind:
        there = Rendition.objects.filter(image=OuterRef("image"), kind=kind)
        for piece in in_pieces(made.filter(~Exists(there)).select_related("image")):
            yield from _made_again([stage.image for stage in piece], "rendition-missing", kind, "there is none", scope)
    open_now = Stage.objects.filter(image=OuterRef("image"), step=RENDITIONS_STEP, state__in=Stage.OPEN)
    outdated = Rendition.objects.filter(~Exists(open_now), created_at__lt=F("image__uploaded_at"))
    for some in in_pieces(outdated.select_related("image")):
        for kind in Rendition.Kind:
            images = [rendition.image for rendition in some if rendition.kind == kind]
            yield from _made_again(images, "rendition-outdated", kind, "it is older than its picture", scope)


def check_stages(scope: Scope) -> Iterator[Finding]:
    """Every picture has a stage for each step of today, and none that nobody will ever finish."""
    steps = get_pipeline().steps()
    for images in in_pieces(stages.lacking(steps).filter(uploaded_at__lt=scope.before)):
        if scope.repair:
            stages.open_for(images=images, priority=BACKFILL)
            get_pipeline().wake()
        for image in images:
            yield Finding("stage-missing", f"picture {image.uuid}", "it lacks a step of the work", scope.repair)
    for piece in in_pieces(_lost(scope.grace).select_related("image")):
        if scope.repair:
            # asked again: somebody may have claimed one meanwhile
            lost = _lost(scope.grace).filter(pk__in=[stage.pk for stage in piece])
            stages.rearm(stages=lost, priority=BACKFILL)
        for stage in piece:
            detail = f"{stage.state}, due {stage.due_at:%Y-%m-%d %H:%M} UTC, claimed until {stage.claimed_until}"
            subject = f"picture {stage.image.uuid}, {stage.step} {stage.model}".rstrip()
            yield Finding("stage-lost", subject, detail, scope.repair)
    for step in {step.name: step for step in steps}.values():
        yield from _check_waiting(step, scope)


def check_numbers(scope: Scope) -> Iterator[Finding]:
    """Albums and tags keep how many pictures they hold, and people what their originals take."""
    kinds: list[type[Album] | type[Tag]] = [Album, Tag]
    for kind in kinds:
        rows: QuerySet[Any] = kind._default_manager.annotate(held=counted(kind))
        for piece in in_pieces(rows.exclude(pictures=F("held"))):
            if scope.repair:
                with transaction.atomic():
                    recount(kind, [row.pk for row in piece])
            for row in piece:
                detail = f"it says {row.pictures:,} pictures, and holds {row.held:,}"
                yield Finding("number-differs", f"{kind._meta.model_name} {row.pk}", detail, scope.repair)
    people = list(tallies_wrong())
    if people and scope.repair:
        tallies_mend(people)
    for person in people:
        detail = f"it says {person.said:,} bytes of originals, and they take {person.taken:,}"
        yield Finding("number-differs", f"user {person.pk}", detail, scope.repair)


def check_uploads(scope: Scope) -> Iterator[Finding]:
    """What comes in pieces has a file that is as long as its row says, and no file is left of what is over."""
    for piece in in_pieces(Upload.objects.filter(state__in=Upload.OPEN)):
        for upload in piece:
            path = path_of(upload)
            size = path.stat().st_size if path.exists() else None
            if size is not None and size >= upload.received:
                continue
            if Upload.objects.filter(pk=upload.pk, state=upload.state).exists():  # else it has ended meanwhile
                kind = "upload-missing" if size is None else "upload-damaged"
                detail = f"of {upload.received:,} bytes that were received, {path} has {size or 0:,}"
                yield Finding(kind, f"upload {upload.uuid}", f"{detail}; its owner has to send it again")
    for path in litter(seconds=scope.grace.total_seconds()):
        detail, repaired = "no upload has it", False
        if scope.repair:
            try:
                path.unlink(missing_ok=True)
                repaired = True
            except OSError as error:
                detail += f"; it can't be deleted: {error}"
        yield Finding("upload-orphaned", str(path), detail, repaired)


CHECKS = [
    Check("files", check_files, total=Image.with_trash.count),
    Check("renditions", check_renditions),
    Check("stages", check_stages),
    Check("numbers", check_numbers, unit="row"),
    Check("uploads", check_uploads),
]


def _made_again(images: list[Image], kind: str, which: str, detail: str, scope: Scope) -> Iterator[Finding]:
    if scope.repair and images:
        stages.requeue(image_ids=[image.pk for image in images], step=RENDITIONS_STEP, priority=BACKFILL)
    for image in images:
        yield Finding(kind, f"picture {image.uuid}, {which}", detail, scope.repair)


def _lost(grace: timedelta) -> QuerySet[Stage]:
    """Stages that nobody works on and nobody claims, and those that a worker should have claimed long ago."""
    now, paused = timezone.now(), paused_steps()
    void = Q(claimed_until=None) | Q(claimed_until__gt=now + timedelta(seconds=settings.STAGE_LEASE_SECONDS) + grace)
    if EVERYTHING not in paused:
        void |= Q(claimed_until__lt=now - grace) & ~Q(step__in=paused)
    # Later than any of them is put off: by a clock that was ahead.
    retried = settings.STAGE_RETRY_SECONDS * 4**settings.STAGE_ATTEMPTS
    latest = now + timedelta(seconds=max(retried, settings.STAGE_POSTPONE_SECONDS)) + grace
    waits = Q(state=Stage.State.PENDING, due_at__gt=latest)
    return Stage.objects.filter(Q(void, state=Stage.State.RUNNING) | waits)


def _check_waiting(step: Step, scope: Scope) -> Iterator[Finding]:
    """What is due of a step is done within LONGEST_WAIT, and moves within LONGEST_STANDSTILL; what comes later waits
    for all others."""
    if paused_steps() & {EVERYTHING, step.name}:
        return
    seconds = LONGEST_STANDSTILL.total_seconds()
    stands = stages.stalled(for_seconds=seconds, steps=None if step.later else [step.name])
    if step.later and not stands:
        return
    before = timezone.now() - (LONGEST_STANDSTILL if stands else LONGEST_WAIT)
    due = Stage.objects.filter(step=step.name, state=Stage.State.PENDING, due_at__lt=before)
    found = due.aggregate(number=Count("pk"), oldest=Min("due_at"))
    if not found["number"]:
        return
    if scope.repair:
        get_pipeline().wake()
    seen = get_pipeline().last_seen()
    detail = (
        f"{found['number']:,} wait, the first since {found['oldest']:%Y-%m-%d %H:%M} UTC; start the worker, which was "
        f"{f'last seen at {seen:%Y-%m-%d %H:%M} UTC' if seen else 'never seen'}"
    )
    yield Finding("stage-overdue", f"step {step.name}", detail)
