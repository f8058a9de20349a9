"""Whom webhooks tell of pictures: their owners alone, whoever sees them besides."""

from typing import Any

import pytest
from django.db import transaction

from api import deliveries
from api.models import WebhookDelivery
from api.webhooks import webhook_create
from captioning.services import caption_write_by_person
from gallery.models import Image, User
from gallery.trash import images_trash
from tests.access.world import World

EVENTS = ["image.ready", "image.failed", "image.trashed", "caption.changed"]


def test_owners_alone_are_told(world: World) -> None:
    with transaction.atomic():
        known = set(WebhookDelivery.objects.values_list("pk", flat=True))
        for person in world.people.values():
            if person.user:
                webhook_create(owner=person.user, url=f"https://example.com/{person.kind}", events=EVENTS)
        for state in ("private", "shared", "public"):
            image = Image.objects.get(pk=world.subjects[state].pk)
            caption_write_by_person(image_id=image.pk, author=image.owner, text="another one")
            images_trash(images=[image])
        told = WebhookDelivery.objects.exclude(pk__in=known).select_related("webhook__owner")
        assert {each.webhook.owner.username for each in told} == {"owner"}
        transaction.set_rollback(True)


def test_whoever_is_deactivated_is_told_nothing_any_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(deliveries, "_send", sent.append)
    with transaction.atomic():
        assert deliveries.any_due()
        User.objects.filter(username="owner").update(is_active=False)
        assert not deliveries.any_due()
        assert deliveries.deliver_some() == 0
        assert not sent
        transaction.set_rollback(True)
