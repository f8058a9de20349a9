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


class Clusters:
    """Vectors that come piece by piece, each in a cloud around a centre that lies near one of real ones: there are as
    many clouds as stored vectors for CLUSTER each, so that the older ones are the larger. `real`: (m, d) float32;
    `given`: how many there were already, which a library that grows on goes on from."""

    def __init__(self, real: Floats, given: int = 0) -> None:
        self._real = _unit(real)
        self._centres = np.empty((0, real.shape[1]), np.float32)
        self._given = given

    def more(self, number: int) -> Floats:
        """(number, d), the next of them."""
        dice = np.random.default_rng([SEED, 0, self._given])
        self._given += number
        more = [self._centre(place) for place in range(len(self._centres), self._given // CLUSTER + 1)]
        self._centres = np.concatenate([self._centres, *more])
        centres = self._centres[dice.integers(len(self._centres), size=number)]
        return _unit(centres + self._noise(dice, number, NOISE))

    def _centre(self, place: int) -> Floats:
        """(1, d), the same whenever it is asked for."""
        dice = np.random.default_rng([SEED, 1, place])
        return _unit(self._real[dice.integers(len(self._real), size=1)] + self._noise(dice, 1, 1.0))

    def _noise(self, dice: np.random.Generator, number: int, length: float) -> Floats:
        shape = (number, self._real.shape[1])
        return dice.standard_normal(shape, dtype=np.float32) * np.float32(length / math.sqrt(shape[1]))


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
