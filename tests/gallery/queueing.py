"""A queue of work for the tests of it, with no work behind it. This module is its pipeline: see the fixture `queue`."""

from collections import Counter
from collections.abc import Collection
from datetime import datetime, timedelta
from typing import Any

from django.utils import timezone

from gallery import stages
from gallery.models import Image, Stage, User
from gallery.pipeline import Step

INTERACTIVE, BACKFILL, LATER = Stage.Priority
STEPS = [Step("renditions"), Step("caption", "fake"), Step("embedding", "fake@1")]

todays_steps: list[Step] = []
on_request: list[Step] = []
wakes: list[None] = []
over: list[list[int]] = []
seen: list[datetime | None] = [None]


def steps() -> list[Step]:
    return todays_steps


def steps_on_request() -> list[Step]:
    return on_request


def wake() -> None:
    wakes.append(None)


def settled(*, image_ids: Collection[int]) -> None:
    over.append(list(image_ids))


def last_seen() -> datetime | None:
    return seen[0]


def begin() -> None:
    """As it is before any test."""
    todays_steps[:] = STEPS
    on_request.clear()
    wakes.clear()
    over.clear()
    seen[:] = [None]


def add_image(owner: User) -> Image:
    number = Image.objects.count()
    return Image.objects.create(
        owner=owner,
        original=f"{number}.jpg",
        sha256=f"{number:064}",
        byte_size=1,
        format="JPEG",
        file_name=f"{number}.jpg",
        width=1,
        height=1,
        sort_date=timezone.now(),
    )


def add_work(owner: User, *, pictures: int = 1, priority: Stage.Priority = INTERACTIVE) -> list[Image]:
    images = [add_image(owner) for _ in range(pictures)]
    stages.open_for(images=images, priority=priority)
    return images


def claim(limit: int = 16, worker: str = "ada") -> list[Stage]:
    return stages.claim(worker=worker, limit=limit)


def kill(claimed: Collection[Stage]) -> None:
    """What a claim looks like some time after its process was killed."""
    Stage.objects.filter(pk__in=[stage.pk for stage in claimed]).update(
        claimed_until=timezone.now() - timedelta(seconds=1)
    )


def let_time_pass() -> None:
    """Nothing is in the future any more, except the live claims."""
    Stage.objects.filter(state="pending").update(due_at=timezone.now())


def states(**lookup: Any) -> Counter[str]:
    return Counter(Stage.objects.filter(**lookup).values_list("state", flat=True))
