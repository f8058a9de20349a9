"""What opens the API, and what it remembers of requests."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api.models_webhooks import Webhook, WebhookDelivery
from gallery.models import User

__all__ = ["IdempotencyKey", "Token", "Webhook", "WebhookDelivery"]


class Token(models.Model):
    """Lets a program act for a person, within its scopes, until it expires or is revoked. See api.tokens."""

    LONGEST_NAME = 100

    class Scope(models.TextChoices):
        READ = "read", _("Look at and search pictures")
        WRITE = "write", _("Upload, change and delete pictures, captions, tags and albums")
        SHARE = "share", _("Share albums with people and by link")
        ADMIN = "admin", _("Run the site; for staff")

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="api_tokens")
    name = models.CharField(max_length=LONGEST_NAME, help_text=_("What it is for; the owner's own note."))
    scopes = models.JSONField(default=list)
    prefix = models.CharField(max_length=16, help_text=_("How the secret begins, to tell tokens apart."))
    digest = models.CharField("SHA-256", max_length=64, unique=True, help_text=_("Of the secret, which is not kept."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_used_at = models.DateTimeField(null=True, blank=True, help_text=_("To the minute."))
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["owner", "-id"], name="token_newest")]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    @property
    def is_open(self) -> bool:
        """Whether it still lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or self.expires_at > timezone.now())


class IdempotencyKey(models.Model):
    """A request that may come twice, and how it was answered the first time. See api.idempotency."""

    LONGEST_KEY = 255

    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    key = models.CharField(max_length=LONGEST_KEY)
    fingerprint = models.CharField("SHA-256", max_length=64, help_text=_("Of what was asked."))
    status = models.PositiveSmallIntegerField(null=True, blank=True, help_text=_("Empty: not answered yet."))
    answer = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        constraints: ClassVar = [models.UniqueConstraint(fields=["owner", "key"], name="idempotency_key_once")]
        indexes: ClassVar = [models.Index(fields=["created_at"], name="idempotency_key_oldest")]

    def __str__(self) -> str:
        return self.key
