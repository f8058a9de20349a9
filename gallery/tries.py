"""How often something may be tried or done: what others would guess, and what costs the site.

Counted in the database, so that all processes count together, whether or not there is a cache that they share, or it is
there just now. What succeeded is given back where only guesses are to use tries up.
"""

import math
from collections.abc import Sequence
from datetime import timedelta
from hashlib import sha256
from typing import NamedTuple

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gallery.exceptions import TooOften
from gallery.models import Tries, User

DAY = 24 * 60 * 60


class Bound(NamedTuple):
    """At most `most` tries of `what`, which says who tries as well, in so many `seconds`."""

    what: str
    most: int
    seconds: int


def bound_of(rate: str, whom: object) -> list[Bound]:
    """The bound that `settings.RATES` has under this name, for somebody; none where it is off."""
    given = settings.RATES[rate]
    return [Bound(f"{rate} {whom}", *given)] if given else []


def tries_take(bounds: Sequence[Bound], *, number: int = 1) -> int:
    """Counts `number` tries more against each of these, the narrowest first. 0 where they may be made; else in how many
    seconds they may, and none of these has counted them."""
    with transaction.atomic():
        for place, bound in enumerate(bounds):
            if wait := _take(bound, number):
                _give_back(bounds[:place], number)
                return wait
    return 0


def tries_check(bounds: Sequence[Bound], *, number: int = 1) -> None:
    """As `tries_take`, but raises TooOften where they may not be made."""
    if wait := tries_take(bounds, number=number):
        raise TooOften(wait)


def tries_give_back(bounds: Sequence[Bound]) -> None:
    """The last try was none of those that are counted."""
    _give_back(bounds, 1)


def uploads_check(*, owner: User, number: int = 1) -> None:
    """Counts files that somebody uploads. Raises TooOften."""
    tries_check(bound_of("upload", owner.pk), number=number)


def tries_forget() -> None:
    """Forgets what was tried long ago. For the sweep."""
    longest = max([DAY, *(rate[1] for rate in settings.RATES.values() if rate)])
    Tries.objects.filter(since__lt=timezone.now() - timedelta(seconds=longest)).delete()


def _take(bound: Bound, number: int) -> int:
    key, now, span = _key(bound.what), timezone.now(), timedelta(seconds=bound.seconds)
    Tries.objects.filter(key=key, since__lte=now - span).update(number=0, since=now)
    # who comes at the same time waits here until the end of the transaction
    tries, _ = Tries.objects.get_or_create(key=key, defaults={"since": now})
    Tries.objects.filter(pk=tries.pk).update(number=F("number") + number)
    tries.refresh_from_db()
    if tries.number <= bound.most:
        return 0
    _give_back([bound], number)
    return max(math.ceil((tries.since + span - now).total_seconds()), 1)


def _give_back(bounds: Sequence[Bound], number: int) -> None:
    for bound in bounds:
        Tries.objects.filter(key=_key(bound.what), number__gte=number).update(number=F("number") - number)


def _key(what: str) -> str:
    return sha256(what.encode(errors="replace")).hexdigest()
