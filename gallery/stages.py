"""The work on pictures: every transition of a `Stage`, the durable queue that workers claim from.

    pending -> running -> done | failed | skipped

A claim is a lease: it is held by renewing it, and it is void once `claimed_until` has passed, whatever became of the
process. The attempt is counted with the claim, before the work. Whatever a worker reports about a claim that it has
lost meanwhile is ignored: each report is a compare-and-set on `claimed_by`.

A claim that ran out means that a process died or hung. Nobody knows which of its pictures did it, so that each of its
stages is from then on tried alone, until the guilty one has used up its attempts and the innocent ones are done.

Steps that are paused (gallery.pauses) are not claimed and count as neither due nor stalled.
"""

import uuid
from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Case, Count, Exists, F, Max, Min, OuterRef, Q, QuerySet, Value, When
from django.utils import timezone

from gallery.models import Image, Stage
from gallery.pauses import EVERYTHING, paused_steps
from gallery.pipeline import VARIANT, Step, get_pipeline, is_on_request

DIED = "The worker stopped while working on this picture, {attempts} times."
REPLACED = "No longer needed: another model does this now."
# Pictures that get their missing stages in one sweep; bounds its time and its transaction.
OPENED_PER_SWEEP = 5_000
# Stages that wait for a model together; bounds the transaction.
POSTPONED_AT_ONCE = 1_000
# Pictures whose work is begun anew in one statement, which holds SQLite's one lock for writing.
REQUEUED_AT_ONCE = 10_000


@dataclass(frozen=True)
class SweepReport:
    """What one sweep found and put right; numbers of stages, `opened` of pictures."""

    expired: int
    failed: int
    opened: int
    skipped: int
    revived: int


@dataclass(frozen=True)
class Counts:
    """Stages that wait (due or not yet), that run and that failed for good."""

    waiting: int
    running: int
    failed: int

    @property
    def open(self) -> int:
        return self.waiting + self.running


def open_for(*, images: Iterable[Image], priority: Stage.Priority) -> None:
    """Create the stages that these pictures need today and don't have yet. Does not wake anybody."""
    _open(images, get_pipeline().steps(), priority)


def _open(images: Iterable[Image], steps: Collection[Step], priority: Stage.Priority) -> None:
    priorities = {step: Stage.Priority.LATER if step.later else priority for step in steps}
    Stage.objects.bulk_create(
        [
            Stage(image=image, step=step.name, model=step.model, priority=priorities[step])
            for image in images
            for step in steps
        ],
        ignore_conflicts=True,
        batch_size=1_000,
    )


def claim(*, worker: str, limit: int, steps: Collection[str] | None = None) -> list[Stage]:
    """Take the next due stages (of these steps), with their `image`; [] when nothing is due.

    Either all of the due ones of one priority of up to `limit` pictures, interactive before backfill, oldest first; or
    one single stage: where a process died, and of the steps that come later, so that what is uploaded meanwhile never
    waits for more than one of these. Safe among any number of workers: each stage goes to one of them.
    """
    _fail_exhausted()
    passed: list[int] = []
    while ids := _next_due(limit, steps, passed):
        if claimed := _take(ids, worker):
            return claimed
        # Another worker was faster, or has them locked: on to the next ones rather than wait.
        passed += ids
    return []


def renew(claimed: Collection[Stage]) -> int:
    """Prolong the lease; the number of stages still held."""
    return _held(claimed).update(claimed_until=timezone.now() + _lease())


def finish(claimed: Collection[Stage]) -> int:
    """The work is done; the number of stages that were still held."""
    with _settling(claimed):
        return _held(claimed).update(**_settled(Stage.State.DONE, error=""))


def skip(claimed: Collection[Stage], reason: str) -> int:
    """This work is not needed any more."""
    with _settling(claimed):
        return _held(claimed).update(**_settled(Stage.State.SKIPPED, error=reason))


def fail(stage: Stage, error: str, *, retryable: bool = True) -> None:
    """An attempt failed. Another follows, later each time, unless it cannot help or there were enough of them."""
    held = _held([stage])
    if retryable and stage.attempts < settings.STAGE_ATTEMPTS:
        wait = timedelta(seconds=settings.STAGE_RETRY_SECONDS * 4 ** (stage.attempts - 1))
        held.update(**_pending(due_at=timezone.now() + wait, error=error))
    else:
        with _settling([stage]):
            held.update(**_settled(Stage.State.FAILED, error=error))


def postpone(claimed: Collection[Stage], error: str, *, delay: float) -> None:
    """What the work needs is not there now; try again in `delay` seconds. The attempt does not count."""
    due_at = timezone.now() + timedelta(seconds=delay)
    _held(claimed).update(**_pending(due_at=due_at, error=error), attempts=F("attempts") - 1)


def postpone_due(*, step: str, model: str, error: str, delay: float) -> None:
    """The same for POSTPONED_AT_ONCE others that wait for this model, rather than have each claimed for nothing."""
    now = timezone.now()
    due = Stage.objects.filter(_waiting(now), step=step, model=model).order_by("priority", "due_at", "id")
    with transaction.atomic():
        free = list(due.select_for_update(skip_locked=True).values_list("pk", flat=True)[:POSTPONED_AT_ONCE])
        postponed = _pending(due_at=now + timedelta(seconds=delay), error=error)
        Stage.objects.filter(_waiting(now), pk__in=free).update(**postponed)


def release(claimed: Collection[Stage]) -> None:
    """Give back, untouched, what was claimed: the worker has been asked to stop. The attempt does not count."""
    _held(claimed).update(**_pending(due_at=F("due_at"), error=F("error")), attempts=F("attempts") - 1)


def retry(*, image: Image) -> int:
    """Start again what failed on a picture, with all its attempts; the number of stages."""
    failed = Stage.objects.filter(image=image, state=Stage.State.FAILED)
    return rearm(stages=failed, priority=Stage.Priority.INTERACTIVE)


def retry_all(*, step: str | None = None) -> int:
    """Start again whatever failed (of one step), as a backfill; the number of stages."""
    return retry_these(stages=Stage.objects.all() if step is None else Stage.objects.filter(step=step))


def retry_these(*, stages: QuerySet[Stage]) -> int:
    """Start again those of these that failed, as a backfill; the number of stages."""
    return rearm(stages=stages.filter(state=Stage.State.FAILED), priority=Stage.Priority.BACKFILL)


def rearm(*, stages: QuerySet[Stage], priority: Stage.Priority) -> int:
    """Start these again, whatever their state; the number of stages. Whoever works on one loses it."""
    rearmed = stages.update(**_fresh(priority))
    if rearmed:
        transaction.on_commit(get_pipeline().wake)
    return rearmed


def requeue(*, image_ids: Collection[int], step: str, priority: Stage.Priority, model: str = "") -> int:
    """Do a step of these pictures again, by today's model or one on request; the number of stages. What runs now is
    left alone."""
    steps = [Step(step, model)] if model else get_pipeline().steps()
    with transaction.atomic():
        _open(Image.objects.filter(pk__in=image_ids), steps, priority)
        models = [each.model for each in steps if each.name == step]
        stages = Stage.objects.filter(image_id__in=image_ids, step=step, model__in=models)
        return rearm(stages=stages.exclude(state=Stage.State.RUNNING), priority=priority)


def requeue_all(*, images: QuerySet[Image], step: str) -> int:
    """The same for any number of pictures, as a backfill; the number of stages. What a picture lacks, the sweep opens.

    Piece by piece: neither workers nor uploads wait long for the rows, nor does a page for a million pictures' ids.
    """
    models = [each.model for each in get_pipeline().steps() if each.name == step]
    stages = Stage.objects.filter(step=step, model__in=models).exclude(state=Stage.State.RUNNING)
    bounds = images.order_by().aggregate(first=Min("pk"), last=Max("pk"))
    if bounds["first"] is None:
        return 0
    fresh, opened = _fresh(Stage.Priority.BACKFILL), 0
    for start in range(bounds["first"], bounds["last"] + 1, REQUEUED_AT_ONCE):
        piece = images.order_by().filter(pk__gte=start, pk__lt=start + REQUEUED_AT_ONCE)
        opened += stages.filter(image_id__in=piece.values("pk")).update(**fresh)
    if opened:
        transaction.on_commit(get_pipeline().wake)
    return opened


def sweep() -> SweepReport:
    """Put right what a crash, a lost wake-up or a change of models left behind. Cheap, idempotent, run each minute."""
    now = timezone.now()
    steps = get_pipeline().steps()
    failed = _fail_exhausted()
    expired = Stage.objects.filter(_expired(now)).count()
    current = _of_steps(steps)
    waiting = Stage.objects.filter(state=Stage.State.PENDING)
    unneeded = waiting.exclude(current).exclude(_on_request())
    skipped = unneeded.update(**_settled(Stage.State.SKIPPED, error=REPLACED))
    skipped_before = Stage.objects.filter(current, state=Stage.State.SKIPPED)
    revived = skipped_before.update(**_fresh(Stage.Priority.BACKFILL))
    missing = list(lacking(steps)[:OPENED_PER_SWEEP])
    open_for(images=missing, priority=Stage.Priority.BACKFILL)
    return SweepReport(expired=expired, failed=failed, opened=len(missing), skipped=skipped, revived=revived)


def any_due(*, steps: Collection[str] | None = None) -> bool:
    """Is there work (of these steps) that somebody should claim now?"""
    now = timezone.now()
    return any(part.filter(due).exists() for part in _parts(steps) for due in (_waiting(now), _expired(now)))


def stalled(*, for_seconds: float, steps: Collection[str] | None = None) -> bool:
    """Work (of these steps) has been due for so long, nobody holds a claim, and nothing was settled in that time. What
    lies further ahead than that was written by a clock that was wrong."""
    now, span = timezone.now(), timedelta(seconds=for_seconds)
    before, after = now - span, now + span
    parts = _parts(steps)
    waits = _waiting(before) | _expired(before)
    moves = Q(state=Stage.State.RUNNING, claimed_until__gt=now, claimed_until__lt=after) | Q(
        state__in=[Stage.State.DONE, Stage.State.FAILED], finished_at__gt=before, finished_at__lt=after
    )
    return any(part.filter(waits).exists() for part in parts) and not any(part.filter(moves).exists() for part in parts)


def oldest_due(*, now: datetime) -> dict[str, datetime]:
    """For each step that waits for a worker, since when the oldest has been due."""
    return dict(Stage.objects.filter(_waiting(now)).values_list("step").annotate(Min("due_at")))


def counts() -> Counts:
    """How much work waits, runs and has failed."""
    by_state = dict(Stage.objects.filter(state__in=Stage.UNDONE).values_list("state").annotate(Count("pk")))
    return Counts(
        waiting=by_state.get(Stage.State.PENDING, 0),
        running=by_state.get(Stage.State.RUNNING, 0),
        failed=by_state.get(Stage.State.FAILED, 0),
    )


def lacking(steps: Iterable[Step]) -> QuerySet[Image]:
    """Pictures, oldest first, that have no stage yet for one of the steps."""
    condition = Q(pk__in=[])
    for step in steps:
        condition |= ~Q(Exists(Stage.objects.filter(image=OuterRef("pk"), step=step.name, model=step.model)))
    return Image.objects.filter(condition).order_by("pk")


@contextmanager
def _settling(stages: Collection[Stage]) -> Iterator[None]:
    """Tells the pipeline of the pictures that have no step open any more once these are settled, which the block does
    in the same transaction."""
    image_ids = {
        stage.image_id for stage in stages if stage.priority != Stage.Priority.LATER and not is_on_request(stage)
    }
    if not image_ids:
        yield
        return
    with transaction.atomic():
        # In turn: of two workers that end a picture's last two steps at once, each would take the other's for open.
        locked = Image.objects.filter(pk__in=image_ids).order_by("pk").select_for_update(no_key=True)
        kept = set(locked.values_list("pk", flat=True))
        yield
        still_open = Stage.objects.filter(image_id__in=kept, state__in=Stage.OPEN)
        waited_for = still_open.exclude(priority=Stage.Priority.LATER).exclude(_on_request())
        if over := kept - set(waited_for.values_list("image_id", flat=True)):
            get_pipeline().settled(image_ids=sorted(over))


def _on_request() -> Q:
    return _of_steps(get_pipeline().steps_on_request()) | Q(model__contains=VARIANT)


def _lease() -> timedelta:
    return timedelta(seconds=settings.STAGE_LEASE_SECONDS)


def _expired(now: datetime) -> Q:
    return Q(state=Stage.State.RUNNING, claimed_until__lte=now)


def _waiting(now: datetime) -> Q:
    return Q(state=Stage.State.PENDING, due_at__lte=now)


def _parts(steps: Collection[str] | None) -> list[QuerySet[Stage]]:
    """The stages that may be claimed: all at once, or step by step, since no index gives the order of several steps."""
    paused = paused_steps()
    if EVERYTHING in paused:
        return []
    if steps is None and not paused:
        return [Stage.objects.all()]
    names = {step.name for step in get_pipeline().steps()} if steps is None else set(steps)
    return [Stage.objects.filter(step=name) for name in sorted(names - paused)]


def _next_due(limit: int, steps: Collection[str] | None, passed: Collection[int]) -> list[int]:
    """Ids of the stages that belong into the next claim, but for those that were passed over."""
    now = timezone.now()
    parts = [part.exclude(pk__in=passed) for part in _parts(steps)] if passed else _parts(steps)
    # Two queries, since one with OR would sort the whole backlog: in each of these the index gives the order.
    heads = [
        stage
        for part in parts
        for due in (_waiting(now), _expired(now))
        for stage in part.filter(due).order_by("priority", "due_at", "id")[: limit * 4]
    ]
    if not heads:
        return []
    heads.sort(key=lambda stage: (stage.priority, stage.due_at, stage.pk))
    first = heads[0]
    if first.state == Stage.State.RUNNING or first.priority == Stage.Priority.LATER:
        return [first.pk]
    batch = [stage for stage in heads if stage.state == Stage.State.PENDING and stage.priority == first.priority]
    image_ids = list(dict.fromkeys(stage.image_id for stage in batch))[:limit]
    waiting = (part.filter(_waiting(now), image_id__in=image_ids, priority=first.priority) for part in parts)
    return [pk for part in waiting for pk in part.values_list("pk", flat=True)]


def _take(ids: list[int], worker: str) -> list[Stage]:
    """Claim those of the stages that are still due."""
    now = timezone.now()
    due = _waiting(now) | _expired(now)
    claim_id = f"{worker}/{uuid.uuid4().hex[:12]}"
    with transaction.atomic():
        # SQLite ignores the row locks and needs none (IMMEDIATE transactions). On PostgreSQL they keep workers that
        # reach for the same rows from waiting for each other.
        free = Stage.objects.filter(due, pk__in=ids).order_by("pk").select_for_update(skip_locked=True)
        taken = list(free.values_list("pk", flat=True))
        Stage.objects.filter(due, pk__in=taken).update(
            state=Stage.State.RUNNING, claimed_by=claim_id, claimed_until=now + _lease(), attempts=F("attempts") + 1
        )
    return list(Stage.objects.filter(pk__in=taken, claimed_by=claim_id).select_related("image").order_by("pk"))


def _held(claimed: Collection[Stage]) -> QuerySet[Stage]:
    return Stage.objects.filter(
        pk__in=[stage.pk for stage in claimed],
        claimed_by__in={stage.claimed_by for stage in claimed},
        state=Stage.State.RUNNING,
    )


def _pending(*, due_at: datetime | F, error: str | F) -> dict[str, Any]:
    return {
        "state": Stage.State.PENDING,
        "due_at": due_at,
        "error": error,
        "claimed_by": "",
        "claimed_until": None,
        "finished_at": None,
    }


def _settled(state: Stage.State, *, error: str) -> dict[str, Any]:
    return {
        "state": state,
        "error": error,
        "claimed_by": "",
        "claimed_until": None,
        "finished_at": timezone.now(),
    }


def _fresh(priority: Stage.Priority) -> dict[str, Any]:
    """Due now, with all its attempts, at this priority unless its step comes later."""
    later = [step.name for step in get_pipeline().steps() if step.later]
    priorities = Case(When(step__in=later, then=Value(Stage.Priority.LATER)), default=Value(priority))
    return {**_pending(due_at=timezone.now(), error=""), "attempts": 0, "priority": priorities}


def _fail_exhausted() -> int:
    """Give up on the stages whose worker died at each of their attempts."""
    exhausted = Stage.objects.filter(_expired(timezone.now()), attempts__gte=settings.STAGE_ATTEMPTS)
    found = list(exhausted)  # a read, so that the usual case takes no write lock
    if not found:
        return 0
    with _settling(found):
        return exhausted.update(**_settled(Stage.State.FAILED, error=DIED.format(attempts=settings.STAGE_ATTEMPTS)))


def _of_steps(steps: Iterable[Step]) -> Q:
    condition = Q(pk__in=[])
    for step in steps:
        condition |= Q(step=step.name, model=step.model)
    return condition
