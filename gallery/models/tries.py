"""What somebody tried, and how often."""

from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class Tries(models.Model):
    """Tries of one kind by one person or network address since a moment. See gallery.tries."""

    key = models.CharField(max_length=64, unique=True, help_text=_("A hash of what is tried, and by whom."))
    number = models.PositiveIntegerField(default=0)
    since = models.DateTimeField(default=timezone.now, db_index=True)

    class Meta:
        verbose_name_plural = "tries"

    def __str__(self) -> str:
        return f"{self.number} since {self.since:%Y-%m-%d %H:%M}"
