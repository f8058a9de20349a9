"""How well searches find what people marked as right: of each model version, so that a switch can be judged before it
is made.

A golden query is a text with at least one picture that the person who typed it called right. Ranks are those among the
pictures that are listed for that person. Of each version the leg of looks alone is scored, exactly, from the vectors in
SQL; of the version that searches use, the whole answer too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone
from django.utils.functional import Promise
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.models import Image, User
from gallery.wording import grouped
from ml.errors import ModelError
from ml.evaluation.bootstrap import Difference, Figure, Interval, differences, intervals, mean, ratio
from search import engine
from search.backends.base import Hit
from search.golden import judgements_that_count
from search.models import Embedding, ModelVersion
from search.query import cutoff, enough, exact, legs
from search.query.answer import search_images
from search.query.exact import Asked, Ids, Place
from search.query.parse import parse
from search.query.terms import Query

DEPTHS = (1, 5, 10)
MEASURES: dict[str, str | Promise] = {
    "recall_1": "Recall@1",
    "recall_5": "Recall@5",
    "recall_10": "Recall@10",
    "mrr": "MRR",
    "precision": gettext_lazy("Precision of the cutoff"),
}
# How far down the whole answer is read; what lies below counts as not found.
ANSWER_DEPTH = 100
# The newest queries that are scored.
MOST_QUERIES = 200

What = Literal["looks", "answer"]


@dataclass(frozen=True)
class GoldenQuery:
    """What somebody looked for, and the pictures, by id, that they called right and wrong."""

    owner: User
    text: str
    right: frozenset[int]
    wrong: frozenset[int]

    @property
    def asked(self) -> Query:
        return parse(self.text, today=timezone.localdate())

    @property
    def judged(self) -> frozenset[int]:
        return self.right | self.wrong


@dataclass(frozen=True)
class Outcome:
    """How a search did on a golden query.

    `ranks`: of the right pictures, from 1, best first, None where one was not found. `kept`: of the right and of the
    wrong ones, how many the cutoff took for matches; None where there is no cutoff.
    """

    query: GoldenQuery
    ranks: tuple[int | None, ...]
    kept: tuple[int, int] | None = None

    @property
    def reciprocal(self) -> float:
        """1 / the rank of the best right picture."""
        return 1.0 / self.ranks[0] if self.ranks[0] else 0.0

    def recall(self, depth: int) -> float:
        """Of the right pictures that fit into the first `depth`, the share that is there."""
        found = sum(rank is not None and rank <= depth for rank in self.ranks)
        return found / min(depth, len(self.ranks))


@dataclass(frozen=True)
class Evaluation:
    """How well searches by a version did. `what`: by looks alone, or the whole answer with words and filters.

    `figures`: of MEASURES, in [0, 1]; those that nothing is known of are missing. `against_active`: how much more than
    the version that searches use, on the queries that both can answer. `problem`: why there is nothing to tell.
    `embedded` of `pictures`: those that ranks are among; a version that lacks some looks better than it is.
    """

    version: ModelVersion
    what: What
    outcomes: Sequence[Outcome] = ()
    figures: Mapping[str, Interval] = field(default_factory=dict)
    against_active: Mapping[str, Difference] = field(default_factory=dict)
    problem: str = ""
    left_out: int = 0
    embedded: int = 0
    pictures: int = 0

    @property
    def notes(self) -> list[str]:
        """What makes its figures say less than they seem to, in sentences."""
        told = []
        if self.left_out:
            told.append(
                _("Left out: %(left_out)s queries that it has no vectors for.") % {"left_out": grouped(self.left_out)}
            )
        if self.embedded < self.pictures:
            told.append(
                _("It has the vectors of %(embedded)s of %(pictures)s pictures; among all of them, ranks may be worse.")
                % {"embedded": grouped(self.embedded), "pictures": grouped(self.pictures)}
            )
        return told


def golden_queries(*, owner: User | None = None) -> list[GoldenQuery]:
    """The queries that have a right picture, of one person or all, newest first."""
    judged: dict[tuple[int, str], tuple[User, set[int], set[int]]] = {}
    for judgement in judgements_that_count(owner).select_related("owner").order_by("-pk"):
        empty: tuple[User, set[int], set[int]] = (judgement.owner, set(), set())
        _, right, wrong = judged.setdefault((judgement.owner_id, judgement.text), empty)
        (right if judgement.is_right else wrong).add(judgement.image_id)
    return [
        GoldenQuery(person, text, frozenset(right), frozenset(wrong))
        for (_, text), (person, right, wrong) in judged.items()
        if right
    ]


def versions_to_evaluate(queries: Iterable[GoldenQuery]) -> list[ModelVersion]:
    """The versions that have the vector of a picture that was judged right; the active one first."""
    right = {image_id for query in queries for image_id in query.right}
    vectors = Embedding.objects.filter(model_version=OuterRef("pk"), vector__isnull=False, image__in=right)
    found = ModelVersion.objects.filter(Exists(vectors)).order_by("-pk")
    return sorted(found, key=lambda version: version.state != ModelVersion.State.ACTIVE)


def evaluate(queries: Sequence[GoldenQuery], versions: Sequence[ModelVersion]) -> list[Evaluation]:
    """Score versions on golden queries: each by looks, the active one's whole answers before that."""
    if not queries:
        return []
    by_looks = [_by_looks(queries, version) for version in versions]
    active = next((each for each in by_looks if each.version.state == ModelVersion.State.ACTIVE), None)
    found = []
    for each in by_looks:
        if each is active:
            found.append(_whole_answers(queries, each))
            found.append(each)
        else:
            found.append(_compared(each, active) if active else each)
    return found


def _by_looks(queries: Sequence[GoldenQuery], version: ModelVersion) -> Evaluation:
    vectors = Embedding.objects.filter(image_id=OuterRef("pk"), model_version=version, vector__isnull=False)
    embedded, pictures = Image.objects.filter(Exists(vectors)).count(), Image.objects.count()
    evaluation = Evaluation(version, "looks", embedded=embedded, pictures=pictures)
    candidates = _Candidates()
    try:
        engine.warm(version)
        meant = [(query, legs.looks(query.asked, version=version, viewer=query.owner)) for query in queries]
        asked = [
            (query, Asked(vector, query.judged, candidates.of(query))) for query, vector in meant if vector is not None
        ]
        found = exact.find(version, [each for _, each in asked], best=cutoff.BEST)
        outcomes = [
            _placed(query, each.places, _least_cosine(query, aim, each.best, version))
            for (query, aim), each in zip(asked, found, strict=True)
            if query.right <= each.places.keys()
        ]
    except ModelError as error:
        return replace(evaluation, problem=_("Its model can't be used here: %(reason)s") % {"reason": error})
    left_out = len(queries) - len(outcomes)
    return replace(evaluation, outcomes=outcomes, figures=_intervals(outcomes), left_out=left_out)


class _Candidates:
    """The pictures that a query is answered from, by id, ascending. Read once for all the queries of a person that
    have no filters."""

    def __init__(self) -> None:
        self._listed: dict[int, Ids] = {}

    def of(self, query: GoldenQuery) -> Ids:
        where = legs.allowed(query.asked, viewer=query.owner)
        if where:
            return self._read(query.owner, where)
        if query.owner.pk not in self._listed:
            self._listed[query.owner.pk] = self._read(query.owner, where)
        return self._listed[query.owner.pk]

    def _read(self, owner: User, where: Q) -> Ids:
        listed = Image.objects.listed_for(owner).filter(where).order_by("pk")
        return np.fromiter(listed.values_list("pk", flat=True), dtype=np.int64)


def _least_cosine(query: GoldenQuery, asked: Asked, best: Sequence[Hit], version: ModelVersion) -> float | None:
    """As searches judge it."""
    return enough.least_cosine(
        asked.vector,
        best,
        among=len(asked.candidates),
        version=version,
        background=enough.background_for(query.asked, version=version),
        floor=engine.match_floor(version),
    )


def _placed(query: GoldenQuery, placed: Mapping[int, Place], least: float | None) -> Outcome:
    if least is None:
        kept = None
    else:
        over = {image_id for image_id, place in placed.items() if place.rank and place.score >= least}
        kept = (len(over & query.right), len(over & query.wrong))
    return Outcome(query, _sorted(placed[image_id].rank for image_id in query.right), kept)


def _whole_answers(queries: Sequence[GoldenQuery], looks: Evaluation) -> Evaluation:
    outcomes = []
    for query in queries:
        result = search_images(viewer=query.owner, query=query.text, limit=ANSWER_DEPTH)
        if result.state == "not_ready":
            return replace(looks, what="answer", problem=result.sentence, outcomes=(), figures={})
        ranks = {hit.image.pk: rank for rank, hit in enumerate(result.hits, start=1)}
        matches = {hit.image.pk for hit in result.matches}
        kept = (len(matches & query.right), len(matches & query.wrong))
        outcomes.append(Outcome(query, _sorted(ranks.get(image_id) for image_id in query.right), kept))
    return replace(looks, what="answer", problem="", outcomes=outcomes, figures=_intervals(outcomes), left_out=0)


def _sorted(ranks: Iterable[int | None]) -> tuple[int | None, ...]:
    return tuple(sorted(ranks, key=lambda rank: rank or np.inf))


def _intervals(outcomes: Sequence[Outcome]) -> dict[str, Interval]:
    if not outcomes:
        return {}
    found = intervals(_figures(outcomes), len(outcomes))
    # Drawn from the queries of which the cutoff kept a judged picture: the others say nothing of it.
    kept = np.array([each.kept for each in outcomes if each.kept and sum(each.kept)], dtype=float).reshape(-1, 2)
    if len(kept):
        found |= intervals({"precision": ratio(kept[:, 0], kept.sum(axis=1))}, len(kept))
    return found


def _figures(outcomes: Sequence[Outcome]) -> dict[str, Figure]:
    figures = {
        f"recall_{depth}": mean(np.array([each.recall(depth) for each in outcomes], dtype=float)) for depth in DEPTHS
    }
    return figures | {"mrr": mean(np.array([each.reciprocal for each in outcomes], dtype=float))}


def _compared(theirs: Evaluation, active: Evaluation) -> Evaluation:
    """With how it differs from the active version, on the queries that both can answer."""
    before = {(each.query.owner.pk, each.query.text): each for each in active.outcomes}
    pairs = [
        (before[key], each) for each in theirs.outcomes if (key := (each.query.owner.pk, each.query.text)) in before
    ]
    if not pairs:
        return theirs
    ours_figures, their_figures = (_figures([pair[side] for pair in pairs]) for side in (0, 1))
    return replace(theirs, against_active=differences(ours_figures, their_figures, len(pairs)))
