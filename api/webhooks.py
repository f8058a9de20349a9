"""Webhooks: people's own, and what they are told, as https://www.standardwebhooks.com has it.

What happened is written down as deliveries in the transaction in which it happened; api.deliveries sends them. The
secret is kept as it is, since whoever signs needs it.
"""

import base64
import secrets
from collections.abc import Collection, Iterable
from datetime import timedelta
from typing import Any, NamedTuple
from uuid import uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import Prefetch, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from api.exceptions import WebhookRefused
from api.models_webhooks import Webhook, WebhookDelivery
from gallery.audit import record
from gallery.models import Image, Stage, User
from gallery.pipeline import get_pipeline
from gallery.selectors import image_work
from outbound import NoAnswer, parse

MOST = 20
SECRET_BYTES = 32
SECRET_MARK = "whsec_"  # noqa: S105  # by which people know one
SWITCHED_OFF = "It was switched off by those who run this site."
KEPT = timedelta(days=30)  # how long deliveries are, and how old a picture may be that is told of as new

Event = Webhook.Event


class NewWebhook(NamedTuple):
    """`secret` is shown this once."""

    webhook: Webhook
    secret: str


def webhooks_of(owner: User) -> QuerySet[Webhook]:
    """The owner's webhooks, the newest first."""
    return Webhook.objects.filter(owner=owner).order_by("-id")


def webhooks_with_last(owner: User, number: int) -> QuerySet[Webhook]:
    """The same, each with so many of its `last_deliveries`. Two SQL statements."""
    last = WebhookDelivery.objects.order_by("-id")[:number]
    return webhooks_of(owner).prefetch_related(Prefetch("deliveries", queryset=last, to_attr="last_deliveries"))


def deliveries_of(webhook: Webhook) -> QuerySet[WebhookDelivery]:
    """What a webhook was told of late, the newest first."""
    return WebhookDelivery.objects.filter(webhook=webhook).order_by("-id")


def webhook_create(*, owner: User, url: str, events: Iterable[str]) -> NewWebhook:
    """Makes a webhook, with a secret of its own. Raises WebhookRefused."""
    url, wanted = _checked_url(url), _checked_events(events)
    secret = SECRET_MARK + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()
    with transaction.atomic():
        list(User.objects.filter(pk=owner.pk).select_for_update(no_key=True))  # so that MOST holds
        if webhooks_of(owner).count() >= MOST:
            raise WebhookRefused(
                "url", _("You have %(most)s webhooks. Delete one that you don't use first.") % {"most": MOST}
            )
        webhook = Webhook.objects.create(owner=owner, url=url, events=wanted, secret=secret)
        record(owner, "webhook.create", webhook, events=wanted)
    return NewWebhook(webhook, secret)


def webhook_change(
    *, webhook: Webhook, url: str | None = None, events: Iterable[str] | None = None, is_active: bool | None = None
) -> Webhook:
    """Changes what is given. One that goes on begins to count its failures anew. Raises WebhookRefused."""
    if url is not None:
        webhook.url = _checked_url(url)
    if events is not None:
        webhook.events = _checked_events(events)
    if is_active is not None:
        webhook.is_active = is_active
        webhook.failures, webhook.note = 0, ""
    webhook.rests_until = None
    webhook.save(update_fields=["url", "events", "is_active", "failures", "note", "rests_until"])
    if is_active:
        transaction.on_commit(get_pipeline().wake, robust=True)
    return webhook


def webhook_delete(*, webhook: Webhook, actor: User) -> None:
    """Deletes a webhook, with what it was and would have been told."""
    with transaction.atomic():
        Webhook.objects.filter(pk=webhook.pk).delete()
        record(actor, "webhook.delete", webhook)


def webhooks_switch_off(*, webhooks: QuerySet[Webhook], by: User) -> int:
    """Pauses other people's webhooks, and says so to their owners, who may let them go on; how many were on."""
    on = Webhook.objects.filter(pk__in=webhooks.order_by().values("pk"), is_active=True).select_related("owner")
    with transaction.atomic():
        found = list(on.select_for_update(of=("self",)).order_by("pk"))
        Webhook.objects.filter(pk__in=[webhook.pk for webhook in found]).update(is_active=False, note=SWITCHED_OFF)
        for webhook in found:
            record(by, "webhook.pause", webhook, owner=webhook.owner.username)
    return len(found)


def webhook_ping(*, webhook: Webhook) -> WebhookDelivery:
    """Tells it that it works; also one that is paused is told, once it goes on."""
    delivery = WebhookDelivery.objects.create(
        webhook=webhook,
        event=Webhook.PING,
        key=f"ping:{uuid4()}",
        payload=_payload(Webhook.PING, {"webhook": str(webhook.uuid)}),
    )
    _ask_again(webhook.pk)
    return delivery


def delivery_again(*, delivery: WebhookDelivery) -> WebhookDelivery:
    """Sends it again, with all its attempts, whatever became of it."""
    delivery.state, delivery.attempts, delivery.due_at = WebhookDelivery.State.PENDING, 0, timezone.now()
    delivery.finished_at, delivery.error = None, ""
    delivery.save(update_fields=["state", "attempts", "due_at", "finished_at", "error"])
    _ask_again(delivery.webhook_id)
    return delivery


def _ask_again(webhook_id: int) -> None:
    """Somebody waits to see whether it answers."""
    Webhook.objects.filter(pk=webhook_id).update(rests_until=None)
    transaction.on_commit(get_pipeline().wake, robust=True)


# What happened. Each is called in the transaction in which it did, and makes one statement where nobody listens.


def images_settled(*, image_ids: Collection[int]) -> None:
    """No step of these pictures that people wait for is open any more. A new picture that is ready is told of once; a
    failure once for each time that it happened."""
    listening = _listening(image_ids, (Event.READY, Event.FAILED))
    if not listening:
        return
    images = Image.objects.filter(pk__in=image_ids, owner__in=listening).prefetch_related("stages")
    told: list[WebhookDelivery] = []
    for image in images:
        work = image_work(image)
        if work.state == "ready":
            since = timezone.now() - KEPT
            told += [
                _delivery(webhook, Event.READY, f"ready:{image.pk}", _about(image))
                for webhook in listening[image.owner_id]
                if image.uploaded_at > max(since, webhook.created_at)
            ]
        elif work.state == "failed":
            errors = [step.error for step in work.steps if step.state == Stage.State.FAILED and not step.later]
            failed = [stage for stage in image.stages.all() if stage.state == Stage.State.FAILED]
            last = max(stage.finished_at.timestamp() for stage in failed if stage.finished_at)
            about = {**_about(image), "errors": errors}
            told += [
                _delivery(webhook, Event.FAILED, f"failed:{image.pk}:{last}", about)
                for webhook in listening[image.owner_id]
            ]
    _write(told)


def caption_changed(*, image_id: int) -> None:
    """A picture has another caption than before, or none any more."""
    listening = _listening([image_id], (Event.CAPTION,))
    if listening:
        image = Image.with_trash.get(pk=image_id)
        key = f"{Event.CAPTION.value}:{uuid4()}"
        _write([_delivery(webhook, Event.CAPTION, key, _about(image)) for webhook in listening[image.owner_id]])


def images_trashed(*, image_ids: Collection[int]) -> None:
    """Some of these pictures may have gone to the trash; each time that one does is told once."""
    listening = _listening(image_ids, (Event.TRASHED,))
    if listening:
        images = Image.with_trash.filter(pk__in=image_ids, owner__in=listening, trashed_at__isnull=False)
        _write(
            [
                _delivery(webhook, Event.TRASHED, f"trashed:{image.pk}:{image.trashed_at}", _about(image))
                for image in images
                for webhook in listening[image.owner_id]
            ]
        )


def _listening(image_ids: Collection[int], events: Collection[Event]) -> dict[int, list[Webhook]]:
    """The webhooks, by owner, that hear of any of these events on any of these pictures."""
    owners = Image.with_trash.filter(pk__in=image_ids).values("owner")
    found: dict[int, list[Webhook]] = {}
    for webhook in Webhook.objects.filter(is_active=True, owner__in=owners, owner__is_active=True).order_by("pk"):
        if set(events) & set(webhook.events):
            found.setdefault(webhook.owner_id, []).append(webhook)
    return found


def _delivery(webhook: Webhook, event: Event, key: str, about: dict[str, Any]) -> WebhookDelivery:
    return WebhookDelivery(webhook=webhook, event=event, key=key, payload=_payload(event.value, about))


def _write(told: list[WebhookDelivery]) -> None:
    """Those that the webhook wants, and has not been told yet."""
    wanted = [each for each in told if each.event in each.webhook.events]
    if wanted:
        WebhookDelivery.objects.bulk_create(wanted, ignore_conflicts=True, batch_size=500)
        transaction.on_commit(get_pipeline().wake, robust=True)


def _payload(event: str, data: dict[str, Any]) -> dict[str, Any]:
    return {"type": event, "timestamp": timezone.now().isoformat(), "data": data}


def _about(image: Image) -> dict[str, Any]:
    """What its owner, and nobody else, is told of a picture. Addresses are of this site, whose name we don't know."""
    return {
        "uuid": str(image.uuid),
        "url": reverse("api:image", args=[image.uuid]),
        "page": image.get_absolute_url(),
        "file_name": image.file_name,
        "caption": image.description,
        "caption_unsure": image.description_unsure,
        "caption_by_person": image.description_by_person,
    }


def _checked_events(events: Iterable[str]) -> list[str]:
    wanted = [event.value for event in Event if event.value in set(events)]
    if not wanted:
        raise WebhookRefused("events", _("Choose at least one thing to be told of."))
    return wanted


def _checked_url(url: str) -> str:
    """The address, normalised. Where it leads is checked again each time that something is sent there."""
    if len(url) > Webhook.LONGEST_URL:
        raise WebhookRefused("url", _("The address has more than %(most)s characters.") % {"most": Webhook.LONGEST_URL})
    try:
        address = parse(url)
    except NoAnswer:
        raise WebhookRefused("url", _("This is no address such as https://example.com/hook.")) from None
    if address.scheme != "https" and not settings.WEBHOOKS_PRIVATE:
        raise WebhookRefused("url", _("The address must begin with https://, so that nobody reads along."))
    return str(address)
