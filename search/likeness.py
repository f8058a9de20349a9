"""Whether two pictures are one, by 48 x 48 greys of each: also where one is a cut or the mirror image of the other.

Greys alone take two snowfields for one picture, and vectors alone two dogs on grass; hardly any two different pictures
agree in both (`python -m bench.duplicates`).
"""

from collections.abc import Iterable
from functools import cache
from typing import Literal

import numpy as np
import numpy.typing as npt
from PIL.Image import Image, Resampling

SIDE = 48
# Two pictures are compared at this many greys a side, so that a slight turn or shift still fits.
_TILE = 24
# What may have been cut off a picture's width or height together, as a share.
_MARGINS = (0.05, 0.1)
# Standard deviation, of 255, below which there is nothing to compare: one grey all over, noise aside.
_LEAST_CONTRAST = 1.0

# What makes two pictures copies: one of these least cosines with its least likeness. What makes them shots of one
# moment: either these, or the cosine alone where they were taken within so many seconds.
COPY = ((0.6, 0.95), (0.85, 0.93))
SHOT = (0.85, 0.85)
MOMENT_SECONDS, MOMENT_COSINE = 10.0, 0.8
LEAST_COSINE = min(least for least, _ in COPY)

Greys = npt.NDArray[np.uint8]
Floats = npt.NDArray[np.float32]
Kind = Literal["copy", "shot"]


def greys_of(picture: Image) -> Greys:
    """A picture, RGB, squashed: (SIDE, SIDE)."""
    return np.asarray(picture.convert("L").resize((SIDE, SIDE), Resampling.BOX))


def likenesses(greys: Greys, others: Iterable[Greys]) -> list[float]:
    """How well a picture's greys, (SIDE, SIDE), fit those of each other one: from -1 to 1.

    The best correlation of any cut of the one with the whole of the other, as it is or mirrored. 0 where one of them is
    the same grey all over.
    """
    own = _cuts(greys)
    # One at a time: all cuts of one other picture stay in the processor's cache.
    return [_best(own, _cuts(other)) for other in others]


def kind_of(cosine: float, likeness: float, seconds: float | None) -> Kind | None:
    """What two pictures are to each other; `seconds` between the moments when they were taken, where both are known."""
    is_same = any(cosine >= least and likeness >= least_likeness for least, least_likeness in COPY)
    if is_same and not seconds:
        return "copy"
    is_near = cosine >= SHOT[0] and likeness >= SHOT[1]
    is_of_moment = seconds is not None and seconds <= MOMENT_SECONDS and cosine >= MOMENT_COSINE
    return "shot" if is_same or is_near or is_of_moment else None


def _best(ours: Floats, theirs: Floats) -> float:
    return float(max((ours @ _both_ways(theirs[0])).max(), (theirs @ _both_ways(ours[0])).max()))


def _both_ways(tile: Floats) -> Floats:
    """A tile as it is and mirrored, in columns: (_TILE * _TILE, 2)."""
    mirrored = tile.reshape(_TILE, _TILE)[:, ::-1].ravel()
    return np.stack([tile, mirrored], axis=1)


def _cuts(greys: Greys) -> Floats:
    """First the whole, then cuts of it, each with mean 0 and length 1, or nothing but 0: (cuts, _TILE * _TILE)."""
    cutter = _cutter()
    a_side = len(cutter) // _TILE
    tiles: Floats = (cutter @ greys.astype(np.float32) @ cutter.T).reshape(a_side, _TILE, a_side, _TILE)
    cuts: Floats = tiles.transpose(0, 2, 1, 3).reshape(a_side * a_side, _TILE * _TILE)
    cuts -= cuts.mean(axis=1, keepdims=True)
    lengths = np.linalg.norm(cuts, axis=1, keepdims=True)
    cuts /= np.maximum(lengths, 1e-6)
    cuts[lengths[:, 0] < _LEAST_CONTRAST * _TILE] = 0
    return cuts


@cache
def _cutter() -> Floats:
    """The matrix that scales a side of SIDE greys, and each cut of it, to _TILE means: (cuts a side * _TILE, SIDE)."""
    intervals = [(0.0, 1.0)]
    intervals += [(place * margin, 1 - margin + place * margin) for margin in _MARGINS for place in (0.0, 0.5, 1.0)]
    edges = np.stack([np.linspace(start, end, _TILE + 1) * SIDE for start, end in intervals])
    lows, highs = edges[:, :-1].reshape(-1, 1), edges[:, 1:].reshape(-1, 1)
    cells = np.arange(SIDE)
    overlap = np.clip(np.minimum(highs, cells + 1) - np.maximum(lows, cells), 0, None)
    means: Floats = (overlap / (highs - lows)).astype(np.float32)
    return means
