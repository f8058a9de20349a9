"""Captions: what models and people say of pictures."""

from typing import ClassVar, Self

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models import Image


class CaptionQuerySet(models.QuerySet["Caption"]):
    def by_person(self) -> Self:
        """Those that a person vouches for: who wrote them, here or into the file, or approved what a model wrote."""
        return self.filter(~Q(source=Caption.Source.MODEL) | Q(review=Caption.Review.APPROVED))

    def to_review(self) -> Self:
        """What models say of pictures now, where nobody has judged it yet."""
        return self.filter(is_current=True, source=Caption.Source.MODEL, review=Caption.Review.OPEN)


class Caption(models.Model):
    """One description of a picture. At most one of a picture's captions is current; it is the picture's alt text."""

    class Source(models.TextChoices):
        MODEL = "model"
        PERSON = "person"
        FILE = "file", _("in the file")

    class Review(models.TextChoices):
        OPEN = "open", _("not judged")
        APPROVED = "approved", _("Approved")
        REJECTED = "rejected", _("Rejected")

    LONGEST = 2_000

    image = models.ForeignKey(Image, on_delete=models.CASCADE, related_name="captions")
    text = models.TextField()
    source = models.CharField(max_length=10, choices=Source.choices, default=Source.MODEL)
    model = models.CharField(
        max_length=300, blank=True, help_text=_("ml.ModelInfo.key of the captioner that wrote it.")
    )
    author = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL)
    confidence = models.FloatField(default=1.0, help_text=_("How sure the model was, 0 to 1."))
    unsure = models.BooleanField(
        default=False, help_text=_("Below the model's own threshold: not to be stated as fact.")
    )
    is_current = models.BooleanField(default=True)
    created_at = models.DateTimeField(default=timezone.now)
    review = models.CharField(max_length=10, choices=Review.choices, default=Review.OPEN)
    reviewed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, null=True, blank=True, on_delete=models.SET_NULL, related_name="+"
    )
    reviewed_at = models.DateTimeField(null=True, blank=True)

    captioner: str | None  # known where selectors.captions_of read it

    objects = CaptionQuerySet.as_manager()

    class Meta:
        constraints: ClassVar = [
            models.UniqueConstraint(
                fields=["image", "model"], condition=Q(source="model"), name="caption_once_per_image_and_model"
            ),
            models.UniqueConstraint(fields=["image"], condition=Q(is_current=True), name="caption_one_current"),
        ]
        indexes: ClassVar = [
            # the queue of captions to check, unsure ones first
            models.Index(
                fields=["source", "review", "-unsure", "-image"],
                condition=Q(is_current=True),
                name="caption_to_review",
            ),
        ]

    def __str__(self) -> str:
        return self.text

    @property
    def is_by_person(self) -> bool:
        """See `CaptionQuerySet.by_person`."""
        return self.source != self.Source.MODEL or self.review == self.Review.APPROVED


class CaptionerVersion(models.Model):
    """Which model stood behind a captioner's name when a worker last used it: what the settings name may change."""

    name = models.CharField(max_length=300, unique=True, help_text=_("As the settings name it."))
    key = models.CharField(max_length=300, help_text=_("Its ml.ModelInfo.key, as captions have it."))
    seen_at = models.DateTimeField(default=timezone.now, help_text=_("When a worker first used this one."))

    def __str__(self) -> str:
        return f"{self.name}: {self.key}"
