"""Who did what."""

from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models.people import User


class AuditEntry(models.Model):
    """Something that somebody did which others may have to answer for. Only ever added to. See gallery.audit."""

    at = models.DateTimeField(default=timezone.now, editable=False)
    actor = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    actor_name = models.CharField(max_length=150, blank=True, help_text=_("As it was then; empty: nobody signed in."))
    action = models.CharField(max_length=50, help_text=_("Such as album.share; see gallery.audit."))
    target = models.CharField(max_length=200, blank=True, help_text=_("What it was done to, in words."))
    details = models.JSONField(default=dict, blank=True)

    class Meta:
        verbose_name_plural = "audit log"
        indexes: ClassVar = [
            models.Index(fields=["-at", "-id"], name="audit_newest"),
            models.Index(fields=["actor", "-at"], name="audit_of_person"),
        ]

    def __str__(self) -> str:
        return f"{self.actor_name or _('nobody')}: {self.action} {self.target}".rstrip()
