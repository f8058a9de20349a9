"""Whom we tell when something happened to somebody's pictures. See api.webhooks."""

import uuid
from typing import ClassVar
from urllib.parse import urlsplit

from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models import User


class Webhook(models.Model):
    """An address of a person's that is told of what happens to their pictures."""

    class Event(models.TextChoices):
        READY = "image.ready", _("A new picture has its caption and can be found")
        FAILED = "image.failed", _("The work on a picture failed")
        TRASHED = "image.trashed", _("A picture went to the trash")
        CAPTION = "caption.changed", _("A picture has another caption")

    PING = "ping"
    LONGEST_URL = 500

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="webhooks")
    url = models.CharField(max_length=LONGEST_URL)
    events = models.JSONField(default=list)
    secret = models.CharField(max_length=100, help_text=_("What deliveries are signed with: whsec_ and base64."))
    is_active = models.BooleanField(default=True)
    failures = models.PositiveIntegerField(default=0, help_text=_("Deliveries that were given up, in a row."))
    note = models.CharField(max_length=300, blank=True, help_text=_("Why it was paused, where it wasn't its owner."))
    rests_until = models.DateTimeField(null=True, blank=True, help_text=_("Not to be asked before: it didn't answer."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-id"], name="webhook_newest")]

    def __str__(self) -> str:
        """For staff and logs: see `shown`."""
        return shown(self.url)


def shown(url: str) -> str:
    """An address as others than its owner may read it: scheme and host, since what follows may open what is there."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}/…"


class WebhookDelivery(models.Model):
    """Something that a webhook is told: durable, and tried again until it is delivered or given up.

    Claimed by counting the attempt and moving `due_at` on before it: whatever becomes of the process, the next attempt
    comes when it is due.
    """

    class State(models.TextChoices):
        PENDING = "pending"
        DELIVERED = "delivered"
        FAILED = "failed", _("given up")

    LONGEST_KEY = 100

    uuid = models.UUIDField(
        default=uuid.uuid4, unique=True, editable=False, help_text=_("webhook-id: the same each time.")
    )
    webhook = models.ForeignKey(Webhook, on_delete=models.CASCADE, related_name="deliveries")
    event = models.CharField(max_length=20)
    key = models.CharField(max_length=LONGEST_KEY, help_text=_("What is told once: see api.webhooks."))
    payload = models.JSONField()
    state = models.CharField(max_length=10, choices=State.choices, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0, help_text=_("Counted before each."))
    due_at = models.DateTimeField(default=timezone.now, help_text=_("Not to be tried before."))
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Of the last answer."))
    error = models.CharField(max_length=300, blank=True, help_text=_("Why the last attempt failed, for people."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "webhook deliveries"
        constraints: ClassVar = [
            models.UniqueConstraint(fields=["webhook", "key"], name="webhook_delivery_once"),
        ]
        indexes: ClassVar = [
            models.Index(fields=["due_at", "id"], condition=Q(state="pending"), name="webhook_delivery_due"),
            models.Index(fields=["created_at"], name="webhook_delivery_oldest"),
        ]

    def __str__(self) -> str:
        return f"{self.event} to {self.webhook_id}: {self.state}"
