"""Compares every index with its table, from end to end, and repairs it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from search import factory, index, pushing
from search.live import LiveIndex
from search.models import ModelVersion
from search.reconcile import Drift
from search.shared import SharedIndex

PIECE = 2_000

Progress = Callable[[int], object]


@dataclass(frozen=True)
class Report:
    """What was found of one index, in words and in numbers; `drift` is None where another process was writing to it."""

    where: str
    drift: Drift | None


def check(*, repair: bool, progress: Progress) -> Iterator[Report]:
    """Check this process's indexes, and those on the server, one after the other; `progress` hears how many points each
    piece had. Raises IndexUnavailable where the server doesn't answer.

    This process's indexes come from their snapshots, which are written anew where they were wrong.
    """
    indexes = index.get_indexes(wait=True)
    if indexes is not None:
        pictures = indexes.pictures.own if isinstance(indexes.pictures, SharedIndex) else indexes.pictures
        if pictures is not None:
            where = f"the snapshot of {pictures.version}"
            yield Report(where, _check_own(pictures, repair=repair, progress=progress))
        where = f"the snapshot of people's captions by {indexes.version}"
        yield Report(where, _check_own(indexes.captions, repair=repair, progress=progress))
    if factory.is_shared():
        for version in ModelVersion.objects.filter(state__in=ModelVersion.IN_USE).order_by("pk"):
            drift = pushing.check(version, repair=repair, progress=progress)
            yield Report(pushing.server_of(version).location, drift)


def _check_own(own: LiveIndex, *, repair: bool, progress: Progress) -> Drift:
    drift, after = Drift(), -1
    while True:
        piece = own.reconcile(after=after, limit=PIECE, repair=repair)
        drift += piece.drift
        progress(piece.drift.compared)
        if piece.after is None:
            break
        after = piece.after
    if repair and not drift.is_none:
        own.save_snapshot()
    return drift
