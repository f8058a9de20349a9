"""Several lists of pictures, each by its own measure, as one: reciprocal-rank fusion.

Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

# How little a rank matters compared with its neighbour; the paper's 60 is for legs that know equally much.
RANK_OFFSET = 5


@dataclass(frozen=True)
class Fused:
    """A picture, what it scored, and its rank, from 1, in each leg that found it."""

    image_id: int
    score: float
    ranks: Mapping[str, int]


def fuse(
    legs: Mapping[str, Sequence[int]], *, weights: Mapping[str, float], factors: Mapping[int, float] | None = None
) -> list[Fused]:
    """The pictures of all legs, best first, then newest. `legs`: image ids by name, best first; `weights`: of each.
    `factors`: how many times as much the places of a picture count, where that isn't once."""
    factors = factors or {}
    ranks: dict[int, dict[str, int]] = {}
    for name, image_ids in legs.items():
        for rank, image_id in enumerate(image_ids, start=1):
            ranks.setdefault(image_id, {})[name] = rank
    fused = [
        Fused(
            image_id,
            factors.get(image_id, 1.0) * sum(weights[name] / (RANK_OFFSET + rank) for name, rank in found.items()),
            found,
        )
        for image_id, found in ranks.items()
    ]
    return sorted(fused, key=lambda each: (-each.score, -each.image_id))
