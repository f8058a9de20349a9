"""Vectors to search among: L2-normalised, of 512 dimensions, the same in every run."""

import math
from typing import Literal

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float32]
Kind = Literal["random", "clustered"]

DIMENSION = 512
SEED = 20
CLUSTER = 250  # vectors in each, on average
# Lengths of the random part that sets a vector apart from its (unit) centre, and a query from a (unit) stored vector.
# Two vectors of a cluster then have a cosine of about 0.67, a query and the vector it is near to 0.89.
NOISE, QUERY_NOISE = 0.7, 0.5
_PIECE = 20_000


def stored(kind: Kind, number: int) -> Floats:
    """(number, DIMENSION). Random: evenly on the sphere, where everything is about as far from everything, the worst
    case of every approximate index. Clustered: Gaussian clouds around random centres, as pictures of like things."""
    dice = np.random.default_rng(SEED)
    centres = _unit(dice.standard_normal((max(1, number // CLUSTER), DIMENSION), dtype=np.float32))
    vectors = np.empty((number, DIMENSION), np.float32)
    for start in range(0, number, _PIECE):
        piece = vectors[start : start + _PIECE]
        piece[:] = dice.standard_normal(piece.shape, dtype=np.float32)
        if kind == "clustered":
            piece *= NOISE / math.sqrt(DIMENSION)
            piece += centres[dice.integers(len(centres), size=len(piece))]
        piece[:] = _unit(piece)
    return vectors


def queries(vectors: Floats, number: int) -> Floats:
    """(number, DIMENSION), each near one of the vectors and equal to none."""
    dice = np.random.default_rng(SEED + 1)
    steps = dice.standard_normal((number, DIMENSION), dtype=np.float32) * (QUERY_NOISE / math.sqrt(DIMENSION))
    return _unit(vectors[dice.integers(len(vectors), size=number)] + steps)


def _unit(vectors: Floats) -> Floats:
    # A number of numpy's own float64 on the way here would double the baseline's time unseen.
    assert vectors.dtype == np.float32
    unit: Floats = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return unit
