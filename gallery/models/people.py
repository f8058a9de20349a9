"""The people who sign in, where they did, and who may join them."""

import secrets
import uuid
from typing import ClassVar, Self

from django.contrib.auth.models import AbstractUser, AnonymousUser
from django.contrib.sessions.models import Session
from django.db import models
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext_lazy as _


class User(AbstractUser):
    """Somebody who signs in. Our own from the start, since Django cannot swap the user model later."""

    display_name = models.CharField("name to show", max_length=100, blank=True, help_text=_("Empty: the user name."))
    about = models.CharField(max_length=300, blank=True, help_text=_("A line about you, for people you share with."))
    quota_bytes = models.PositiveBigIntegerField(
        "quota", null=True, blank=True, help_text=_("Bytes of originals; 0: no limit; empty: the site's own limit.")
    )

    class Meta(AbstractUser.Meta):
        pass

    @property
    def shown_name(self) -> str:
        """What pages call them."""
        return self.display_name or self.username


Viewer = User | AnonymousUser


class Tally(models.Model):
    """What a person's originals take, trash included: the sum of their rows, one or a few, which the database itself
    writes (gallery.tally_schema). Whenever a picture of theirs comes, goes, or changes its owner, size, date or place
    in the trash, one of them is new: these versions together are those of the library."""

    version = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # Not held to by the database, which would lock people at the end of what changes pictures, out of turn.
    owner = models.ForeignKey(User, on_delete=models.CASCADE, related_name="tallies", db_constraint=False)
    bytes = models.BigIntegerField()  # less than 0 where another row has more

    class Meta:
        verbose_name_plural = "tallies"

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.bytes:,}"


def _invitation_key() -> str:
    return secrets.token_urlsafe(24)


class InvitationQuerySet(models.QuerySet["Invitation"]):
    def open(self) -> Self:
        """Those that may still be used."""
        return self.filter(used_at=None, expires_at__gt=timezone.now())


class Invitation(models.Model):
    """Whoever has its address may make one account. See gallery.invitations."""

    key = models.CharField(
        max_length=64,
        unique=True,
        default=_invitation_key,
        editable=False,
        help_text=_("The part of the address that can't be guessed."),
    )
    email = models.EmailField("e-mail address", blank=True, help_text=_("Whom it was sent to; empty: nobody."))
    invited_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="invitations")
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True, blank=True, editable=False)
    used_by = models.ForeignKey(
        User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+", editable=False
    )

    objects = InvitationQuerySet.as_manager()

    class Meta:
        ordering: ClassVar = ["-created_at", "-pk"]

    def __str__(self) -> str:
        return _("for %(whom)s, until %(date)s") % {
            "whom": self.email or _("whoever has the link"),
            "date": date_format(timezone.localtime(self.expires_at), "SHORT_DATE_FORMAT"),
        }

    def get_absolute_url(self) -> str:
        return reverse("sign-up-invited", args=[self.key])


class PersonSessionQuerySet(models.QuerySet["PersonSession"]):
    def alive(self) -> Self:
        """Those by which one is still signed in."""
        stored = Session.objects.filter(expire_date__gt=timezone.now())
        return self.filter(session_key__in=stored.values("session_key"))


class PersonSession(models.Model):
    """Somewhere that somebody signed in. Django's own sessions don't know whose they are. See gallery.sessions."""

    user = models.ForeignKey(User, on_delete=models.CASCADE, related_name="sessions")
    session_key = models.CharField(max_length=40, unique=True)
    user_agent = models.CharField(max_length=300, blank=True, help_text=_("What the browser calls itself."))
    created_at = models.DateTimeField(default=timezone.now, editable=False)
    last_seen_at = models.DateTimeField(default=timezone.now, help_text=_("To some minutes."))

    objects = PersonSessionQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.user_agent or 'unknown'}, since {self.created_at:%Y-%m-%d}"
