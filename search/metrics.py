"""What search counts, for whoever watches over the site (Prometheus)."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from prometheus_client import Counter, Histogram

_counts: ContextVar[bool] = ContextVar("counts", default=True)


class _Waits(Histogram):
    """Seconds that somebody waited."""

    def observe(self, amount: float, exemplar: dict[str, str] | None = None) -> None:
        if _counts.get():
            super().observe(amount, exemplar)


@contextmanager
def uncounted() -> Iterator[None]:
    """Nobody waits for what is searched in the block."""
    token = _counts.set(False)
    try:
        yield
    finally:
        _counts.reset(token)


FALLBACKS = Counter(
    "mmsite_search_fallback", "Searches that the process's own index answered in place of the server's."
)
SEARCHES = _Waits("mmsite_search_seconds", "Searches, from the box's text to the pictures.")
ENCODINGS = _Waits("mmsite_encode_seconds", "Calls of the encoder, each for some texts or pictures.", ["of"])
DRIFT = Counter("mmsite_index_drift_points", "Points in which the search server differed from the table, and repaired.")
