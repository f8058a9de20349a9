"""The exact places of some pictures among all that a person may find, by the vectors in SQL rather than by an index."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from search.backends.base import Hit
from search.exceptions import BadVector
from search.models import Embedding, ModelVersion
from search.vectors import Stored, unpack, unpack_all

# Rows that are read at once: a few megabytes.
CHUNK = 4_000
# Sums of other shapes differ in the last digits, which must not decide between equals.
DIGITS = 9

Ids = npt.NDArray[np.int64]
Scores = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Asked:
    """A vector, (d,), the pictures whose places are wanted, and those that they compete with, (n,), ascending."""

    vector: npt.NDArray[np.float32]
    wanted: frozenset[int]
    candidates: Ids


@dataclass(frozen=True)
class Place:
    """A picture's cosine, and its rank, from 1; None where it is not among the candidates."""

    score: float
    rank: int | None


@dataclass(frozen=True)
class Found:
    """The places of the wanted pictures that have a vector, by id, and the best of all candidates, best first."""

    places: dict[int, Place]
    best: list[Hit]


def find(version: ModelVersion, asked: Sequence[Asked], *, best: int) -> list[Found]:
    """For each of `asked`, where the wanted pictures are by the version's vectors, and the `best` of all. Of pictures
    with equal scores the newer one comes first, as in search.query.fusion.

    Reads the wanted pictures' vectors, and then all of the version's, a chunk at a time.
    """
    if not asked:
        return []
    vectors = np.array([each.vector for each in asked], dtype=np.float64)
    wanted = frozenset[int]().union(*(each.wanted for each in asked))
    own = {
        image_id: row
        for ids, scores in _scores(version, vectors, among=sorted(wanted))
        for image_id, row in zip(ids.tolist(), scores, strict=True)
    }
    targets = [
        (number, image_id) for number, each in enumerate(asked) for image_id in sorted(each.wanted) if image_id in own
    ]
    better = dict.fromkeys(targets, 0)
    tops: list[list[Hit]] = [[] for _ in asked]
    for ids, scores in _scores(version, vectors):
        competing = [np.isin(ids, each.candidates, assume_unique=True) for each in asked]
        for number, among in enumerate(competing):
            tops[number] = _best(best, tops[number], ids[among], scores[among, number])
        for number, image_id in targets:
            score, column = own[image_id][number], scores[:, number]
            ahead = (column > score) | ((column == score) & (ids > image_id))
            better[number, image_id] += int(np.count_nonzero(ahead & competing[number]))
    found = [Found({}, top) for top in tops]
    for number, image_id in targets:
        is_candidate = _is_in(asked[number].candidates, image_id)
        rank = better[number, image_id] + 1 if is_candidate else None
        found[number].places[image_id] = Place(float(own[image_id][number]), rank)
    return found


def _best(count: int, hits: list[Hit], ids: Ids, scores: Scores) -> list[Hit]:
    """The best of these hits and of more pictures, (n,) each."""
    more = [Hit(int(ids[row]), float(scores[row])) for row in np.lexsort((-ids, -scores))[:count]]
    return sorted([*hits, *more], key=lambda hit: (-hit.score, -hit.key))[:count]


def _scores(
    version: ModelVersion, vectors: Scores, *, among: Sequence[int] | None = None
) -> Iterator[tuple[Ids, Scores]]:
    """Ids, (c,), and the cosines of their pictures with each of q vectors, (c, q), a chunk at a time."""
    rows = Embedding.objects.filter(model_version=version, vector__isnull=False).order_by("image_id")
    if among is not None:
        rows = rows.filter(image_id__in=among)
    after = -1
    while chunk := list(rows.filter(image_id__gt=after).values_list("image_id", "vector")[:CHUNK]):
        after = chunk[-1][0]
        ids, stored = _readable([(image_id, vector) for image_id, vector in chunk if vector is not None], version)
        yield ids, np.round(stored.astype(np.float64) @ vectors.T, DIGITS)


def _readable(rows: list[tuple[int, Stored]], version: ModelVersion) -> tuple[Ids, npt.NDArray[np.float16]]:
    """Without damaged vectors, which no search finds either; `manage.py fsck` tells of them."""
    ids = [image_id for image_id, _ in rows]
    vectors = unpack_all([vector for _, vector in rows], dimension=version.dimension)
    if vectors is None:
        kept = {}
        for image_id, vector in rows:
            try:
                kept[image_id] = unpack(vector, dimension=version.dimension)
            except BadVector:
                continue
        ids, vectors = list(kept), np.array(list(kept.values()), np.float16).reshape(-1, version.dimension)
    return np.array(ids, dtype=np.int64), vectors


def _is_in(ids: Ids, image_id: int) -> bool:
    place = int(np.searchsorted(ids, image_id))
    return place < len(ids) and int(ids[place]) == image_id
