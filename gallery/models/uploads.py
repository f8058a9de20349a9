"""Files on their way in."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models.images import Image, Visibility
from gallery.models.people import User


class Upload(models.Model):
    """A file that comes piece by piece, so that a bad network costs no more than a piece. See gallery.uploads.

    One that is an archive is unpacked by the worker, picture by picture. See gallery.unpacking.
    """

    class State(models.TextChoices):
        RECEIVING = "receiving"
        UNPACKING = "unpacking"
        DONE = "done"
        REFUSED = "refused"

    OPEN = (State.RECEIVING, State.UNPACKING)

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="uploads")
    file_name = models.CharField(max_length=255)
    byte_size = models.PositiveBigIntegerField(help_text=_("Of the whole file, as announced."))
    received = models.PositiveBigIntegerField(default=0, help_text=_("Bytes that are safe on the disk."))
    modified = models.BigIntegerField(
        null=True, blank=True, help_text=_("When the file was changed, as the person's machine says: milliseconds.")
    )
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVING)
    outcome = models.CharField(max_length=500, blank=True, help_text=_("What became of it, in a sentence."))
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    entries = models.PositiveIntegerField(default=0, help_text=_("Of an archive: what it holds."))
    entries_done = models.PositiveIntegerField(default=0, help_text=_("Of those: worked through."))
    report = models.JSONField(
        default=dict, blank=True, help_text=_("Of an archive: how many were taken, and why which were not.")
    )
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "updated_at"], name="upload_stale")]

    def __str__(self) -> str:
        return self.file_name


class SeenFile(models.Model):
    """A file of this machine that was imported for somebody, or is to be. See gallery.folders."""

    class State(models.TextChoices):
        NEW = "new", "seen once"
        DUE = "due", "to be taken"
        TAKEN = "taken"
        REFUSED = "refused"

    key = models.CharField(max_length=64, unique=True, editable=False, help_text=_("SHA-256 of owner and path."))
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="+")
    path = models.TextField(help_text=_("Percent-encoded: names on disk need not be text."))
    byte_size = models.PositiveBigIntegerField()
    modified_ns = models.BigIntegerField(help_text=_("When it was changed: nanoseconds."))
    state = models.CharField(max_length=10, choices=State.choices, default=State.NEW)
    attempts = models.PositiveSmallIntegerField(default=0, help_text=_("To take it, counted before each."))
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    seen_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [
            models.Index(fields=["id"], condition=models.Q(state="due"), name="seen_file_due"),
        ]

    def __str__(self) -> str:
        return self.path
