"""From which cosine on a picture that looks near to a query is a match of it.

Texts are judged against the background queries. Other queries are not: a picture is near to pictures as no text is, and
where a text is steered away from another, nothing tells how near is far enough. They have the encoder's match floor,
and so have searches before the background is prepared. An encoder whose floor nobody measured has neither: nobody
measured the cutoff with it.
"""

from collections.abc import Callable, Collection, Sequence
from contextlib import suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from search import engine
from search.backends.base import Filter, Hit
from search.backends.exceptions import IndexUnavailable
from search.index import Indexes
from search.models import Embedding, ModelVersion
from search.query import cutoff
from search.query.legs import DEPTH, Vector
from search.query.terms import Query
from search.vectors import unpack_all

Vectors = npt.NDArray[np.floating[Any]]
VectorsAtHand = Callable[[Collection[int]], Vectors | None]


def _none_at_hand(keys: Collection[int]) -> None:
    return None


def background_for(asked: Query, *, version: ModelVersion) -> cutoff.Background | None:
    """What the best pictures for a query are judged against; None where the match floor decides.

    Raises ModelChanged, or an error of ml.errors.
    """
    is_text = asked.texts and not asked.pictures and all(text.sign != "-" for text in asked.texts)
    return engine.background(version) if is_text and engine.match_floor(version) is not None else None


def least_cosine(
    looks: Vector,
    best: Sequence[Hit],
    *,
    among: int,
    version: ModelVersion,
    background: cutoff.Background | None,
    floor: float | None,
    at_hand: VectorsAtHand = _none_at_hand,
) -> float | None:
    """The cosine from which on pictures match what they should look like, (d,); infinite where even the best rather
    don't, None where all do. `best`: the cutoff.BEST of so many pictures, best first. `at_hand`: where their vectors
    may lie, (n, d); one SQL statement where they don't."""
    if background is None or not best:
        return floor
    keys = [hit.key for hit in best]
    vectors = at_hand(keys)
    if vectors is None:
        vectors = _stored(keys, version)
    if vectors is None or not len(vectors):  # damaged, or deleted since the index knew them
        return floor
    scores, pictures = [hit.score for hit in best], vectors.astype(np.float32)
    return cutoff.least_cosine(looks, scores, pictures=pictures, texts=background, among=among)


def _stored(keys: Sequence[int], version: ModelVersion) -> Vectors | None:
    rows = Embedding.objects.filter(model_version_id=version.pk, image__in=keys)
    stored = [vector for vector in rows.values_list("vector", flat=True) if vector is not None]
    return unpack_all(stored, dimension=version.dimension)


def searched(hits: Sequence[Hit], live: Indexes, where: Filter) -> int:
    """How many pictures these are the hits of, under the filter: at least so many where a server doesn't say."""
    if len(hits) >= DEPTH:
        with suppress(IndexUnavailable):
            return live.pictures.count(where)
    return len(hits)
