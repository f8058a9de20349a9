"""The statements of full-text search: which pictures hold words, and which of those are worth ranking, in the SQL of
either database."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, count
from typing import Any, Literal, NamedTuple

from django.db import connection
from django.db.models import QuerySet
from django.db.models.expressions import RawSQL

from gallery.models import Image, ImageQuerySet
from search.query.fulltext_schema import OWN, PARTS, TEXT, WORDS, Part

# SQLite ranks about a thousand pictures in a millisecond. Words in more than these are frequent, and of the pictures
# that hold frequent words alone, so many are ranked, the newest.
MOST_RANKED = 3_000

Operator = Literal["AND", "OR"]
Source = Literal["caption", "captioner", "text", "own"]


@dataclass(frozen=True)
class Kind:
    """Where a source's words are kept, and what they count (SQL) in each column of that part, in their order."""

    source: Source
    part: Part
    weights: tuple[str, ...]


class Sql(NamedTuple):
    text: str
    params: Sequence[Any]


class Listed(NamedTuple):
    """A statement for the pictures to find among; on SQLite, those of `only` alone, where that isn't None."""

    text: str
    params: Sequence[Any]
    only: Sequence[int] | None


KINDS = (
    # A camera's file names say nothing, but nobody looks for their words either; all other names are a person's words.
    Kind("caption", WORDS, ("CASE WHEN listed.description_by_person THEN 1 ELSE 0 END", "0.2")),
    Kind("captioner", WORDS, ("CASE WHEN listed.description_by_person THEN 0 ELSE 1 END", "0")),
    Kind("text", TEXT, ("1",)),
    Kind("own", OWN, ("1", "0.5", "1")),
)


def columns_to_rank(images: ImageQuerySet) -> QuerySet[Image, Any]:
    """Of the pictures, what matching and ranking asks of them."""
    if not is_postgresql():
        return images.values("pk", "description_by_person")
    documents = {part.column: RawSQL(f"gallery_image.{part.column}", []) for part in PARTS}  # noqa: S611  constants
    return images.values("pk", "description_by_person", **documents)


def tiers_of(
    listed: Listed, part: Part, required: list[str], optional: list[str], *, counts: Sequence[int], limit: int
) -> dict[str, Sql]:
    """By name, those that are worth ranking of the pictures `listed` that hold any of the terms there; no picture
    twice. Each has its id, a score for each of the part's kinds, and whether it is whole."""
    terms = [*required, *optional]
    scores = [_score(kind, terms) for kind in KINDS if kind.part is part]
    first, whole = f"{part.table}_first", _is_whole(part, required, optional)
    if is_postgresql():
        match, params = _match(part, terms, "OR", table="listed")
        return {first: _selected([*scores, whole], listed, "listed", Sql(match, params))}
    # "+": else SQLite may ask the index once for each picture, rather than once
    match, only = f"{part.table} MATCH %s AND +{part.table}.rowid = listed.pk", []
    if listed.only is not None:  # before each is looked up
        match += f" AND +{part.table}.rowid IN (SELECT value FROM json_each(%s))"  # noqa: S608  a constant
        only = [json.dumps(listed.only)]
    order = f"ORDER BY {part.table}.rowid DESC LIMIT"
    one, *more = _tier_expressions(terms, counts)
    is_whole = Sql("TRUE", []) if one == _expression(terms, "AND") else whole
    best = Sql(f"{match} {order} {MOST_RANKED}", [one, *only])
    tiers = {first: _selected([*scores, is_whole], listed, part.table, best)}
    for two in more:
        most = f"{MOST_RANKED}"
        if not required:  # then these lack others, and count for nothing where enough lack none
            whole = Sql("FALSE", [])
            most = f"CASE WHEN (SELECT count(*) FROM {first} WHERE whole) < {limit:d} THEN {MOST_RANKED} ELSE 0 END"  # noqa: S608
        rest = Sql(f"{match} AND listed.pk NOT IN (SELECT id FROM {first}) {order} {most}", [two, *only])  # noqa: S608
        tiers[f"{part.table}_second"] = _selected([*scores, whole], listed, part.table, rest)
    return tiers


def _selected(columns: list[Sql], listed: Listed, table: str, condition: Sql) -> Sql:
    source = f"({listed.text}) AS listed" + ("" if table == "listed" else f", {table}")
    text = f"SELECT pk, {', '.join(column.text for column in columns)} FROM {source} WHERE {condition.text}"  # noqa: S608
    return Sql(text, [*(each for column in columns for each in column.params), *listed.params, *condition.params])


def _tier_expressions(terms: list[str], counts: Sequence[int]) -> list[str]:
    """In the language of FTS5: what holds a rare word or else all of the words, and what holds frequent ones, two at
    least if there are more. BM25 counts a word as often as it stands here, which does no harm (see docs/why.md) but
    takes its time: for each, all pictures that hold it are counted."""
    ordered = sorted(zip(counts, terms, strict=True))
    rare = [term for (_, term), total in zip(ordered, accumulate(sorted(counts)), strict=True) if total <= MOST_RANKED]
    anything = _expression(terms, "OR")
    if len(terms) == 1 or len(rare) == len(terms):
        return [anything]
    others = [term for _, term in ordered[len(rare) :]]
    # "AND anything": frequent words count, too, for what holds a rare one
    first = f"({_expression(rare, 'OR')} AND {anything})" if rare else _expression(terms, "AND")
    return [first, _two_of(others) if len(others) > (1 if rare else 2) else _expression(others, "OR")]


def _two_of(terms: list[str]) -> str:
    """What holds two of them at least: one of each half, or else two of one half. Each stands there about as often as
    the logarithm of their number says."""
    half = len(terms) // 2
    sides = terms[:half], terms[half:]
    both = f"({_expression(sides[0], 'OR')} AND {_expression(sides[1], 'OR')})"
    return "(" + " OR ".join([both, *(_two_of(side) for side in sides if len(side) > 1)]) + ")"


def count_holders(terms: list[str]) -> dict[str, Sequence[int]]:
    """By the name of a part, how many pictures hold each of the terms there, or that they are too many to rank. One
    statement; none where it says nothing that `find` would use."""
    if is_postgresql() or len(terms) == 1:
        return {part.table: [0] * len(terms) for part in PARTS}
    totals = [
        f"(SELECT count(*) FROM (SELECT 1 FROM {part.table} WHERE {part.table} MATCH %s LIMIT {MOST_RANKED + 1}))"  # noqa: S608
        for part in PARTS
        for _ in terms
    ]
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {', '.join(totals)}", [_expression([term], "OR") for term in terms] * len(PARTS))
        found = cursor.fetchone()
    return {part.table: found[start : start + len(terms)] for part, start in zip(PARTS, count(step=len(terms)))}


def ids_holding(terms: list[str], operator: Operator = "OR", parts: Iterable[Part] = PARTS) -> RawSQL:
    """The pictures that hold any or all of the terms in one of the parts."""
    selects, params = list[str](), list[str]()
    for part in parts:
        match, more = _match(part, terms, operator)
        source = "id FROM gallery_image" if is_postgresql() else f"rowid FROM {part.table}"
        selects.append(f"SELECT {source} WHERE {match}")
        params += more
    return RawSQL(" UNION ALL ".join(selects), params)  # noqa: S611  values are parameters


def _match(part: Part, terms: list[str], operator: Operator, table: str = "gallery_image") -> tuple[str, list[str]]:
    if is_postgresql():
        return f"{table}.{part.column} @@ {_tsquery(terms, operator)}", terms
    return f"{part.table} MATCH %s", [_expression(terms, operator)]


def _expression(terms: list[str], operator: Operator) -> str:
    """In the language of FTS5. Terms have no quotes left in them, so that in quotes they are only words."""
    return "(" + f" {operator} ".join(f'"{term}"' for term in terms) + ")"


def _tsquery(terms: list[str], operator: Operator) -> str:
    """Constant to the planner, since both functions are immutable. The terms are its parameters."""
    sign = " && " if operator == "AND" else " || "
    return "(" + sign.join(["phraseto_tsquery('search_english', search_fold(%s))"] * len(terms)) + ")"


def _score(kind: Kind, terms: list[str]) -> Sql:
    if not is_postgresql():
        return Sql(f"-bm25({', '.join([kind.part.table, *kind.weights])})", [])
    first, second, third, *_ = (*kind.weights, "0", "0")
    # the weights of D and of a part's second, third and first column; 1: divided by 1 + log(number of words)
    weights = f"ARRAY[0, {second}, {third}, {first}]::real[]"
    return Sql(f"ts_rank({weights}, listed.{kind.part.column}, {_tsquery(terms, 'OR')}, 1)", terms)


def _is_whole(part: Part, required: list[str], optional: list[str]) -> Sql:
    """Whether all of the words are there, beside those that have to be anyway."""
    if not optional or len(optional) + len(required) == 1:
        return Sql("TRUE", [])
    if is_postgresql():
        return Sql(*_match(part, optional, "AND", table="listed"))
    ids = ids_holding(optional, "AND", (part,))
    return Sql(f"listed.pk IN ({ids.sql})", ids.params)


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"
