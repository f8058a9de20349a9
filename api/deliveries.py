"""Sends what webhooks are told, signed, and again where it didn't arrive. For the worker, between its work."""

import base64
import hashlib
import hmac
import json
import logging
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import timedelta
from http import HTTPStatus
from time import monotonic

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from api.models_webhooks import Webhook, WebhookDelivery
from api.webhooks import KEPT
from outbound import Kind, NoAnswer, ask, parse

# Seconds after each attempt until the next: about seven hours and a half in all.
WAITS = (60, 5 * 60, 30 * 60, 2 * 3_600, 5 * 3_600)
ATTEMPTS = len(WAITS) + 1
# A webhook is paused when so many deliveries in a row were given up.
MOST_FAILURES = 10
AT_ONCE = 8  # requests; threads wait for servers, and touch no database
# Pictures wait for both together at most: requests begin during the one, and each takes the other in all.
SLICE_SECONDS = 2.0
SECONDS = 5.0
# How long a webhook that doesn't answer, or says "not now", is left alone, whatever it is to be told.
REST = timedelta(minutes=1)
NOT_NOW = (None, 429, 502, 503, 504)
PRUNED_AT_ONCE = 5_000

GONE = HTTPStatus.GONE
State = WebhookDelivery.State

logger = logging.getLogger(__name__)

_WORDS = {
    Kind.PRIVATE_ADDRESS: "The address leads to a private network, which this site doesn't send to.",
    Kind.UNUSUAL_PORT: "This site sends to the ports 80, 443, 8080 and 8443 alone.",
    Kind.NO_SUCH_HOST: "There is no host of that name.",
    Kind.NO_CONNECTION: "The host doesn't take the connection.",
    Kind.UNSAFE_CONNECTION: "The host's certificate is not valid for it.",
    Kind.TIMEOUT: "The host didn't answer in time.",
    Kind.TOO_SLOW: "The host didn't answer in time.",
    Kind.CONNECTION_BROKE: "The connection broke before there was an answer.",
    Kind.BAD_ANSWER: "The host doesn't speak proper HTTP.",
    Kind.BAD_ADDRESS: "The address can't be asked.",
}


@dataclass(frozen=True)
class _Outcome:
    status: int | None
    error: str

    @property
    def is_fine(self) -> bool:
        return not self.error


def any_due() -> bool:
    """Whether something is to be sent now."""
    return _due().exists()


def deliver_some() -> int:
    """Sends what is due, a few at a time and for a few seconds at most; how many attempts that were."""
    end, sent = monotonic() + SLICE_SECONDS, 0
    while monotonic() < end and any_due() and (claimed := _claim()):
        with ThreadPoolExecutor(AT_ONCE, thread_name_prefix="webhook") as pool:
            outcomes = list(pool.map(_send, claimed))
        for delivery, outcome in zip(claimed, outcomes, strict=True):
            _record(delivery, outcome)
        sent += len(claimed)
    return sent


def prune() -> None:
    """Forgets old deliveries, and what nobody will send any more with them."""
    old = WebhookDelivery.objects.filter(created_at__lt=timezone.now() - KEPT)
    ids = list(old.values_list("pk", flat=True)[:PRUNED_AT_ONCE])
    if ids:
        WebhookDelivery.objects.filter(pk__in=ids).delete()


def signature(secret: str, *, message_id: str, timestamp: int, body: bytes) -> str:
    """`v1,…`: HMAC-SHA256 of id, timestamp and body, by https://www.standardwebhooks.com."""
    key = base64.b64decode(secret.partition("_")[2])
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"v1,{base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()}"


def _due() -> QuerySet[WebhookDelivery]:
    now = timezone.now()
    is_awake = Q(webhook__rests_until=None) | Q(webhook__rests_until__lte=now)
    of_those = {"webhook__is_active": True, "webhook__owner__is_active": True}
    return WebhookDelivery.objects.filter(is_awake, state=State.PENDING, due_at__lte=now, **of_those)


def _claim() -> list[WebhookDelivery]:
    """The next few: their attempt is counted, and the next one set, before they are sent. Webhooks have equal shares;
    chance says which are next, so that none waits behind the thousands of another."""
    now, due = timezone.now(), _due()
    with transaction.atomic():
        webhooks = list(Webhook.objects.filter(pk__in=due.values("webhook")).order_by("?")[:AT_ONCE])
        claimed: list[WebhookDelivery] = []
        for webhook in webhooks:
            rows = due.filter(webhook=webhook).order_by("due_at", "id").select_related("webhook")
            claimed += rows.select_for_update(skip_locked=True, of=("self",))[: AT_ONCE // len(webhooks)]
        for delivery in claimed:
            delivery.attempts += 1
            wait = WAITS[min(delivery.attempts, len(WAITS)) - 1]
            WebhookDelivery.objects.filter(pk=delivery.pk).update(
                attempts=delivery.attempts, due_at=now + timedelta(seconds=wait)
            )
    return claimed


def _send(delivery: WebhookDelivery) -> _Outcome:
    """One attempt. In a thread: without the database."""
    body = json.dumps(delivery.payload, ensure_ascii=False, separators=(",", ":")).encode()
    message_id, timestamp = str(delivery.uuid), int(timezone.now().timestamp())
    signed = signature(delivery.webhook.secret, message_id=message_id, timestamp=timestamp, body=body)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "mmsite-webhooks/1",
        "webhook-id": message_id,
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signed,
    }
    private = settings.WEBHOOKS_PRIVATE
    try:
        address = parse(delivery.webhook.url)
        with ask(
            address, method="POST", headers=headers, body=body, within=SECONDS, patience=SECONDS, allow_private=private
        ) as answer:
            status = answer.status
    except NoAnswer as none:
        return _Outcome(None, _WORDS[none.kind])
    except Exception:  # a boundary: one receiver must not stop the others
        logger.exception("Delivery %s could not be sent", delivery.uuid)
        return _Outcome(None, "It could not be sent.")
    is_fine = HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
    return _Outcome(status, "" if is_fine else f"The host answered with status {status}.")


def _record(delivery: WebhookDelivery, outcome: _Outcome) -> None:
    """Writes down what became of an attempt. One that somebody has sent again meanwhile is left alone."""
    is_over = outcome.is_fine or outcome.status == GONE or delivery.attempts >= ATTEMPTS
    state = State.DELIVERED if outcome.is_fine else State.FAILED if is_over else State.PENDING
    with transaction.atomic():
        webhook = Webhook.objects.filter(pk=delivery.webhook_id)
        if outcome.status in NOT_NOW:
            webhook.update(rests_until=timezone.now() + REST)
        held = WebhookDelivery.objects.filter(pk=delivery.pk, state=State.PENDING, attempts=delivery.attempts)
        finished_at = timezone.now() if is_over else None
        if not held.update(state=state, status=outcome.status, error=outcome.error, finished_at=finished_at):
            return
        if outcome.is_fine:
            webhook.exclude(failures=0).update(failures=0)
        elif outcome.status == GONE:
            _pause(webhook, "The host says that there is nobody there any more (status 410).")
        elif is_over:
            webhook.update(failures=F("failures") + 1)
            _pause(
                webhook.filter(failures__gte=MOST_FAILURES),
                f"{MOST_FAILURES} deliveries in a row failed. The last one: {outcome.error}",
            )


def _pause(webhooks: QuerySet[Webhook], note: str) -> None:
    webhooks.filter(is_active=True).update(is_active=False, note=note[:300])
