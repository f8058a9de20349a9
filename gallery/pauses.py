"""Work that waits because somebody said so: a step, or all of them. Workers finish what they have begun."""

from django.db import transaction
from django.utils import timezone

from gallery import audit
from gallery.models import Pause, User
from gallery.pipeline import get_pipeline

EVERYTHING = ""


def pauses() -> list[Pause]:
    """What is paused, and who did it when; a pause of everything first."""
    return list(Pause.objects.select_related("paused_by").order_by("step"))


def paused_steps() -> frozenset[str]:
    """The names of the steps that are paused; with EVERYTHING among them, all are."""
    return frozenset(Pause.objects.values_list("step", flat=True))


def is_paused(step: str) -> bool:
    """Whether a step, or everything, is paused."""
    return Pause.objects.filter(step__in=[EVERYTHING, step]).exists()


def work_pause(*, step: str, person: User) -> bool:
    """From now on no worker begins this step, or EVERYTHING. False where it was paused already."""
    with transaction.atomic():
        _, created = Pause.objects.get_or_create(step=step, defaults={"paused_by": person, "paused_at": timezone.now()})
        if created:
            audit.record(person, "work.pause", step or "everything")
    return created


def work_resume(*, step: str, person: User) -> bool:
    """Workers go on with this step, or with EVERYTHING that isn't paused by itself. False where it wasn't paused."""
    with transaction.atomic():
        deleted, _ = Pause.objects.filter(step=step).delete()
        if deleted:
            audit.record(person, "work.resume", step or "everything")
            transaction.on_commit(get_pipeline().wake, robust=True)
    return bool(deleted)
