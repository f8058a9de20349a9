"""Several lists of pictures, each by its own measure, as one: reciprocal-rank fusion.

Cormack, Clarke and Büttcher, "Reciprocal Rank Fusion outperforms Condorcet and individual Rank Learning Methods", 2009.
"""

from collections.abc import Mapping, Sequence

import numpy as np

# How little a rank matters compared with its neighbour; the paper's 60 is for legs that know equally much.
RANK_OFFSET = 5


def fuse(
    legs: Mapping[str, Sequence[int]], *, weights: Mapping[str, float], factors: Mapping[int, float] | None = None
) -> list[int]:
    """The pictures of all legs, best first, then newest. `legs`: image ids by name, best first; `weights`: of each.
    `factors`: how many times as much the places of a picture count, where that isn't once."""
    found = [np.array(image_ids, np.int64) for image_ids in legs.values()]
    ids = np.unique(np.concatenate([*found, np.empty(0, np.int64)]))
    scores = np.zeros(len(ids))
    for name, image_ids in zip(legs, found, strict=True):
        scores[np.searchsorted(ids, image_ids)] += weights[name] / (RANK_OFFSET + np.arange(1, len(image_ids) + 1))
    if factors:
        scores *= [factors.get(image_id, 1.0) for image_id in ids.tolist()]
    best: list[int] = ids[np.lexsort((-ids, -scores))].tolist()
    return best


def ranks(legs: Mapping[str, Sequence[int]], image_id: int) -> dict[str, int]:
    """The picture's place, from 1, in each leg that found it."""
    return {name: image_ids.index(image_id) + 1 for name, image_ids in legs.items() if image_id in image_ids}
