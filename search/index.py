"""The indexes that answer this process's searches.

`get_indexes` first reads whatever the tables have that the indexes have not: one statement when nothing changed.
"""

import threading

from search import engine, factory
from search.backends.breaker import CircuitBreaker
from search.live import LiveIndex
from search.models import CaptionEmbedding, Embedding, ModelVersion
from search.shared import SharedIndex


class Indexes:
    """The indexes of one model version: of how pictures look, and of what people said of them."""

    def __init__(self, version: ModelVersion) -> None:
        self.version = version
        self.pictures = SharedIndex(version, _breaker) if factory.is_shared() else LiveIndex(Embedding, version)
        self.captions = LiveIndex(CaptionEmbedding, version)

    def follow(self, version: ModelVersion) -> None:
        """Take in the changes up to what the version, as it was just read, says; its encoder may go by another name
        now, its cursor has moved."""
        self.version = self.pictures.version = version
        self.pictures.follow(version.last_seq)
        self.captions.follow(version.last_seq)

    def save_snapshots_if_due(self) -> bool:
        """See LiveIndex; says whether one was written."""
        return self.pictures.save_snapshot_if_due() | self.captions.save_snapshot_if_due()


_current: Indexes | None = None
_switching = threading.Lock()
# One for all versions: they lie on one server.
_breaker = CircuitBreaker()


def get_indexes(*, wait: bool = False) -> Indexes | None:
    """The indexes of the active version, level with the tables; None as long as no version is active.

    Whoever holds them holds a version and indexes that belong together, whatever becomes active meanwhile. While one
    thread makes those of a version that has just become active, the others get those of before; those that `wait`
    don't.
    """
    version = _active_version()
    if version is None:
        return None
    indexes = _current
    if indexes is None or indexes.version.pk != version.pk:
        indexes = _switch(wait=wait or indexes is None)
    if indexes is not None and indexes.version.pk == version.pk:
        indexes.follow(version)
    return indexes


def save_snapshots_if_due() -> bool:
    """Write the active version's snapshots when they are due; for the worker's sweep. Says whether it wrote one."""
    indexes = get_indexes(wait=True)
    return indexes is not None and indexes.save_snapshots_if_due()


def reset() -> None:
    """Forget this process's indexes; the next `get_indexes` makes new ones."""
    global _current, _breaker
    with _switching:
        _current, _breaker = None, CircuitBreaker()


def is_server_down() -> bool:
    """Whether the server of the index has failed several times in a row."""
    return _breaker.is_open


def _active_version() -> ModelVersion | None:
    return ModelVersion.objects.filter(state=ModelVersion.State.ACTIVE).select_related("cursor").first()


def _switch(*, wait: bool) -> Indexes | None:
    """Make the active version's indexes, level with the tables, and only then put them in the place of the old ones.
    Without `wait`, the old ones where another thread is at it."""
    global _current  # noqa: PLW0603  see reset
    if not _switching.acquire(blocking=wait):
        return _current
    try:
        version = _active_version()  # again: whoever waited here may have seen an older one
        if version is None:
            return None
        if _current is None or _current.version.pk != version.pk:
            indexes = Indexes(version)
            indexes.follow(version)
            if _current is not None:
                engine.prepare(version)
            _current = indexes
        return _current
    finally:
        _switching.release()
