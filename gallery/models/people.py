"""The people who sign in."""

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.db import models


class User(AbstractUser):
    """Somebody who signs in. Our own from the start, since Django cannot swap the user model later."""

    display_name = models.CharField("name to show", max_length=100, blank=True, help_text="Empty: the user name.")
    about = models.CharField(max_length=300, blank=True, help_text="A line about you, for people you share with.")
    quota_bytes = models.PositiveBigIntegerField(
        "quota", null=True, blank=True, help_text="Bytes of originals; empty: the site's own limit."
    )

    class Meta(AbstractUser.Meta):
        pass

    @property
    def shown_name(self) -> str:
        """What pages call them."""
        return self.display_name or self.username


Viewer = User | AnonymousUser
