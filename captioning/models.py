"""Captions: what models and people say of pictures."""

from typing import ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone

from gallery.models import Image


class Caption(models.Model):
    """One description of a picture. Exactly one of a picture's captions is current; it is the picture's alt text."""

    class Source(models.TextChoices):
        MODEL = "model"
        PERSON = "person"

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="captions")
    text = models.TextField()
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.MODEL)
    model = models.CharField(max_length=300, blank=True, help_text="ml.ModelInfo.key of the captioner that wrote it.")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    confidence = models.FloatField(default=1.0, help_text="How sure the model was, 0 to 1.")
    unsure = models.BooleanField(default=False, help_text="Below the model's own threshold: not to be stated as fact.")
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["image", "model"], condition=Q(source="model"), name="caption_once_per_image_and_model"
            ),
            models.UniqueConstraint(fields=["image"], condition=Q(is_current=True), name="caption_one_current"),
        ]

    def __str__(self) -> str:
        return self.text
