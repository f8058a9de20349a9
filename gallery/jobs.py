"""The work on many pictures at a glance: what waits, runs, is done and has failed, how fast it goes, and who does it.

Each function takes a constant number of SQL statements, however many pictures there are, and what is not done yet is
all that is read: done is the rest of the pictures, of which no more than MOST_DONE and some are counted.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Exists, Min, OuterRef, QuerySet
from django.utils import timezone

from gallery.durations import about
from gallery.models import Image, ImageQuerySet, Pause, Stage, User
from gallery.pauses import EVERYTHING, pauses
from gallery.pipeline import get_pipeline

# What a rate is measured over, and the least that tells anything.
RATE_WINDOW = timedelta(minutes=5)
RATE_LEAST = timedelta(seconds=10)
# Of the pictures so many are counted, and ten for each that isn't done, so that bars are right to a tenth. Of more,
# thousands are told.
MOST_DONE = 10_000
COUNTED_FOR_EACH = 10
THOUSAND = 1_000
# A worker shows each minute that it lives, unless it is at a piece of work, which takes no longer than another minute.
WORKER_UNSEEN = timedelta(minutes=3)


@dataclass(frozen=True)
class Scope:
    """Which work: of one person's pictures or everybody's, of one step or all, and perhaps only what was begun anew
    `since` (an admin action that had many pictures done again)."""

    owner: User | None = None
    step: str = ""
    since: datetime | None = None

    def stages(self) -> QuerySet[Stage]:
        stages = Stage.objects.all()
        if self.owner is not None:
            # No join, for which SQLite would begin with the pictures: all of them, of which few have stages of a state.
            stages = stages.filter(Exists(self.images().filter(pk=OuterRef("image"))))
        if self.step:
            stages = stages.filter(step=self.step)
        if self.since is not None:
            stages = stages.filter(due_at__gte=self.since, priority__in=[Stage.Priority.BACKFILL, Stage.Priority.LATER])
        return stages

    def images(self) -> ImageQuerySet:
        """The pictures that the work is on."""
        return Image.with_trash.all() if self.owner is None else Image.objects.filter(owner=self.owner)


@dataclass(frozen=True)
class StepJobs:
    """How the work of one step stands. `rate` is pictures a minute of late, None where nothing is moving; `pause` says
    who paused this step, or everything. `is_done_exact`: False where more are done than were counted."""

    name: str
    waiting: int
    running: int
    done: int
    failed: int
    rate: float | None
    pause: Pause | None
    is_done_exact: bool = True

    @property
    def total(self) -> int:
        return self.waiting + self.running + self.done + self.failed

    @property
    def settled(self) -> int:
        return self.done + self.failed

    @property
    def seconds_left(self) -> float | None:
        """None where nothing is left, nothing moves, or the step is paused."""
        left = self.waiting + self.running
        return left / self.rate * 60 if left and self.rate and self.pause is None else None

    @property
    def time_left(self) -> str:
        """`about 5 min`, or "" where nobody knows."""
        return "" if self.seconds_left is None else about(self.seconds_left)


@dataclass(frozen=True)
class Worker:
    """Whether anybody works: `is_seen` where a claim is held or a sign of life is not older than WORKER_UNSEEN."""

    is_seen: bool
    last_seen: datetime | None


@dataclass(frozen=True)
class Jobs:
    """How the work in a scope stands, in the order of the steps."""

    steps: list[StepJobs]
    pauses: list[Pause]
    worker: Worker

    @property
    def waiting(self) -> int:
        return sum(step.waiting for step in self.steps)

    @property
    def running(self) -> int:
        return sum(step.running for step in self.steps)

    @property
    def done(self) -> int:
        return sum(step.done for step in self.steps)

    @property
    def failed(self) -> int:
        return sum(step.failed for step in self.steps)

    @property
    def is_moving(self) -> bool:
        """Whether it is worth looking again soon."""
        return any(step.running or step.rate for step in self.steps)

    @property
    def is_paused(self) -> bool:
        """Whether everything is."""
        return any(pause.step == EVERYTHING for pause in self.pauses)

    @property
    def time_left(self) -> str:
        """Of the step that takes longest, since they are done side by side; "" where one of them doesn't move."""
        open_steps = [step for step in self.steps if step.waiting + step.running]
        times = [step.seconds_left for step in open_steps if step.seconds_left is not None]
        return about(max(times)) if times and len(times) == len(open_steps) else ""


def jobs(scope: Scope) -> Jobs:
    """How the work in this scope stands. Six SQL statements."""
    stages = scope.stages()
    counts: dict[str, dict[str, int]] = {}
    # What was begun anew is found by its date, of each state: an index has them in this order.
    states = Stage.UNDONE if scope.since is None else Stage.State.values
    for step, state, number in (
        stages.filter(state__in=states).order_by().values_list("step", "state").annotate(Count("pk"))
    ):
        counts.setdefault(step, {})[state] = number
    needed = [step.name for step in get_pipeline().steps()]
    is_exact = _count_done(scope, needed, counts) if scope.since is None else True
    rates = _rates(stages)
    paused = pauses()
    names = [scope.step] if scope.step else dict.fromkeys([*needed, *sorted(counts)])
    steps = [_step_jobs(name, counts.get(name, {}), rates.get(name), paused, is_exact=is_exact) for name in names]
    return Jobs(steps, paused, worker())


def _count_done(scope: Scope, needed: Iterable[str], counts: dict[str, dict[str, int]]) -> bool:
    """Puts down as done, of the steps that every picture needs, the pictures that aren't anything else; whether those
    are all."""
    undone = {step: sum(counts.get(step, {}).values()) for step in needed}
    most = MOST_DONE + COUNTED_FOR_EACH * max(undone.values(), default=0)
    pictures = scope.images().order_by()[: most + 1].count()
    is_exact = pictures <= most
    for step, number in undone.items():
        done = max(0, pictures - number)
        counts.setdefault(step, {})[Stage.State.DONE] = done if is_exact else done - done % THOUSAND
    return is_exact


def worker() -> Worker:
    """Whether a worker lives, as far as anybody here knows. At most two SQL statements."""
    now = timezone.now()
    last_seen = get_pipeline().last_seen()
    is_seen = (last_seen is not None and now - last_seen < WORKER_UNSEEN) or Stage.objects.filter(
        state=Stage.State.RUNNING, claimed_until__gt=now
    ).exists()
    return Worker(is_seen, last_seen)


def _step_jobs(
    name: str, counts: Mapping[str, int], rate: float | None, paused: list[Pause], *, is_exact: bool
) -> StepJobs:
    return StepJobs(
        name,
        waiting=counts.get(Stage.State.PENDING, 0),
        running=counts.get(Stage.State.RUNNING, 0),
        done=counts.get(Stage.State.DONE, 0),
        failed=counts.get(Stage.State.FAILED, 0),
        rate=rate,
        pause=next((pause for pause in paused if pause.step in (EVERYTHING, name)), None),
        is_done_exact=is_exact,
    )


def _rates(stages: QuerySet[Stage]) -> dict[str, float]:
    """Step -> how many were done a minute, from the first one of the last minutes until now."""
    now = timezone.now()
    late = stages.filter(state=Stage.State.DONE, finished_at__gt=now - RATE_WINDOW)
    found = late.order_by().values_list("step").annotate(number=Count("pk"), first=Min("finished_at"))
    return {
        step: number * 60 / max(now - first, RATE_LEAST).total_seconds() for step, number, first in found if number > 1
    }
