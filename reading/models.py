"""What can be read in pictures."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from gallery.models import Image


class Reading(models.Model):
    """The text of one picture, line by line, as the last reader saw it; `Image.text_in_picture` repeats its words."""

    image = models.OneToOneField(Image, on_delete=models.CASCADE, related_name="reading")
    lines = models.JSONField(
        default=list, help_text=_("ml.TextLine as objects: text, confidence, corners in shares of the picture.")
    )
    model = models.CharField(max_length=300, help_text=_("ml.ModelInfo.key of the reader."))
    created_at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return " / ".join(line["text"] for line in self.lines) or str(_("no text"))
