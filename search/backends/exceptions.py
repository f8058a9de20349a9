"""Everything that a vector index raises on purpose."""


class VectorIndexError(Exception):
    """Root of the errors of vector indexes."""


class DimensionMismatch(VectorIndexError):
    """A vector's length is not the index's dimension."""


class NotFinite(VectorIndexError):
    """A vector holds NaN or infinity, or values beyond what the index can store."""


class IndexCorrupt(VectorIndexError):
    """A snapshot can't be read, its bytes are not those that were written, or they belong to another index. Rebuild
    from the source."""


class SnapshotsUnsupported(VectorIndexError):
    """The backend keeps its points elsewhere and has no snapshots of its own."""


class IndexUnavailable(VectorIndexError):
    """The server that keeps the points can't be reached, doesn't answer in time, or fails. Trying again may help."""


class IndexRefused(IndexUnavailable):
    """The server answered that it won't: a wrong key, missing rights, an impossible request. Trying again is vain."""


class CircuitOpen(IndexUnavailable):
    """The server failed several times in a row and isn't asked for a while. Answer by other means, at once."""


class IndexBusy(IndexUnavailable):
    """The server has more to do than it can. `retry_after`: seconds for which it asks to be left alone, if it says."""

    def __init__(self, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.retry_after = retry_after
