"""What every vector index can do: keys, floats and filters, and nothing about pictures."""

import typing
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar, Literal

import numpy as np
import numpy.typing as npt

from search.backends.exceptions import DimensionMismatch, NotFinite, SnapshotsUnsupported

Value = int | str
Payload = Mapping[str, Value | tuple[Value, ...]]
FieldKind = Literal["integer", "keyword"]
Vector = npt.NDArray[np.floating[typing.Any]]
Keys = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Match:
    """The payload's field holds one of the values; of a field with several, one is enough. A point without the field
    doesn't match."""

    field: str
    values: tuple[Value, ...]


@dataclass(frozen=True)
class Range:
    """The payload's field holds a whole number in [at_least, below); of a field with several, one is enough. None
    leaves that end open. A point without the field, or with texts in it, doesn't match."""

    field: str
    at_least: int | None = None
    below: int | None = None


@dataclass(frozen=True, eq=False)
class HasKey:
    """The point's own key is one of these: many are quickest as an ascending array."""

    keys: tuple[int, ...] | Keys


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


Filter = Match | Range | HasKey | All | Any | Not


@dataclass(frozen=True, eq=False)
class Point:
    """A vector, (d,) float, under a key in [0, 2**63), and the fields that filters ask about. A field may hold several
    values; whole numbers lie in [-2**63, 2**63)."""

    key: int
    vector: Vector
    payload: Payload


@dataclass(frozen=True)
class Hit:
    """A point found; `score` is the inner product with the query: the cosine, when both are L2-normalised."""

    key: int
    score: float


class VectorIndex(ABC):
    """Points that can be searched by inner product. Safe to share between threads.

    A backend is made with its dimension, a name that tells its points from those of other indexes, the fields that
    filters will ask about, and the OPTIONS of the setting that names it. Making one is cheap and asks no server.

    Each method raises IndexUnavailable where a server keeps the points and doesn't do what it is asked to.
    """

    supports_snapshots: ClassVar[bool] = False
    """Whether `save_snapshot` and `load_snapshot` work."""

    is_shared: ClassVar[bool] = False
    """Whether the points lie on a server, which one process writes to on behalf of all."""

    def __init__(self, *, dimension: int, name: str = "points", fields: Mapping[str, FieldKind] | None = None) -> None:
        self.dimension = dimension
        self.name = name
        self.fields = dict(fields or {})

    @property
    def location(self) -> str:
        """Where the points lie, for people, and to tell whether they lie where they lay before."""
        return f"{type(self).__name__} {self.name}"

    def prepare(self) -> bool:
        """Make whatever must be there before points can be written; says whether it is new, and so holds none."""
        return False

    @abstractmethod
    def drop(self) -> None:
        """Remove every point, and what `prepare` made. Nothing happens where there is nothing."""

    def mark_active(self) -> None:  # noqa: B027  most backends have no name to give away
        """Let those who ask the server for the active index, not for a version's, have this one."""

    @abstractmethod
    def upsert(self, points: Sequence[Point]) -> None:
        """Add points, each in the place of the one that had its key; of several with one key, the last counts.

        Raises DimensionMismatch or NotFinite, and then changes nothing. After IndexUnavailable, some may be written:
        the same call again is safe.
        """

    @abstractmethod
    def delete(self, keys: Collection[int]) -> None:
        """Remove the points with these keys; keys that aren't there are passed over."""

    @abstractmethod
    def search(self, vector: Vector, *, limit: int, offset: int = 0, where: Filter | None = None) -> list[Hit]:
        """The `limit` best points past the first `offset`, among those that the filter lets through, best first, equal
        scores by key.

        Raises DimensionMismatch or NotFinite.
        """

    @abstractmethod
    def count(self, where: Filter | None = None) -> int:
        """How many points there are that the filter lets through. With one, as in a search, a server is asked once, and
        may estimate."""

    @abstractmethod
    def scroll(self, *, after: int = -1, limit: int) -> list[Point]:
        """The first `limit` points whose keys are above `after`, by key, with vectors, (d,) as they are stored, and
        payloads: the way through all of them in pieces."""

    def vectors(self, keys: Collection[int]) -> Vector | None:
        """The vectors of the points with these keys, (n, d) as they are stored, in any order; keys that aren't there
        are passed over. None where they don't lie in this process."""
        return None

    @property
    def wants_maintenance(self) -> bool:
        """Whether `maintain` has something to do. Cheap; asks no server."""
        return False

    def maintain(self) -> None:  # noqa: B027  nothing to do for most
        """Whatever keeps answers quick as points come and go. May take minutes; searches and writes go on meanwhile."""

    def close(self) -> None:  # noqa: B027  most backends have no connections
        """Give connections back; they are made anew where needed."""

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
        rows = [np.asarray(vector) for vector in vectors]
        for row in rows:
            if row.shape != (self.dimension,):
                raise DimensionMismatch(f"A vector has shape {row.shape}; the index holds ({self.dimension},).")
        stacked = np.array(rows).astype(np.float32) if rows else np.empty((0, self.dimension), np.float32)
        if not np.isfinite(stacked).all():
            raise NotFinite("A vector holds NaN or infinity.")
        return stacked
