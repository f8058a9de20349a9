"""Where a list of results stops being about what was asked for, and whether even its best is.

The nearest picture to "a submarine" is always some picture, and how near it is says little: cosines differ from query
to query and from picture to picture. So a picture's cosine with the query is compared with the same picture's cosines
with a fixed list of background queries, in their standard deviations; a query that fits the best pictures hardly better
than any other text does is not answered by them. This is score normalisation as in speaker verification (Auckenthaler,
Carey and Lloyd-Thomas 2000, https://doi.org/10.1006/dspr.1999.0360), with the background in the part of the impostors.

How far above the background is far enough depends on the query too: less for one that has near neighbours among the
background's texts, more for one whose cosines with them vary much. Regression on dev found both, and without them one
in twenty short queries more goes wrong. They are told in deviations of the background's own texts, so that nothing here
has an encoder's units; all was measured with the built-in encoder alone.

No Django and no model here: vectors come in, a number goes out.
"""

import json
import math
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from ml.interfaces import Embeddings

Vector = npt.NDArray[np.float32]

# Of the hits, so many of the best say together whether there is a match: one may be near by chance.
BEST = 3
# Of the background, so many of the nearest texts say how near the query is to it.
NEAREST = 3
# Fewer texts than this make no deviation that could be trusted.
FEWEST_TEXTS = 30
VERSIONS_REMEMBERED = 4
MILLI = 1e-3  #: the least deviation that is divided by
LIBRARY = 1_000  #: pictures in the library that BAR was chosen with

# All in standard deviations. Chosen on Flickr8k dev by `python -m bench.cutoff --choose`; figures in docs/models.md.
BAR = 4.15  #: what hits must reach in a library of 1,000 pictures, for a query as near as a background text is
NEARNESS = 0.5  #: how much lower it is for a query that is nearer to the background, by one deviation of its texts
SPREAD = 0.8  #: how much higher for one whose cosines with the background vary more
LEAST = 2.0  #: how low it may get at most, for an encoder whose texts are unlike those that this was chosen with
GROWTH = 0.5  #: how much higher for the best hits of a library e times as large, since they are better by chance


@dataclass(frozen=True)
class Background:
    """What an encoder makes of the background queries.

    `vectors`: (b, d), L2-normalised. `nearness` and `spread`: mean and standard deviation, over these texts, of the two
    measures that queries are held against, each text seen against the others.
    """

    vectors: Embeddings
    nearness: tuple[float, float]
    spread: tuple[float, float]

    @classmethod
    def of(cls, vectors: Embeddings) -> "Background | None":
        """None where the texts are too few, or the encoder can't tell them apart."""
        if len(vectors) < FEWEST_TEXTS or not np.isfinite(vectors).all():
            return None
        others = ~np.eye(len(vectors), dtype=bool)
        cosines = (vectors @ vectors.T)[others].reshape(len(vectors), len(vectors) - 1)
        nearness, spread = _nearness(cosines), cosines.std(axis=1)
        if min(nearness.std(), spread.std()) < MILLI:
            return None
        return cls(
            np.ascontiguousarray(vectors, dtype=np.float32),
            (float(nearness.mean()), float(nearness.std())),
            (float(spread.mean()), float(spread.std())),
        )


@dataclass(frozen=True)
class Evidence:
    """What speaks for a match, in standard deviations.

    `scale`: mean and deviation of the best pictures' cosines with the background; a cosine less the first over the
    second is by how much it is above what any text would get there. `best`: that of the best hits, on average.
    `nearness` and `spread`: of the query among the background's texts.
    """

    scale: tuple[float, float]
    best: float
    nearness: float
    spread: float


def background_texts() -> list[str]:
    """The background queries: everyday words, sentences, names of things; written for this, nobody's data."""
    return list(_texts())


def background(key: str, encode: Callable[[Sequence[str]], Embeddings]) -> Background | None:
    """What the encoder of this key makes of the background queries: encoded once a process, a few hundred short texts.

    `key` must name one model and its weights, as ModelInfo.key does. None where the encoder tells too little.
    Raises what `encode` raises.
    """
    with _guard:
        if key not in _remembered:
            found = Background.of(encode(_texts()))
            while len(_remembered) >= VERSIONS_REMEMBERED:
                del _remembered[next(iter(_remembered))]
            _remembered[key] = found
        return _remembered[key]


def forget_backgrounds() -> None:
    """Encode anew what is asked for next."""
    with _guard:
        _remembered.clear()


def weigh(query: Vector, scores: Sequence[float], pictures: Embeddings, texts: Background) -> Evidence:
    """What speaks for a match of a text, (d,). `scores`: cosines of its hits, best first. `pictures`: (k, d), the
    vectors of the first of them, in any order; BEST are enough."""
    theirs = np.asarray(pictures[:BEST], dtype=np.float32) @ texts.vectors.T
    middle, deviation = float(theirs.mean()), max(float(theirs.std(axis=1).mean()), MILLI)
    mine = (texts.vectors @ query)[None, :]
    return Evidence(
        (middle, deviation),
        (float(np.mean(scores[:BEST])) - middle) / deviation,
        (float(_nearness(mine)[0]) - texts.nearness[0]) / texts.nearness[1],
        (float(mine.std()) - texts.spread[0]) / texts.spread[1],
    )


def matches(
    query: Vector,
    scores: Sequence[float],
    *,
    pictures: Embeddings | None,
    texts: Background | None,
    among: int | None = None,
    floor: float | None = None,
) -> int:
    """How many of a text's hits match it, from the best: 0 says that even the best rather doesn't.

    `query`: (d,), L2-normalised. `scores`: the cosines of its hits, best first. `pictures`: (k, d), the vectors of the
    best BEST hits. `texts`: see `background`. `among`: how many pictures the hits are the best of, their number where
    nobody knows. Without pictures or background, hits match from `floor` on, and all do where that isn't known either.
    """
    if not len(scores):
        return 0
    cosines = np.asarray(scores, dtype=np.float64)
    if texts is None or pictures is None or not len(pictures):
        return len(cosines) if floor is None else _leading(cosines, floor)
    evidence = weigh(query, scores, pictures, texts)
    bar = BAR + SPREAD * evidence.spread - NEARNESS * evidence.nearness
    bar_of_best = max(LEAST, bar + GROWTH * math.log(max(among or 0, len(cosines)) / LIBRARY))
    if evidence.best < bar_of_best:
        return 0
    middle, deviation = evidence.scale
    return max(1, _leading(cosines, middle + deviation * max(LEAST, min(bar, bar_of_best))))


def _leading(cosines: npt.NDArray[np.float64], least: float) -> int:
    """How many come before the first that is less."""
    below = cosines < least
    return int(below.argmax()) if below.any() else len(cosines)


def _nearness(cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of the NEAREST largest of each row, (n, b) -> (n,)."""
    nearest: npt.NDArray[np.float32] = np.partition(cosines, -NEAREST, axis=1)[:, -NEAREST:].mean(axis=1)
    return nearest


@cache
def _texts() -> tuple[str, ...]:
    listed = files("ml.datasets").joinpath("background_queries.json").read_text(encoding="utf-8")
    return tuple(json.loads(listed))


_guard = threading.Lock()
_remembered: dict[str, Background | None] = {}
