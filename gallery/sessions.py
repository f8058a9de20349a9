"""Where people are signed in: a row beside each of Django's sessions says whose it is and from what browser.

No address on the network is kept. Works with sessions in the database, as mmsite's are.
"""

import logging
from collections.abc import Callable
from datetime import timedelta
from importlib import import_module
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.models import Session
from django.db import OperationalError, transaction
from django.http import HttpRequest, HttpResponse
from django.utils import timezone

from gallery import audit
from gallery.models import PersonSession, User, Viewer

logger = logging.getLogger(__name__)

SEEN_EVERY = timedelta(minutes=5)
_NOTED = "noted"  # in the session: the key that it was last noted under, and when, in seconds


def session_note(*, request: HttpRequest, user: User) -> None:
    """Notes that `user` is there by the session of `request`, and forgets those of theirs that have ended."""
    if not request.session.session_key:
        request.session.save()
    key, now = request.session.session_key, timezone.now()
    with transaction.atomic():
        if not PersonSession.objects.filter(user=user, session_key=key).update(last_seen_at=now):
            agent = request.headers.get("User-Agent", "")[:300].replace("\0", "")
            PersonSession.objects.update_or_create(
                session_key=key, defaults={"user": user, "user_agent": agent, "last_seen_at": now}
            )
            ended = PersonSession.objects.filter(user=user).exclude(session_key=key)
            ended.exclude(pk__in=ended.alive().values("pk")).delete()
    request.session[_NOTED] = key, int(now.timestamp())


def note_sign_in(sender: Any, request: HttpRequest, user: User, **kwargs: Any) -> None:
    """Receives Django's `user_logged_in`."""
    session_note(request=request, user=user)


def seen_now_and_then(get_response: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Middleware: notes where people are signed in, once in SEEN_EVERY at most and only when a page asked who came. A
    database that can't be written to just now costs nobody the page."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.session.accessed and SESSION_KEY in request.session and _is_due(request):
            user = request.user
            if isinstance(user, User) and user.is_authenticated:
                try:
                    session_note(request=request, user=user)
                except OperationalError:
                    logger.warning("Where somebody is signed in was not noted", exc_info=True)
        return response

    return middleware


def _is_due(request: HttpRequest) -> bool:
    key, seconds = request.session.get(_NOTED) or ("", 0)
    return key != request.session.session_key or timezone.now().timestamp() - seconds > SEEN_EVERY.total_seconds()


def sessions_of(user: User) -> list[PersonSession]:
    """Where `user` is signed in, last seen first."""
    return list(PersonSession.objects.filter(user=user).alive().order_by("-last_seen_at", "-pk"))


def session_end(*, user: User, session_id: int) -> bool:
    """Signs `user` out there. False where it isn't one of theirs, or has ended."""
    return _end(user, by=user, session_id=session_id) > 0


def sessions_end_others(*, user: User, by: Viewer | None, keep: str | None = None) -> int:
    """Signs `user` out everywhere but by the session with the key `keep`; how many there were."""
    return _end(user, by=by, keep=keep)


def session_rename(*, user: User, before: str | None, session_key: str | None) -> None:
    """Django gives a session another key when its owner sets a password: it is still the same on the list."""
    PersonSession.objects.filter(user=user, session_key=before).update(session_key=session_key)


def session_forget(*, session_key: str | None) -> None:
    """Takes a session that ended by itself off its person's list."""
    PersonSession.objects.filter(session_key=session_key).delete()


def _end(user: User, *, by: Viewer | None, keep: str | None = None, session_id: int | None = None) -> int:
    rows = PersonSession.objects.filter(user=user)
    rows = rows.exclude(session_key=keep) if session_id is None else rows.filter(pk=session_id)
    alive = list(rows.alive().values_list("session_key", flat=True))
    with transaction.atomic():
        rows.delete()
        store = import_module(settings.SESSION_ENGINE).SessionStore
        for key in alive:
            store(key).delete()
        if alive:
            audit.record(by, "session.end", user.username, sessions=len(alive))
    return len(alive)


def sessions_clear() -> None:
    """Deletes sessions that ran out, which Django leaves lying. For the sweep."""
    Session.objects.filter(expire_date__lt=timezone.now()).delete()
    PersonSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
