"""Tokens: how programs sign in for a person. The secret is shown once, when it is made; we keep its SHA-256."""

import hashlib
import logging
import secrets
import string
from collections.abc import Iterable
from datetime import datetime, timedelta
from typing import NamedTuple

from django.db import OperationalError, transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from api.exceptions import TokenRefused
from api.models import Token
from gallery.audit import record
from gallery.models import User
from gallery.names import tidy

MARK = "mms_"  # by which people, and programs that look for leaked secrets, know one
SHOWN = len(MARK) + 6
USED_EVERY = timedelta(minutes=1)
MOST = 100

logger = logging.getLogger(__name__)

_LETTERS = string.ascii_letters + string.digits
_LENGTH = 40  # 238 bits: no salt and no slow hash is needed where nobody can guess


class NewToken(NamedTuple):
    """`secret` is nowhere else."""

    token: Token
    secret: str


def tokens_of(owner: User) -> QuerySet[Token]:
    """The owner's tokens that are not revoked; expired ones too, so that people see why a program stopped."""
    return Token.objects.filter(owner=owner, revoked_at=None).order_by("-id")


def token_create(
    *, owner: User, name: str, scopes: Iterable[str], expires_at: datetime | None = None, now: datetime | None = None
) -> NewToken:
    """Makes a token. Raises TokenRefused, with a sentence for people."""
    wanted = [scope.value for scope in Token.Scope if scope in set(scopes)]
    now = now or timezone.now()
    if not tidy(name):
        raise TokenRefused("name", "Say what the token is for.")
    if not wanted:
        raise TokenRefused("scopes", "Choose at least one thing that the token may do.")
    if Token.Scope.ADMIN in wanted and not owner.is_staff:
        raise TokenRefused("scopes", "Only staff may have a token that runs the site.")
    if expires_at is not None and expires_at <= now:
        raise TokenRefused("expires_at", "The token would have expired already.")
    secret = MARK + "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
    with transaction.atomic():
        list(User.objects.filter(pk=owner.pk).select_for_update(no_key=True))  # so that MOST holds
        if tokens_of(owner).count() >= MOST:
            raise TokenRefused("name", "You have too many tokens. Revoke some that you don't use first.")
        token = Token.objects.create(
            owner=owner,
            name=tidy(name),
            scopes=wanted,
            prefix=secret[:SHOWN],
            digest=_digest(secret),
            expires_at=expires_at,
        )
        record(owner, "token.create", token.name, scopes=wanted, prefix=token.prefix)
    return NewToken(token, secret)


def token_revoke(*, token: Token, actor: User) -> None:
    """Lets nobody in with it any more. That it was revoked already is no error."""
    with transaction.atomic():
        if Token.objects.filter(pk=token.pk, revoked_at=None).update(revoked_at=timezone.now()):
            record(actor, "token.revoke", token.name, prefix=token.prefix)


def token_find(*, secret: str) -> Token | None:
    """The token with this secret, where it lets its owner in now."""
    token = Token.objects.select_related("owner").filter(digest=_digest(secret)).first()
    if token is None or not token.is_open or not token.owner.is_active:
        return None
    return token


def token_used(*, token: Token) -> None:
    """Writes down that it was used, at most once a minute: most requests write nothing. Never fails: a database that
    can't be written to just now can be read."""
    now = timezone.now()
    if token.last_used_at is None or token.last_used_at <= now - USED_EVERY:
        stale = Q(last_used_at=None) | Q(last_used_at__lte=now - USED_EVERY)
        try:
            Token.objects.filter(stale, pk=token.pk).update(last_used_at=now)
        except OperationalError:
            logger.warning("A token's use was not written down", exc_info=True)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
