"""What every vector index can do: keys, floats and filters, and nothing about pictures."""

import typing
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from search.backends.exceptions import DimensionMismatch, NotFinite, SnapshotsUnsupported

Value = int | str
Vector = npt.NDArray[np.floating[typing.Any]]


@dataclass(frozen=True)
class Match:
    """The payload's field holds one of the values. A point without the field doesn't match."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class All:
    """Every part holds; true when there are none."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True)
class Any:
    """At least one part holds; false when there are none."""

    parts: tuple["Filter", ...]


@dataclass(frozen=True)
class Not:
    """The part doesn't hold."""

    part: "Filter"


Filter = Match | All | Any | Not


@dataclass(frozen=True, eq=False)
class Point:
    """A vector, (d,) float, under a key that fits a signed 64-bit integer, and the fields that filters ask about."""

    key: int
    vector: Vector
    payload: Mapping[str, Value]


@dataclass(frozen=True)
class Hit:
    """A point found; `score` is the inner product with the query: the cosine, when both are L2-normalised."""

    key: int
    score: float


class VectorIndex(ABC):
    """Points that can be searched by inner product. Safe to share between threads.

    A backend is made with its dimension and the OPTIONS of the setting that names it.
    """

    supports_snapshots: typing.ClassVar[bool] = False
    """Whether `save_snapshot` and `load_snapshot` work."""

    def __init__(self, *, dimension: int) -> None:
        self.dimension = dimension

    @abstractmethod
    def upsert(self, points: Sequence[Point]) -> None:
        """Add points, each in the place of the one that had its key; of several with one key, the last counts.

        Raises DimensionMismatch or NotFinite, and then changes nothing.
        """

    @abstractmethod
    def delete(self, keys: Collection[int]) -> None:
        """Remove the points with these keys; keys that aren't there are passed over."""

    @abstractmethod
    def search(self, vector: Vector, *, limit: int, where: Filter | None = None) -> list[Hit]:
        """The `limit` best points among those that the filter lets through, best first, equal scores by key.

        Raises DimensionMismatch or NotFinite.
        """

    @abstractmethod
    def count(self) -> int:
        """How many points there are."""

    def save_snapshot(self, path: Path, *, label: str, generation: int) -> None:
        """Write every point to a file, at once or not at all. `label` says whose points they are."""
        raise SnapshotsUnsupported(type(self).__name__)

    def load_snapshot(self, path: Path, *, label: str) -> int:
        """Take the points of a snapshot in the place of all present ones; returns the snapshot's generation.

        Raises IndexCorrupt, and then changes nothing; FileNotFoundError where there is no such file.
        """
        raise SnapshotsUnsupported(type(self).__name__)

    def as_rows(self, vectors: Iterable[Vector]) -> npt.NDArray[np.float32]:
        """The vectors as (n, dimension) float32. Raises DimensionMismatch or NotFinite."""
        rows = [np.asarray(vector, dtype=np.float32) for vector in vectors]
        for row in rows:
            if row.shape != (self.dimension,):
                raise DimensionMismatch(f"A vector has shape {row.shape}; the index holds ({self.dimension},).")
        stacked = np.stack(rows) if rows else np.empty((0, self.dimension), np.float32)
        if not np.isfinite(stacked).all():
            raise NotFinite("A vector holds NaN or infinity.")
        return stacked
