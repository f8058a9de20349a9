"""A clock that is wrong: what it leaves behind when it is set right, and what it may not throw away meanwhile.

Work that became due, or was claimed, by a time ahead would wait until the right one gets there. What is deleted by it
would be lost: that waits until the clock has agreed for a while with the time since the machine's start.
"""

import json
import logging
import time
from dataclasses import asdict, dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from api.deliveries import WAITS
from api.models import IdempotencyKey
from api.models_webhooks import Webhook, WebhookDelivery
from gallery.models import SeenFile, Stage, Tries
from ml.files import whole
from search.cursors import LEASE_SECONDS
from search.models import IndexCursor

# Clocks of several hosts differ a little, and no claim or pause is longer; deliveries wait for hours by themselves.
SLACK = timedelta(minutes=5)

# For which nothing is deleted: after a start of the machine clocks are set by the network, within a minute or so; one
# that jumped while it ran is seen by people within hours. Longer, and a machine that sleeps every night never deletes.
AFTER_START = timedelta(minutes=15).total_seconds()
AFTER_JUMP = timedelta(hours=6).total_seconds()
BOOT = Path("/proc/sys/kernel/random/boot_id")

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading:
    """What a sweep of this host last saw. Seconds: of the clock, since the machine's start, and until which of the
    latter nothing is deleted for good."""

    boot: str
    clock: float
    uptime: float
    waits_until: float

    @property
    def waits(self) -> float:
        """Seconds for which nothing is deleted, as of then."""
        return max(0.0, self.waits_until - self.uptime)


def holds() -> bool:
    """Whether what is to go for good by the clock may go: it has run evenly for a while, by what this host's sweeps
    saw. Where the system doesn't say how long it has been running: always. For the sweep."""
    if not _knows_uptime():
        return True
    boot, clock, uptime = BOOT.read_text().strip(), time.time(), time.clock_gettime(time.CLOCK_BOOTTIME)
    before = last_reading()
    if before is None or before.boot != boot:
        until = uptime + max(AFTER_START, before.waits if before else 0)
    elif abs(jump := (clock - before.clock) - (uptime - before.uptime)) > SLACK.total_seconds():
        until = uptime + AFTER_JUMP
        hours, by = AFTER_JUMP / 3_600, timedelta(seconds=round(jump))
        logger.warning("The clock jumped by %s; for %d hours nothing in the trash is deleted for good", by, hours)
    else:
        until = before.waits_until
    try:
        with whole(_path()) as part:
            part.write_text(json.dumps(asdict(Reading(boot, clock, uptime, until))), encoding="ascii")
    except OSError:  # a full disk: the next sweep can't tell whether it jumped
        logger.warning("What the clock says could not be noted", exc_info=True)
        return False
    return uptime >= until


def last_reading() -> Reading | None:
    """What the last sweep of this host saw; None before the first."""
    try:
        return Reading(**json.loads(_path().read_text(encoding="ascii")))
    except (OSError, ValueError, TypeError):
        return None


def _knows_uptime() -> bool:
    return hasattr(time, "CLOCK_BOOTTIME") and BOOT.exists()


def _path() -> Path:
    return Path(settings.DATA_DIR) / "clock.json"


def mend() -> int:
    """Has what is too far ahead begin now; how many that were. A claim that somebody still holds is renewed by them.
    For the sweep."""
    now = timezone.now()
    ahead, latest = now + SLACK, now + timedelta(seconds=max(WAITS)) + SLACK
    found: list[tuple[QuerySet[Any], dict[str, object]]] = [
        (Stage.objects.filter(state=Stage.State.PENDING, due_at__gt=ahead), {"due_at": now}),
        (
            Stage.objects.filter(state=Stage.State.RUNNING, claimed_until__gt=ahead),
            {"claimed_until": now + timedelta(seconds=settings.STAGE_LEASE_SECONDS)},
        ),
        (IndexCursor.objects.filter(held_until__gt=ahead), {"held_until": now + timedelta(seconds=LEASE_SECONDS)}),
        (SeenFile.objects.filter(state=SeenFile.State.DUE, seen_at__gt=ahead), {"seen_at": now}),
        (Tries.objects.filter(since__gt=ahead), {"since": now}),
        (IdempotencyKey.objects.filter(status=None, created_at__gt=ahead), {"created_at": now}),
        (WebhookDelivery.objects.filter(state=WebhookDelivery.State.PENDING, due_at__gt=latest), {"due_at": now}),
        (Webhook.objects.filter(rests_until__gt=ahead), {"rests_until": None}),
    ]
    mended = sum(rows.update(**values) for rows, values in found if rows.exists())  # most sweeps write nothing
    if mended:
        logger.warning("The clock was set back: %d things that were to wait for it begin now", mended)
    return mended
