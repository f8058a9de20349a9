"""Compares an index with its table, both ways, in pieces that fit in memory, and repairs what differs.

An index that follows the table can still drift from it: a server restored from an old disk, a write that a crash cut in
two, a hand that slipped.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from search.backends.base import Point, VectorIndex
from search.changes import Row, as_points, read_pictures
from search.models import ModelVersion, Table

# How far a number of a vector may be from the table's: an index may keep it in its own precision.
TOLERANCE = 2e-3

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Drift:
    """Numbers of points: compared, missing from the index, there though they shouldn't be, and other than they should
    be (vector or payload)."""

    compared: int = 0
    missing: int = 0
    extra: int = 0
    altered: int = 0

    def __add__(self, other: "Drift") -> "Drift":
        return Drift(
            self.compared + other.compared,
            self.missing + other.missing,
            self.extra + other.extra,
            self.altered + other.altered,
        )

    @property
    def points(self) -> int:
        """Those that differ."""
        return self.missing + self.extra + self.altered

    @property
    def is_none(self) -> bool:
        return not self.points

    def __str__(self) -> str:
        return (
            f"{self.compared:,} points compared: "
            f"{self.missing:,} missing, {self.extra:,} that should not be there, {self.altered:,} altered"
        )


@dataclass(frozen=True)
class Piece:
    """What comparing a piece found, and the key after which the next one begins: None where that was the last."""

    drift: Drift
    after: int | None


def compare(
    index: VectorIndex, table: Table, version: ModelVersion, *, seq: int, after: int, limit: int, repair: bool
) -> Piece:
    """Compare the points with keys above `after`, up to `limit` of either side. `seq`: the change up to which the index
    has followed; what changed later is not expected in it yet. Nobody else may write to the index meanwhile.

    Raises IndexUnavailable.
    """
    rows = read_pictures(table, version, after=after, limit=limit)
    points = index.scroll(after=after, limit=limit)
    ends = [keys[-1] for keys in ([row[1] for row in rows], [point.key for point in points]) if len(keys) == limit]
    end = min(ends, default=None)
    if end is not None:
        rows = [row for row in rows if row[1] <= end]
        points = [point for point in points if point.key <= end]
    return Piece(_compare(index, version, rows, points, seq, repair=repair), end)


def _compare(
    index: VectorIndex, version: ModelVersion, rows: list[Row], points: list[Point], seq: int, *, repair: bool
) -> Drift:
    pending = {row[1] for row in rows if row[0] > seq}
    wanted = {point.key: point for point in as_points(version, [row for row in rows if row[1] not in pending])[0]}
    present = {point.key: point for point in points if point.key not in pending}
    missing = wanted.keys() - present.keys()
    extra = present.keys() - wanted.keys()
    altered = _altered(wanted, present)
    if repair and (missing or altered):
        index.upsert([wanted[key] for key in sorted(missing | altered)])
    if repair and extra:
        index.delete(sorted(extra))
    drift = Drift(len(wanted.keys() | present.keys()), len(missing), len(extra), len(altered))
    if not drift.is_none:
        logger.warning("The index of %s had drifted from its vectors: %s.", version, drift)
    return drift


def _altered(wanted: Mapping[int, Point], present: Mapping[int, Point]) -> set[int]:
    both = sorted(wanted.keys() & present.keys())
    if not both:
        return set()
    expected = np.stack([wanted[key].vector for key in both]).astype(np.float32)
    found = np.stack([present[key].vector for key in both]).astype(np.float32)
    turned = ~(np.abs(expected - found).max(axis=1) <= TOLERANCE)  # so that NaN counts too
    return {
        key
        for key, is_turned in zip(both, turned, strict=True)
        if is_turned or dict(wanted[key].payload) != dict(present[key].payload)
    }
