"""What comes in by itself, taken in by the worker: archives that were uploaded, and files of watched folders."""

import logging
from functools import partial

from django.db import DatabaseError

from gallery import folders, unpacking, uploads

logger = logging.getLogger(__name__)

AT_ONCE = 8  # pictures taken in between two batches of work on pictures


def any_due() -> bool:
    """Whether something waits to be taken in."""
    return unpacking.any_due() or folders.any_due()


def take_some() -> int:
    """Take in a few pictures; how many were looked at. Their work is opened as a backfill, so that what somebody
    uploads meanwhile doesn't wait."""
    return unpacking.unpack_some(most=AT_ONCE) or folders.take_some(most=AT_ONCE)


def sweep(*, forgets: bool) -> None:
    """Look at watched folders, finish what a crash left lying and, if it `forgets`, throw away what is stale. Runs each
    minute."""
    for look in (partial(uploads.uploads_sweep, forgets=forgets), folders.look_at_watched):
        try:
            look()
        except (OSError, DatabaseError):  # a disk that is away must not keep the rest of the sweep from its work
            logger.warning("What comes in could not be looked at", exc_info=True)
