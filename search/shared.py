"""The index on a server, as a process that searches sees it, with the process's own index to fall back on."""

import logging
from collections.abc import Collection
from functools import partial

from django.utils.translation import gettext_lazy

from search import cursors, factory, metrics
from search.backends.base import Filter, Vector
from search.backends.breaker import CircuitBreaker
from search.backends.exceptions import CircuitOpen, IndexUnavailable
from search.live import Answer, LiveIndex
from search.models import Embedding, ModelVersion

DOWN = gettext_lazy("The search server doesn't answer. Results are complete: they come from this site's reserve index.")
# No numbers: everybody reads this, and they tell how many pictures there are.
BEHIND = gettext_lazy(
    "The search server is catching up. Results are complete: they come from this site's reserve index."
)

logger = logging.getLogger(__name__)


class SharedIndex:
    """The index of one model version on a server. Safe to share between threads.

    Where settings.VECTOR_FALLBACK names one, the process holds an index of its own as well, level with the table, which
    answers when the server doesn't, or is far behind.
    """

    def __init__(self, version: ModelVersion, breaker: CircuitBreaker) -> None:
        self.version = version
        self._server = factory.create(version)
        self._breaker = breaker
        self.own = LiveIndex(Embedding, version) if factory.has_fallback() else None

    @property
    def notice(self) -> str:
        """A sentence for people where the process's own index answers; "" where the server does, or nobody."""
        if self.own is None:
            return ""
        if self._breaker.is_open:
            return str(DOWN)
        return str(BEHIND) if cursors.is_far_behind(self.version) else ""

    def search(self, vector: Vector, *, limit: int, where: Filter | None = None) -> Answer:
        """See VectorIndex.search. The vector must come from the encoder of `self.version`.

        Raises IndexUnavailable where the server fails and there is nothing to fall back on.
        """
        if self.own is not None and cursors.is_far_behind(self.version):
            return self._fall_back(self.own, vector, limit, where, self.notice)
        ask = partial(self._server.search, vector, limit=limit, where=where)
        try:
            return Answer(self._breaker.call(ask))
        except IndexUnavailable as error:
            if not isinstance(error, CircuitOpen):
                logger.warning("The index on the server failed: %s", error)
            if self.own is None:
                raise
            return self._fall_back(self.own, vector, limit, where, str(DOWN))

    def count(self, where: Filter | None = None) -> int:
        """See LiveIndex. Raises IndexUnavailable where there is nothing to fall back on."""
        if self.own is not None:
            return self.own.count(where)
        return self._breaker.call(partial(self._server.count, where))

    def vectors(self, keys: Collection[int]) -> Vector | None:
        """See VectorIndex.vectors: from the process's own index, where it has one."""
        return None if self.own is None else self.own.vectors(keys)

    def follow(self, last_seq: int) -> None:
        """Keep the process's own index level; the server's is `search.pushing`'s."""
        if self.own is not None:
            self.own.follow(last_seq)

    def save_snapshot_if_due(self) -> bool:
        """See LiveIndex."""
        return self.own is not None and self.own.save_snapshot_if_due()

    def _fall_back(self, own: LiveIndex, vector: Vector, limit: int, where: Filter | None, notice: str) -> Answer:
        metrics.FALLBACKS.inc()
        return Answer(own.search(vector, limit=limit, where=where).hits, notice)
