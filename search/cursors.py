"""How far the index on a server is, and the lease of the one process that writes to it."""

import logging
import os
import socket
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from django.db import IntegrityError
from django.db.models import Q, QuerySet
from django.utils import timezone

from search.models import IndexCursor, ModelVersion

# A server that is behind the table by this share of all changes, at least and at most so many, still answers searches:
# it will have them in a moment. Past that, a process's own index, which is level, knows better.
TOLERATED_SHARE, TOLERATED_LEAST, TOLERATED_MOST = 0.01, 64, 1_000
# After so long without a sign, another process may take over from one that died. One that is merely slow keeps on until
# its next mark, and may overwrite newer points until then: the comparison of the sweep finds those.
LEASE_SECONDS = 60

logger = logging.getLogger(__name__)


class LeaseLost(Exception):
    """Another process took over, since this one gave no sign for too long, or there is nothing to write to any more."""


class Lease:
    """The right to write to a version's index. Every mark that it leaves renews it; each raises LeaseLost."""

    def __init__(self, cursor: IndexCursor) -> None:
        self._pk, self._holder = cursor.pk, cursor.held_by
        self.seq, self.checked_key = cursor.seq, cursor.checked_key

    def advance(self, seq: int) -> None:
        """The index has every change up to `seq`; 0: it holds nothing."""
        self._mark(seq=seq)
        self.seq = seq

    def checked(self, key: int | None) -> None:
        """The points up to this key have been compared with the table; None: all of them."""
        end = {"checked_at": timezone.now()} if key is None else {}
        self.checked_key = -1 if key is None else key
        self._mark(checked_key=self.checked_key, **end)

    def renew(self) -> None:
        """Still at it."""
        self._mark()

    def _mark(self, **fields: int | datetime) -> None:
        if not self._held().update(held_until=_from_now(), **fields):
            raise LeaseLost

    def _held(self) -> QuerySet[IndexCursor]:
        return IndexCursor.objects.filter(pk=self._pk, held_by=self._holder)

    def _give_back(self) -> None:
        self._held().update(held_by="", held_until=None)


@contextmanager
def leased(version: ModelVersion, *, location: str) -> Iterator[Lease | None]:
    """The lease of a version's index for the block; None where another process holds it. An index in another place than
    before starts from nothing. Raises LeaseLost where the version was removed."""
    try:
        IndexCursor.objects.get_or_create(model_version=version, defaults={"location": location})
    except IntegrityError:
        raise LeaseLost from None
    holder = f"{socket.gethostname()[:60]}:{os.getpid()}/{uuid.uuid4().hex[:12]}"
    free = Q(held_until=None) | Q(held_until__lte=timezone.now())
    cursors = IndexCursor.objects.filter(model_version=version)
    if not cursors.filter(free).update(held_by=holder, held_until=_from_now()):
        yield None
        return
    held = cursors.filter(held_by=holder).first()
    if held is None:
        raise LeaseLost
    if held.location != location:
        # Each time anew, where two hosts call one server by different names.
        logger.warning("The index of %s was at %s and is filled anew at %s.", version, held.location, location)
        held.seq, held.checked_key = 0, -1
        cursors.filter(held_by=holder).update(location=location, seq=0, checked_key=-1, checked_at=None)
    lease = Lease(held)
    try:
        yield lease
    finally:
        lease._give_back()


def lag(version: ModelVersion) -> int:
    """How many changes the server's index has yet to take in, as far as `version`, as it was read, tells. It must have
    been read with `select_related("cursor")`."""
    cursor: IndexCursor | None = getattr(version, "cursor", None)
    return version.last_seq - (cursor.seq if cursor else 0)


def is_far_behind(version: ModelVersion) -> bool:
    """Whether the server lacks more of a version's changes than may go unsaid, or has none at all. See `lag`."""
    missing = lag(version)
    tolerated = min(max(TOLERATED_LEAST, TOLERATED_SHARE * version.last_seq), TOLERATED_MOST)
    return missing > tolerated or 0 < missing == version.last_seq


def _from_now() -> datetime:
    return timezone.now() + timedelta(seconds=LEASE_SECONDS)
