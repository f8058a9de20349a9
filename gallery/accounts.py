"""What people do with their accounts. Pictures of theirs are gallery.services'."""

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.tokens import default_token_generator
from django.core import signing
from django.db import transaction
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from django.utils.translation import gettext as _

from gallery import audit, services, sessions
from gallery.exceptions import GalleryError
from gallery.invitations import invitation_use
from gallery.models import Invitation, User, Viewer

EMAIL_DAYS = 3
_EMAIL_SALT = "gallery.accounts.email"
# What changes of an account staff may have to answer for.
WATCHED = ("username", "email", "is_active", "is_staff", "is_superuser", "groups", "user_permissions", "quota_bytes")


class OnlyAdministrator(GalleryError):
    """Nobody would be left to run the site. `str()` of it is a sentence for whoever tried."""


def account_create(*, user: User, invitation: Invitation | None = None) -> User:
    """Stores a new account, whose password is set already, and uses the invitation up.

    Raises InvitationSpent where somebody else was quicker with it.
    """
    with transaction.atomic():
        user.save()
        if invitation is not None:
            invitation_use(invitation=invitation, user=user)
        audit.record(user, "account.create", user.username, **({"invited": True} if invitation else {}))
    return user


def profile_set(*, user: User, display_name: str, about: str) -> None:
    """Sets the name to show, "" for the user name, and the line about oneself."""
    user.display_name, user.about = display_name, about
    user.save(update_fields=["display_name", "about"])


def email_set(*, user: User, email: str) -> None:
    """Sets the e-mail address; "" for none. Links for a new password that were sent before hold no longer."""
    user.email = email
    user.save(update_fields=["email"])
    audit.record(user, "account.email", user.username)


def email_token(*, user: User, email: str) -> str:
    """What a mail to `email` carries, to show that it arrived. Void once the address has changed otherwise."""
    return signing.dumps([user.pk, user.email, email], salt=_EMAIL_SALT)


def email_of_token(token: str) -> tuple[User, str] | None:
    """Whom a token is for, and the address it confirms; None where it isn't ours, is too old, or void."""
    try:
        pk, before, email = signing.loads(token, salt=_EMAIL_SALT, max_age=EMAIL_DAYS * 24 * 60 * 60)
    except signing.BadSignature:
        return None
    user = User.objects.filter(pk=pk, email=before, is_active=True).first()
    return (user, email) if user else None


def password_changed(*, user: User, by: Viewer | None, keep: str | None = None) -> None:
    """Ends the sessions of somebody whose password was just set, but for the one with the key `keep`."""
    with transaction.atomic():
        audit.record(by, "account.password", user.username)
        sessions.sessions_end_others(user=user, by=by, keep=keep)


def password_link(*, user: User, by: Viewer | None) -> str:
    """The path of a page where whoever opens it gives `user` a new password, once and for a while."""
    audit.record(by, "account.password_link", user.username)
    uid = urlsafe_base64_encode(force_bytes(user.pk))
    return reverse("password-reset-confirm", args=[uid, default_token_generator.make_token(user)])


@transaction.atomic
def administrators_check(*, without: Iterable[User], by: Viewer | None = None) -> None:
    """Raises OnlyAdministrator where nobody could run the site without these people. Until the end of a transaction
    around it no other administrator is lost."""
    going = {user.pk for user in without}
    active = User.objects.filter(is_superuser=True, is_active=True).order_by("pk")
    there = list(active.select_for_update(no_key=True))
    if not going.intersection(user.pk for user in there) or any(user.pk not in going for user in there):
        return
    if len(there) > 1:
        raise OnlyAdministrator(_("Nobody would be left to run this site. Keep one of its administrators."))
    if by == there[0]:
        raise OnlyAdministrator(_("You are the only administrator. Make somebody else one first, in the admin."))
    raise OnlyAdministrator(
        _("%(username)s is the only administrator. Make somebody else one first.") % {"username": there[0].username}
    )


def account_check_deletable(*, user: User) -> None:
    """Raises OnlyAdministrator for the last one who could run the site."""
    administrators_check(without=[user], by=user)


def accounts_delete(*, users: Iterable[User], by: User) -> None:
    """Deletes people with all of their pictures, and ends their sessions. Raises OnlyAdministrator."""
    users = list(users)
    with transaction.atomic():
        administrators_check(without=users, by=by)
        for user in users:
            sessions.sessions_end_others(user=user, by=by)
            audit.record(by, "account.delete", user.username)
        services.users_delete(users=users)


def account_changed(*, user: User, by: User, changed: Iterable[str], is_new: bool = False) -> None:
    """Records what staff did to an account: rights and limits with their new values."""
    if is_new:
        audit.record(by, "account.create", user.username)
        return
    watched = [name for name in WATCHED if name in set(changed)]
    if watched:
        plain: dict[str, Any] = {
            name: getattr(user, name) for name in watched if name.startswith("is_") or name == "quota_bytes"
        }
        audit.record(by, "account.change", user.username, fields=watched, **plain)
