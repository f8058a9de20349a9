"""The index that answers this process's searches.

`get_index` first reads whatever the table has that the index has not: one statement when nothing changed.
"""

import threading

from search import engine, factory
from search.backends.breaker import CircuitBreaker
from search.live import LiveIndex
from search.models import ModelVersion
from search.shared import SharedIndex

Index = LiveIndex | SharedIndex

_current: Index | None = None
_switching = threading.Lock()
# One for all versions: they lie on one server.
_breaker = CircuitBreaker()


def get_index(*, wait: bool = False) -> Index | None:
    """The index of the active version, level with the table; None as long as no version is active.

    Whoever holds it holds a version and an index that belong together, whatever becomes active meanwhile. While one
    thread makes the index of a version that has just become active, the others get the one of before; those that
    `wait` don't.
    """
    version = _active_version()
    if version is None:
        return None
    index = _current
    if index is None or index.version.pk != version.pk:
        index = _switch(wait=wait or index is None)
    if index is not None and index.version.pk == version.pk:
        index.version = version  # the same one; its encoder may go by another name now, its cursor has moved
        index.follow(version.last_seq)
    return index


def save_snapshot_if_due() -> bool:
    """Write the active version's snapshot when it is due; for the worker's sweep. Says whether it did."""
    index = get_index(wait=True)
    return index is not None and index.save_snapshot_if_due()


def reset() -> None:
    """Forget this process's index; the next `get_index` makes a new one."""
    global _current, _breaker
    with _switching:
        _current, _breaker = None, CircuitBreaker()


def is_server_down() -> bool:
    """Whether the server of the index has failed several times in a row."""
    return _breaker.is_open


def _active_version() -> ModelVersion | None:
    return ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).select_related("cursor").first()


def _switch(*, wait: bool) -> Index | None:
    """Make the active version's index, level with the table, and only then put it in the place of the old one. Without
    `wait`, the old one where another thread is at it."""
    global _current  # noqa: PLW0603  see reset
    if not _switching.acquire(blocking=wait):
        return _current
    try:
        version = _active_version()  # again: whoever waited here may have seen an older one
        if version is None:
            return None
        if _current is None or _current.version.pk != version.pk:
            index = SharedIndex(version, _breaker) if factory.is_shared() else LiveIndex(version)
            index.follow(version.last_seq)
            if _current is not None:
                engine.prepare(version)
            _current = index
        return _current
    finally:
        _switching.release()
