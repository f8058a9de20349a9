"""What `manage.py fsck` finds, and how each part of the site lets its own be checked."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone

# So old is whatever is wrong and not just on its way: an upload before its row, a purge before its files are gone.
GRACE = timedelta(hours=1)

Progress = Callable[[int], object]


class NotChecked(Exception):
    """Something can't be checked now. Its text says why."""


@dataclass(frozen=True)
class Finding:
    """Something wrong. `kind` is one of docs/operations.md; `repaired`: it is mended, or its work is begun anew."""

    kind: str
    subject: str
    detail: str
    repaired: bool = False


@dataclass(frozen=True)
class Scope:
    """How to check: whether to repair, whether to read every original, and from what age on things count. `progress`
    hears how many were looked at."""

    repair: bool = False
    deep: bool = False
    grace: timedelta = GRACE
    progress: Progress = lambda number: None

    @property
    def before(self) -> datetime:
        """What is older is on its way no longer."""
        return timezone.now() - self.grace


@dataclass(frozen=True)
class Check:
    """A part of the site that can be checked by itself. `unit` and `total` are what its progress counts.

    `run` reads in pieces, holds neither a lock nor a transaction meanwhile, and raises NotChecked, OSError or
    DatabaseError where it can't go on.
    """

    name: str
    run: Callable[[Scope], Iterator[Finding]]
    unit: str = "picture"
    total: Callable[[], int] | None = None
