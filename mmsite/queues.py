"""The queues through which workers are woken. They carry no truth: `gallery.Stage` does.

One queue serves a site on one machine. With settings.GPU_QUEUE the steps that need a model have a queue of their own,
so that machines with a GPU do nothing else. django-q2 calls a queue a cluster.
"""

import logging
from datetime import datetime, timedelta
from time import monotonic

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django_q.brokers import get_broker
from django_q.models import Schedule, Success
from django_q.tasks import async_task

logger = logging.getLogger(__name__)

DEFAULT, MODELS = "default", "models"
SWEEP = "mmsite.tasks.sweep"
# A broker that just failed is left alone for so long: a form with a thousand pictures must not wait for each of them.
QUIET_SECONDS = 5.0
SOON = timedelta(minutes=5)  # there is a sweep each minute, and clocks of several hosts differ a little

_quiet_until = 0.0


class BrokerUnavailable(Exception):
    """The broker doesn't answer."""


def names() -> tuple[str, ...]:
    """The queues of this site."""
    return (DEFAULT, MODELS) if settings.GPU_QUEUE else (DEFAULT,)


def cluster(queue: str) -> str:
    """What django-q2 calls a queue. The default one bears the site's own name, which makes schedules its business."""
    site: str = settings.Q_CLUSTER["name"]
    return site if queue == DEFAULT else f"{site}-{queue}"


def wake(queue: str) -> bool:
    """Queue `mmsite.tasks.work`, unless it waits there already; False where the broker doesn't answer."""
    return _push(queue, "mmsite.tasks.work", queue, unless_any_waits=True)


def sweep_soon() -> bool:
    """Queue `mmsite.tasks.sweep`; False where the broker doesn't answer."""
    return _push(DEFAULT, SWEEP)


def last_sweep() -> datetime | None:
    """When a worker last finished a sweep; None if none ever did."""
    # none that a clock which ran ahead calls the last one
    finished = Success.objects.filter(func=SWEEP, stopped__lte=timezone.now() + SOON)
    found: datetime | None = finished.order_by("-stopped").values_list("stopped", flat=True).first()
    return found


def schedule_mend() -> None:
    """Has the next sweep begin now where it waits for a time that a clock which ran ahead has set."""
    late = Schedule.objects.filter(func=SWEEP, next_run__gt=timezone.now() + SOON)
    if late.exists():
        late.update(next_run=timezone.now())


def _push(queue: str, function: str, *arguments: str, unless_any_waits: bool = False) -> bool:
    global _quiet_until  # noqa: PLW0603  the one place of this process that knows
    if monotonic() < _quiet_until:
        return False
    try:
        broker = get_broker(cluster(queue))
        if not (unless_any_waits and broker.queue_size()):
            async_task(function, *arguments, broker=broker)
    except (BrokerUnavailable, DatabaseError) as error:
        _quiet_until = monotonic() + QUIET_SECONDS
        logger.warning("The workers could not be woken (%s); the next sweep will do it.", error)
        return False
    return True
