"""What a clock that ran ahead leaves behind when it is set right: times so far ahead that nothing here sets them.

Work that became due, or was claimed, by the wrong time would wait until the right one gets there.
"""

import logging
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone

from api.deliveries import WAITS
from api.models import IdempotencyKey
from api.models_webhooks import Webhook, WebhookDelivery
from gallery.models import SeenFile, Stage, Tries
from search.cursors import LEASE_SECONDS
from search.models import IndexCursor

# Clocks of several hosts differ a little, and no claim or pause is longer; deliveries wait for hours by themselves.
SLACK = timedelta(minutes=5)

logger = logging.getLogger(__name__)


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
