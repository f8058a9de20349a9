"""How often something may be tried that others would guess: the passwords of links, and names of people.

Counted in the database, so that all processes count together, whether or not there is a cache that they share, or it is
there just now. What succeeded is given back: only guesses use tries up.
"""

from datetime import timedelta
from hashlib import sha256

from django.db import transaction
from django.db.models import F
from django.utils import timezone

from gallery.models import Tries

LONGEST = timedelta(days=1)  # that anything is counted for


def try_take(what: str, *, most: int, seconds: int) -> bool:
    """Counts one more try of `what`, which says who tries as well; whether it may be made: there were fewer than `most`
    in these `seconds`."""
    key, now = _key(what), timezone.now()
    with transaction.atomic():
        Tries.objects.filter(key=key, since__lte=now - timedelta(seconds=seconds)).update(number=0, since=now)
        # who comes at the same time waits here until the end of the transaction
        tries, _ = Tries.objects.get_or_create(key=key, defaults={"since": now})
        Tries.objects.filter(pk=tries.pk).update(number=F("number") + 1)
        tries.refresh_from_db()
        return tries.number <= most


def try_give_back(what: str) -> None:
    """The last try was none of those that are counted."""
    Tries.objects.filter(key=_key(what), number__gt=0).update(number=F("number") - 1)


def tries_forget() -> None:
    """Forgets what was tried long ago. For the sweep."""
    Tries.objects.filter(since__lt=timezone.now() - LONGEST).delete()


def _key(what: str) -> str:
    return sha256(what.encode(errors="replace")).hexdigest()
