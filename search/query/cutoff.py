"""Where a list of results stops being about what was asked for, and whether even its best is.

The nearest picture to "a submarine" is always some picture, and how near it is says little: cosines differ from query
to query and from picture to picture. So a picture's cosine with the query is compared with the same picture's cosines
with a fixed list of background queries, in their standard deviations; a query that fits the best pictures hardly better
than any other text does is not answered by them. This is score normalisation as in speaker verification (Auckenthaler,
Carey and Lloyd-Thomas 2000, https://doi.org/10.1006/dspr.1999.0360), with the background in the part of the impostors.

How far above the background is far enough depends on the query too: less for one that has near neighbours among the
background's texts, more for one whose cosines with them vary much. It depends on the library: the best of more pictures
are better by chance. And in a small one the bar is lower than that asks for: there all pictures are on the screen
anyway, and to call one that was found unfit costs more than to let one pass. Everything is told in standard deviations,
so that nothing here has an encoder's units; all was measured with the built-in encoder alone.

No Django and no model here: vectors come in, a number goes out.
"""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
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
MILLI = 1e-3  #: the least deviation that is divided by
LIBRARY = 1_000  #: pictures in the library that BAR was chosen with

# All in standard deviations. Chosen on Flickr8k dev and on photos out of packages by `python -m bench.cutoff --choose`;
# figures in docs/models.md.
BAR = 3.9  #: what the best hits must reach in a library of 1,000 pictures, for a query as a background text is
ALONE = 1.25  #: how much more the very best must reach to be enough by itself: some things are in one picture only
NEARNESS = 0.3  #: how much lower the bar is for a query nearer to the background, by one deviation of its texts
SPREAD = 0.4  #: how much higher for one whose cosines with the background vary more
GROWTH = 0.5  #: how much higher for the best hits of a library e times as large, since they are better by chance
GRACE = 0.2  #: how much lower, beyond that, for those of a library that is a small one, by e times
CAPTION_BAR = 5.0  #: what a person's caption must reach; by `python -m bench.fusion`, in docs/performance.md
LEAST = 1.0  #: how low it may get at most


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
    second is by how much it is above what any text would get there. `best`: that of the best hits on average, or of the
    very best less ALONE. `nearness` and `spread`: of the query among the background's texts.
    """

    scale: tuple[float, float]
    best: float
    nearness: float
    spread: float


def background_texts() -> list[str]:
    """The background queries: everyday words, sentences, names of things; written for this, nobody's data."""
    listed: list[str] = json.loads(files("ml.datasets").joinpath("background_queries.json").read_text(encoding="utf-8"))
    return listed


def weigh(query: Vector, scores: Sequence[float], pictures: Embeddings, texts: Background) -> Evidence:
    """What speaks for a match of a text, (d,). `scores`: cosines of its hits, best first. `pictures`: (k, d), the
    vectors of the first of them, in any order; of both, BEST are enough."""
    theirs = np.asarray(pictures[:BEST], dtype=np.float32) @ texts.vectors.T
    middle, deviation = float(theirs.mean()), max(float(theirs.std(axis=1).mean()), MILLI)
    mine = (texts.vectors @ query)[None, :]
    return Evidence(
        (middle, deviation),
        (max(float(np.mean(scores[:BEST])), scores[0] - ALONE * deviation) - middle) / deviation,
        (float(_nearness(mine)[0]) - texts.nearness[0]) / texts.nearness[1],
        (float(mine.std()) - texts.spread[0]) / texts.spread[1],
    )


def least_cosine(
    query: Vector, scores: Sequence[float], *, pictures: Embeddings, texts: Background, among: int
) -> float:
    """The cosine from which on a text's hits match it; infinite where even the best rather don't.

    `query`: (d,), L2-normalised. `scores`: the cosines of its hits, best first. `pictures`: (k, d), the vectors of the
    first of them. BEST of both are enough, one is needed. `among`: how many pictures they are the best of.
    """
    evidence = weigh(query, scores, pictures, texts)
    bar = BAR + SPREAD * evidence.spread - NEARNESS * evidence.nearness
    bar_of_best = max(LEAST, bar + allowance(among))
    if evidence.best < bar_of_best:
        return math.inf
    middle, deviation = evidence.scale
    return middle + deviation * max(LEAST, min(bar, bar_of_best))


def caption_floor(query: Vector, texts: Background) -> float:
    """The cosine from which a person's caption means what a text, (d,), L2-normalised, means. Captions are texts, as
    the background's are, which tell how near to it any text is."""
    cosines = texts.vectors @ query
    return float(cosines.mean() + CAPTION_BAR * cosines.std())


def allowance(among: int) -> float:
    """How much higher the bar is for the best of so many pictures than for those of LIBRARY."""
    size = math.log(max(among, 1) / LIBRARY)
    return GROWTH * size + GRACE * min(size, 0.0)


def _nearness(cosines: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    """The mean of the NEAREST largest of each row, (n, b) -> (n,)."""
    nearest: npt.NDArray[np.float32] = np.partition(cosines, -NEAREST, axis=1)[:, -NEAREST:].mean(axis=1)
    return nearest
