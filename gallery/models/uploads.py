"""Files on their way in."""

import uuid
from typing import ClassVar

from django.db import models
from django.utils import timezone

from gallery.models.images import Image, Visibility
from gallery.models.people import User


class Upload(models.Model):
    """A file that comes piece by piece, so that a bad network costs no more than a piece. See gallery.uploads."""

    class State(models.TextChoices):
        RECEIVING = "receiving"
        DONE = "done"
        REFUSED = "refused"

    uuid = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="uploads")
    file_name = models.CharField(max_length=255)
    byte_size = models.PositiveBigIntegerField(help_text="Of the whole file, as announced.")
    received = models.PositiveBigIntegerField(default=0, help_text="Bytes that are safe on the disk.")
    visibility = models.CharField(max_length=10, choices=Visibility.choices, default=Visibility.PRIVATE)
    state = models.CharField(max_length=10, choices=State.choices, default=State.RECEIVING)
    outcome = models.CharField(max_length=500, blank=True, help_text="What became of it, in a sentence.")
    image = models.ForeignKey(Image, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    updated_at = models.DateTimeField(default=timezone.now, editable=False)

    class Meta:
        indexes: ClassVar = [models.Index(fields=["state", "updated_at"], name="upload_stale")]

    def __str__(self) -> str:
        return self.file_name
