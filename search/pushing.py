"""Keeps the index on a server level with the Embedding table: one process at a time writes on behalf of all.

Where there is no server, every function here does nothing.
"""

import logging
import math
import time
from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from search import changes, cursors, factory, metrics
from search.backends.base import VectorIndex
from search.backends.breaker import CircuitBreaker
from search.backends.exceptions import CircuitOpen, IndexUnavailable
from search.cursors import Lease, LeaseLost
from search.models import Embedding, ModelVersion
from search.reconcile import Drift, Piece, compare

# Pictures compared at once, and how often in one sweep.
CHECKED_AT_ONCE = 2_000
PIECES_PER_SWEEP = 10
# Points sent between two signs that the lease is still held. A server may take up to a minute for each of its requests.
SENT_AT_ONCE = 512
# After so long a push ends; the next one goes on with the rest. The worker, who pushes, has pictures to see to.
PUSH_SECONDS = 10.0

Result = TypeVar("Result")

logger = logging.getLogger(__name__)

# Apart from the one of searches, which wait a second at most: a server can answer and still not take writes. One failed
# call is enough, since each has tried several times.
_writes = CircuitBreaker(failures=1)
_servers: dict[int, VectorIndex] = {}
# The version that this process last made the server's active one.
_marked: int | None = None


def push() -> int:
    """Send what the server's index lacks, for PUSH_SECONDS or a little longer; the number of changes. A server that
    fails is left alone for a while."""
    return sum(_for_each_version(_push, _lacks_something))


def lags() -> dict[ModelVersion, int]:
    """How many changes the server's index lacks, for each version that is searched or built."""
    return {version: cursors.lag(version) for version in _versions()} if factory.is_shared() else {}


def is_behind() -> bool:
    """Whether `push` would have something to send."""
    return any(lags().values())


def sweep() -> Drift:
    """Send what is missing, tune the server's index to its size, and compare the next piece of it with the table."""
    return sum(_for_each_version(_sweep, lambda _: True), Drift())


def check(version: ModelVersion, *, repair: bool, progress: Callable[[int], object]) -> Drift | None:
    """Compare a version's whole index with the table; None where another process is writing to it. `progress` hears
    how many points each piece had. Raises IndexUnavailable or LeaseLost."""
    server = server_of(version)
    with cursors.leased(version, location=server.location) as lease:
        if lease is None:
            return None
        drift, after = Drift(), -1
        while True:
            if repair:  # each time, since nobody else can for as long as this takes
                _bring_level(server, version, lease, seconds=math.inf)
            piece = _compare(server, version, lease, after=after, repair=repair)
            drift += piece.drift
            progress(piece.drift.compared)
            if repair:
                lease.checked(piece.after)
            else:
                lease.renew()
            if piece.after is None:
                return drift
            after = piece.after


def server_of(version: ModelVersion) -> VectorIndex:
    """The version's index on the server; its connections are kept."""
    if version.pk not in _servers:
        _servers[version.pk] = factory.create(version)
    return _servers[version.pk]


def reset() -> None:
    """Forget connections and failures; for tests, and for settings that change."""
    global _writes, _marked
    for server in _servers.values():
        server.close()
    _servers.clear()
    _writes, _marked = CircuitBreaker(failures=1), None


def _versions() -> list[ModelVersion]:
    """Those whose index is searched, or will be: the active one first, which must not wait for the others."""
    found = ModelVersion.objects.filter(state__in=ModelVersion.IN_USE).select_related("cursor").order_by("pk")
    return sorted(found, key=lambda version: version.state != ModelVersion.State.ACTIVE)


def _lacks_something(version: ModelVersion) -> bool:
    is_unmarked = version.state == ModelVersion.State.ACTIVE and version.pk != _marked
    return is_unmarked or cursors.lag(version) != 0


def _for_each_version(do: Callable[[ModelVersion], Result], is_due: Callable[[ModelVersion], bool]) -> Iterator[Result]:
    """What it does for those that are due; the others tell nothing about the server."""
    if not factory.is_shared():
        return
    versions = _versions()
    for pk in _servers.keys() - {version.pk for version in versions}:
        _servers.pop(pk).close()
    for version in filter(is_due, versions):
        try:
            yield _writes.call(partial(do, version))
        except CircuitOpen:
            return
        except IndexUnavailable as error:
            logger.warning("The index of %s could not be brought level: %s", version, error)
            return
        except LeaseLost:
            logger.warning("The index of %s is another process's now, or nobody's.", version)


def _push(version: ModelVersion) -> int:
    server = server_of(version)
    with cursors.leased(version, location=server.location) as lease:
        return 0 if lease is None else _bring_level(server, version, lease, seconds=PUSH_SECONDS)


def _sweep(version: ModelVersion) -> Drift:
    server = server_of(version)
    drift = Drift()
    with cursors.leased(version, location=server.location) as lease:
        if lease is None:
            return drift
        _bring_level(server, version, lease, seconds=PUSH_SECONDS)
        server.maintain()
        for _ in range(PIECES_PER_SWEEP):
            piece = _compare(server, version, lease, after=lease.checked_key, repair=True)
            drift += piece.drift
            metrics.DRIFT.inc(piece.drift.points)
            lease.checked(piece.after)
            if piece.after is None:
                break
    return drift


def _bring_level(server: VectorIndex, version: ModelVersion, lease: Lease, *, seconds: float) -> int:
    """Send the changes of the version that the server's index lacks, beginning none after so many seconds; their
    number. Raises LeaseLost too where the version was retired or removed meanwhile: its index is nobody's business."""
    global _marked  # noqa: PLW0603  see reset
    end = time.monotonic() + seconds
    _refresh(version)
    if server.prepare() or _was_emptied(server, version, lease):
        lease.advance(0)
    if lease.seq > version.last_seq:  # the table went back in time, as after restoring a backup
        server.drop()
        server.prepare()
        lease.advance(0)
    start = lease.seq
    while lease.seq < version.last_seq:
        _send(server, changes.read_changes(Embedding, version, after=lease.seq, last_seq=version.last_seq), lease)
        _refresh(version)
        if time.monotonic() >= end:
            break
    if version.state == ModelVersion.State.ACTIVE:
        server.mark_active()
        _marked = version.pk
    return lease.seq - start


def _compare(server: VectorIndex, version: ModelVersion, lease: Lease, *, after: int, repair: bool) -> Piece:
    return compare(server, Embedding, version, seq=lease.seq, after=after, limit=CHECKED_AT_ONCE, repair=repair)


def _was_emptied(server: VectorIndex, version: ModelVersion, lease: Lease) -> bool:
    """Whether the index holds nothing, though it should: it was made anew, and whoever made it came no further."""
    if not lease.seq or server.scroll(limit=1):
        return False
    return Embedding.objects.filter(model_version=version, seq__lte=lease.seq, vector__isnull=False).exists()


def _send(server: VectorIndex, change: changes.Changes, lease: Lease) -> None:
    if change.gone:
        server.delete(change.gone)
        lease.renew()
    for begin in range(0, len(change.points), SENT_AT_ONCE):
        server.upsert(change.points[begin : begin + SENT_AT_ONCE])
        lease.renew()
    lease.advance(change.seq)


def _refresh(version: ModelVersion) -> None:
    now = ModelVersion.objects.filter(pk=version.pk, state__in=ModelVersion.IN_USE).first()
    if now is None:
        raise LeaseLost
    version.last_seq, version.state = now.last_seq, now.state
