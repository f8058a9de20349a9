"""How much one caller may ask. The counts are in Django's cache: with Redis for the whole site, else for each process.

Windows are fixed: a count for each caller, rate and span of time, which one atomic increment keeps. A cache that
doesn't answer lets everybody in, since a gallery without limits is worth more than none; and it is let alone for a
while, since each caller who asks it waits for it.
"""

import hashlib
import logging
import time
from dataclasses import dataclass
from time import monotonic
from typing import Any

from django.conf import settings
from django.core.cache import cache
from rest_framework.exceptions import ErrorDetail, Throttled
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle

from api.models import Token
from gallery.views.access import address_of

logger = logging.getLogger(__name__)

SILENCE = 10.0  # seconds


class _Cache:
    """Of this process: until when it is let alone, by `monotonic`."""

    silent_until = 0.0


@dataclass(frozen=True)
class Count:
    """How a caller stands with a rate; `reset` in seconds."""

    limit: int
    used: int
    reset: int

    @property
    def remaining(self) -> int:
        return max(self.limit - self.used, 0)


class Throttle(BaseThrottle):
    """Counts a request against each rate that holds for it: see `rates_of`."""

    def __init__(self) -> None:
        self._wait: float | None = None

    def allow_request(self, request: Request, view: Any) -> bool:
        address = address_of(request._request)
        names = rates_of(request, view)
        counts = [count for name in names if (count := _count(name, _caller(name, request, address))) is not None]
        if not counts:
            return True
        tightest = min(counts, key=lambda count: (count.limit - count.used, -count.reset))
        request._request.rate_count = tightest  # type: ignore[attr-defined]  # for the headers of the answer
        over = [count.reset for count in counts if count.used > count.limit]
        self._wait = max(over) if over else None
        return not over

    def wait(self) -> float | None:
        return self._wait


def rates_of(request: Request, view: Any) -> list[str]:
    """The names of the rates that this request counts against: `burst`, `user` or `anon`, and one of the view's own."""
    own = view.throttle_scope if request.method in view.throttled_methods else ""
    return ["burst", "user" if request.user.is_authenticated else "anon", *([own] if own else [])]


def headers(request: Any) -> dict[str, str]:
    """What every answer says of the rate that is nearest to its end."""
    count = getattr(request, "rate_count", None)
    if count is None:
        return {}
    return {
        "RateLimit-Limit": str(count.limit),
        "RateLimit-Remaining": str(count.remaining),
        "RateLimit-Reset": str(count.reset),
    }


def throttled(wait: float | None) -> Throttled:
    """The error for a caller who has to wait."""
    seconds = max(int(wait or 1), 1)
    error = Throttled(wait=seconds)
    error.detail = ErrorDetail(f"That was too much at once. Try again in {seconds} s.", code="throttled")
    return error


def count_again() -> None:
    """Asks the cache again, whatever it did before; for tests."""
    _Cache.silent_until = 0.0


def _caller(rate: str, request: Request, address: str) -> str:
    """Who is counted: a token by itself, so that one runaway script doesn't take from a person's others what they do
    with them; but `user` is a person with all tokens and browsers, however many those are."""
    if not request.user.is_authenticated:
        return f"address {address}"
    is_token = isinstance(request.auth, Token) and rate != "user"
    return f"token {request.auth.pk}" if is_token else f"person {request.user.pk}"


def _count(name: str, who: str) -> Count | None:
    """Counts one more; None where there is no such rate, or the cache doesn't answer."""
    rate = settings.API_RATES.get(name)
    if rate is None or monotonic() < _Cache.silent_until:
        return None
    limit, span = rate
    window, passed = divmod(time.time(), span)
    # hashed: what cache keys may consist of is bounded, what addresses consist of is not
    key = f"rate:{hashlib.sha256(f'{name} {who}'.encode()).hexdigest()[:32]}:{window:.0f}"
    try:
        used = 1 if cache.add(key, 1, timeout=span + 1) else cache.incr(key)
    except ValueError:  # it expired between the two
        used = 1
    except Exception:
        _Cache.silent_until = monotonic() + SILENCE
        logger.warning("The cache doesn't answer: for %.0f s, requests are not counted.", SILENCE, exc_info=True)
        return None
    return Count(limit=limit, used=used, reset=max(int(span - passed), 1))
