"""Who signs in with a password, wherever one is asked for: on the site's page, the admin's, and to change an account.

Wrong passwords are counted by name and network address, by address alone, and by name alone: the first two stop one
machine, the last one stops thousands of them. Nobody is kept out of their account by that: a browser in which somebody
has signed in before is known by a cookie, and counts by itself. See "device cookies" of OWASP's page on slowing down
online guessing: https://owasp.org/www-community/Slow_Down_Online_Guessing_Attacks_with_Device_Cookies
"""

import logging
import secrets
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import authenticate
from django.contrib.auth.backends import ModelBackend
from django.core import signing
from django.http import HttpRequest, HttpResponse

from gallery import audit
from gallery.exceptions import TooOften
from gallery.models import User
from gallery.tries import DAY, Bound, bound_of, tries_give_back, tries_take
from gallery.views.access import address_of

COOKIE = "browser"
COOKIE_DAYS = 365
TOLD_SECONDS = 900  # so often at most, of one name and of one address
_SALT = "gallery.sign_in"

logger = logging.getLogger(__name__)


class PasswordBackend(ModelBackend):
    """Django's own, which hashes once for names that nobody has, too. Raises TooOften, for those the same."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None, **kwargs: Any
    ) -> User | None:
        """`request` is None in commands and tests, where nothing is counted."""
        if request is None or username is None or password is None:
            return super().authenticate(request, username, password, **kwargs)
        bounds = _bounds(request, username)
        if wait := tries_take(bounds):
            _tell(request, username)
            raise TooOften(wait)
        user: User | None = super().authenticate(request, username, password, **kwargs)
        if user is not None:
            tries_give_back(bounds)
        return user


def is_password_of(user: User, password: str, *, request: HttpRequest) -> bool:
    """Whether that is the password of whoever is signed in, who may be somebody else at their open browser. Raises
    TooOften."""
    return authenticate(request, username=user.username, password=password) is not None


def browser_note(*, request: HttpRequest, user: User) -> None:
    """`user` has shown in this browser who they are: its answer carries the cookie by which it is known."""
    request.known_for = user  # type: ignore[attr-defined]


def note_sign_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receives Django's `user_logged_in`."""
    browser_note(request=request, user=user)


def browsers_known(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: sets the cookie of a browser for which `browser_note` was called."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user = getattr(request, "known_for", None)
        if user is not None:
            response.set_cookie(
                COOKIE,
                signing.dumps([user.pk, secrets.token_hex(8)], salt=_SALT),
                max_age=COOKIE_DAYS * DAY,
                secure=settings.SESSION_COOKIE_SECURE,
                httponly=True,
                samesite="Lax",
            )
        return response

    return middleware


def _bounds(request: HttpRequest, username: str) -> list[Bound]:
    name, address = User.normalize_username(username), address_of(request)
    if browser := _known_as(request, name):
        return [*bound_of("sign-in", browser), *bound_of("sign-in-name", browser)]
    return [
        *bound_of("sign-in", f"{address} {name}"),
        *bound_of("sign-in-address", address),
        *bound_of("sign-in-name", name),
    ]


def _known_as(request: HttpRequest, username: str) -> str:
    """What this browser is called where somebody of that name has signed in with it, else ""."""
    try:
        pk, browser = signing.loads(request.COOKIES.get(COOKIE, ""), salt=_SALT, max_age=COOKIE_DAYS * DAY)
    except signing.BadSignature:
        return ""
    return browser if User.objects.filter(pk=pk, username=username).exists() else ""


def _tell(request: HttpRequest, username: str) -> None:
    """Staff hear of it once in a while. The name only where somebody has it: else it may be a password in the wrong
    field. The address is in the log alone, for those who keep such addresses out."""
    name, address = User.normalize_username(username), address_of(request)
    target = name if User.objects.filter(username=name).exists() else ""
    if not tries_take([Bound(f"told of {target}", 1, TOLD_SECONDS)]):
        audit.record(None, "account.throttled", target)
    if not tries_take([Bound(f"logged {address}", 1, TOLD_SECONDS)]):
        logger.warning("Too many wrong passwords from %s: no more are looked at for a while", address)
