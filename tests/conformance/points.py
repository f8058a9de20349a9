"""Points, vectors and filters for the conformance suite, and the plainest reading of what a filter means."""

from collections.abc import Sequence
from typing import Any as AnyType

import numpy as np
import numpy.typing as npt

from search.backends.base import (
    All,
    Any,
    FieldKind,
    Filter,
    HasKey,
    Hit,
    Match,
    Not,
    Payload,
    Point,
    Range,
    Value,
    VectorIndex,
)

D = 16
FIELDS: dict[str, FieldKind] = {
    "owner": "integer",
    "visibility": "keyword",
    "album": "integer",
    "tag": "keyword",
    "taken": "integer",
}
DAY = 86_400
TAGS = ("cat", "dog", "Zürich", "ライカ 📷", "two words", "")
# How far a score may lie from the exact one: vectors are stored in half precision.
SCORE = 2e-3


def axis(number: int, length: float = 1.0) -> npt.NDArray[np.float32]:
    vector = np.zeros(D, np.float32)
    vector[number] = length
    return vector


def point(key: int, vector: npt.NDArray[AnyType] | None = None, **payload: Value | tuple[Value, ...]) -> Point:
    return Point(key, axis(0) if vector is None else vector, payload)


def cloud(number: int, seed: int = 0) -> npt.NDArray[np.float32]:
    """Random unit vectors, (number, D)."""
    vectors = np.random.default_rng(seed).standard_normal((number, D), dtype=np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def keys(hits: Sequence[Hit]) -> list[int]:
    return [hit.key for hit in hits]


def found(index: VectorIndex, where: Filter | None = None, limit: int = 100) -> set[int]:
    return set(keys(index.search(axis(0), limit=limit, where=where)))


def holds(where: Filter, key: int, payload: Payload) -> bool:
    """Whether a filter lets a point through."""

    def values(field: str) -> tuple[Value, ...]:
        content = payload.get(field, ())
        return content if isinstance(content, tuple) else (content,)

    match where:
        case Match(field, wanted):
            return any(value in wanted for value in values(field))
        case Range(field, at_least, below):
            return any(
                isinstance(value, int) and (at_least is None or value >= at_least) and (below is None or value < below)
                for value in values(field)
            )
        case HasKey(wanted_keys):
            return key in wanted_keys
        case All(parts):
            return all(holds(part, key, payload) for part in parts)
        case Any(parts):
            return any(holds(part, key, payload) for part in parts)
        case Not(part):
            return not holds(part, key, payload)


def random_filter(dice: np.random.Generator, depth: int = 3) -> Filter:
    """Any filter on the FIELDS of `library`."""

    def some(below: int) -> tuple[int, ...]:
        return tuple(int(number) for number in dice.integers(below, size=dice.integers(1, 4)))

    start, end = sorted(int(day) * DAY for day in dice.integers(-40, 400, size=2))
    leaves = [
        Match("owner", some(6)),
        Match("album", some(12)),
        Match("tag", tuple(TAGS[number] for number in some(len(TAGS)))),
        Range("taken", start, end),
        Range("taken", at_least=start),
        Range("taken", below=end),
        HasKey(tuple(int(key) for key in dice.integers(500, size=50))),
    ]
    if not depth or dice.random() < 0.5:
        return leaves[dice.integers(len(leaves))]
    parts = tuple(random_filter(dice, depth - 1) for _ in range(dice.integers(1, 4)))
    return (All(parts), Any(parts), Not(parts[0]))[dice.integers(3)]


def library(number: int, seed: int = 0) -> list[Point]:
    """Points as a gallery has them: owners, visibility, some albums, tags and a date (seconds), each for most only."""
    dice = np.random.default_rng(seed)
    points = []
    for key, vector in enumerate(cloud(number, seed)):
        payload: dict[str, Value | tuple[Value, ...]] = {"owner": int(dice.integers(5))}
        payload["visibility"] = ("public", "private")[dice.integers(2)]
        if dice.random() < 0.7:
            payload["album"] = tuple(sorted({int(album) for album in dice.integers(0, 10, dice.integers(1, 4))}))
        if dice.random() < 0.7:
            payload["tag"] = tuple(sorted({TAGS[tag] for tag in dice.integers(0, len(TAGS), dice.integers(1, 4))}))
        if dice.random() < 0.9:
            payload["taken"] = int(dice.integers(-30 * DAY, 365 * DAY))
        points.append(Point(key, vector, payload))
    return points
