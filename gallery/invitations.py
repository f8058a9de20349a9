"""Invitations: links by which one may make an account, each used once."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import audit
from gallery.exceptions import GalleryError
from gallery.models import Invitation, User, Viewer
from gallery.models.people import InvitationQuerySet

USUAL_TIME = timedelta(days=7)


class InvitationSpent(GalleryError):
    """An invitation was used, withdrawn, or has run out. `str()` of it is a sentence for whoever has it."""

    def __init__(self) -> None:
        super().__init__(_("This invitation has been used, was withdrawn, or has run out. Ask for another one."))


def may_invite(user: Viewer) -> bool:
    """Whether `user` may let others in."""
    if settings.SIGN_UP == "closed" or not user.is_authenticated:
        return False
    return settings.INVITATIONS_BY == "everybody" or user.is_staff


def invitation_create(*, by: User, expires_at: datetime, email: str = "") -> Invitation:
    """A new invitation. It is for the caller to send it."""
    invitation = Invitation.objects.create(invited_by=by, email=email, expires_at=expires_at)
    audit.record(by, "account.invite", email, expires_at=expires_at.isoformat())
    return invitation


def invitation_find(key: str) -> Invitation | None:
    """The invitation with this key, where it still holds; none does where nobody may join, nor one of somebody who may
    not sign in themselves any more."""
    if settings.SIGN_UP == "closed":
        return None
    of_us = Q(invited_by=None) | Q(invited_by__is_active=True)
    return Invitation.objects.open().filter(of_us, key=key).first()


def invitation_use(*, invitation: Invitation, user: User) -> None:
    """Uses an invitation up, for the account that was made with it. Raises InvitationSpent."""
    opened = Invitation.objects.open().filter(pk=invitation.pk)
    if not opened.update(used_at=timezone.now(), used_by=user):
        raise InvitationSpent


def invitations_of(user: User) -> InvitationQuerySet:
    """The invitations that hold and that `user` may see: one's own; all of them for staff."""
    mine = Q() if user.is_staff else Q(invited_by=user)
    return Invitation.objects.open().filter(mine).select_related("invited_by")


def invitation_withdraw(*, user: User, invitation_id: int) -> bool:
    """Makes an invitation void. False where there is none that `user` may see."""
    invitation = invitations_of(user).filter(pk=invitation_id).first()
    if invitation is None:
        return False
    invitations_delete(invitations=[invitation], by=user)
    return True


def invitations_delete(*, invitations: Iterable[Invitation], by: User) -> None:
    """Deletes invitations, which voids those that hold."""
    for invitation in invitations:
        invitation.delete()
        audit.record(by, "account.invite_withdraw", invitation.email)
