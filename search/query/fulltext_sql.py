"""The statements of full-text search: which pictures hold words, and which of those are worth ranking, in the SQL of
either database."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Literal, NamedTuple

from django.db import connection
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models import BooleanField, Func, Q, QuerySet
from django.db.models.expressions import RawSQL
from django.db.models.sql.compiler import SQLCompiler

from gallery.models import Image, ImageQuerySet
from search.query.fulltext_schema import OWN, PARTS, TEXT, WORDS, Part

# Either database ranks about a thousand pictures in a millisecond. Words in more than these are frequent, and of the
# pictures that hold frequent words alone, so many are ranked, the newest.
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
    """A statement for the pictures to find among; on SQLite, those of `only` alone, where that isn't None. The terms
    that none may hold in the part that is asked for are `left_out` of the statement: SQLite would first list all that
    do, each time anew."""

    text: str
    params: Sequence[Any]
    only: Sequence[int] | None
    left_out: list[str]


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
    one, *more = _tier_expressions(terms, counts)
    is_whole = Sql("TRUE", []) if one == _together("AND", terms) else whole
    tiers = {first: _newest(listed, part, [*scores, is_whole], one)}
    for two in more:
        rest, condition = f"listed.pk NOT IN (SELECT id FROM {first})", "TRUE"  # noqa: S608  constants
        if not required:  # then these lack others, and count for nothing where enough lack none
            whole, condition = Sql("FALSE", []), f"(SELECT count(*) FROM {first} WHERE whole) < {limit:d}"  # noqa: S608
        columns = [*scores, whole]
        tiers[f"{part.table}_second"] = _newest(listed, part, columns, two, rest=rest, condition=condition)
    return tiers


def _newest(
    listed: Listed, part: Part, columns: list[Sql], expression: Sql, *, rest: str = "TRUE", condition: str = "TRUE"
) -> Sql:
    """The columns of the newest MOST_RANKED of `rest` that fit the expression; of none unless the `condition` holds,
    whatever the picture."""
    if listed.left_out:
        expression = _without(expression, _together("OR", listed.left_out))
    match, params = _match(part, expression, table="listed")
    source, only = f"({listed.text}) AS listed", list[str]()
    if is_postgresql():
        # Found before they are ranked. Not a condition on the limit: PostgreSQL plans well for one that it knows.
        found = f"{match} AND {rest} AND {condition} ORDER BY pk DESC LIMIT {MOST_RANKED}"
        source = f"(SELECT * FROM {source} WHERE {found}) AS listed"  # noqa: S608  constants
    else:
        # "+": else SQLite may ask the index once for each picture, rather than once
        source = f"{source}, {part.table} WHERE {match} AND +{part.table}.rowid = listed.pk AND {rest}"
        if listed.only is not None:  # before each is looked up
            source += f" AND +{part.table}.rowid IN (SELECT value FROM json_each(%s))"  # noqa: S608  a constant
            only = [json.dumps(listed.only)]
        # A condition on the limit, since SQLite would find them all before it asks for another one.
        source += f" ORDER BY {part.table}.rowid DESC LIMIT CASE WHEN {condition} THEN {MOST_RANKED} ELSE 0 END"
    text = f"SELECT pk, {', '.join(column.text for column in columns)} FROM {source}"  # noqa: S608  constants
    return Sql(text, [*(each for column in columns for each in column.params), *listed.params, *params, *only])


def _tier_expressions(terms: list[str], counts: Sequence[int]) -> list[Sql]:
    """What holds a rare word or else all of the words, and what holds frequent ones, two at least if there are more.
    BM25 counts a word as often as it stands here, which does no harm (see docs/why.md) but takes its time: for each,
    all pictures that hold it are counted."""
    ordered = sorted(zip(counts, terms, strict=True))
    rare = [term for (_, term), total in zip(ordered, accumulate(sorted(counts)), strict=True) if total <= MOST_RANKED]
    if len(terms) == 1 or len(rare) == len(terms):
        return [_together("OR", terms)]
    others = [term for _, term in ordered[len(rare) :]]
    first = _together("OR", rare) if rare else _together("AND", terms)
    if rare and not is_postgresql():  # to BM25, frequent words count for what holds a rare one if they stand here
        first = _joined("AND", [first, _together("OR", terms)])
    return [first, _two_of(others) if len(others) > (1 if rare else 2) else _together("OR", others)]


def _two_of(terms: list[str]) -> Sql:
    """What holds two of them at least: one of each half, or else two of one half. Each stands there about as often as
    the logarithm of their number says."""
    half = len(terms) // 2
    sides = terms[:half], terms[half:]
    both = _joined("AND", [_together("OR", side) for side in sides])
    return _joined("OR", [both, *(_two_of(side) for side in sides if len(side) > 1)])


def count_holders(terms: list[str]) -> dict[str, Sequence[int]]:
    """By the name of a part, how many pictures hold each of the terms there, or that they are too many to rank. One
    statement; none where it says nothing that `find` would use."""
    if len(terms) == 1:
        return {part.table: [0] for part in PARTS}
    with connection.cursor() as cursor:
        cursor.execute(*(_counted_by_postgresql(terms) if is_postgresql() else _counted_by_sqlite(terms)))
        lists = cursor.fetchone()
    counts = [json.loads(each) if isinstance(each, str) else each for each in lists]
    return {part.table: each for part, each in zip(PARTS, counts, strict=True)}


def _counted_by_sqlite(terms: list[str]) -> Sql:
    lists = [
        f"json_array({', '.join([_counted(f'SELECT 1 FROM {part.table} WHERE {part.table} MATCH %s')] * len(terms))})"  # noqa: S608
        for part in PARTS
    ]
    return Sql(f"SELECT {', '.join(lists)}", [_term(term).text for term in terms] * len(PARTS))


def _counted_by_postgresql(terms: list[str]) -> Sql:
    """What the planner's statistics call twice as frequent isn't counted, which takes time by the holder, whatever the
    limit. For what is counted, the index is used, since `term` isn't known when PostgreSQL plans: else it may look
    through half of the pictures rather than at a few thousand here and there."""
    lists = [
        f"""ARRAY(SELECT CASE WHEN term::text IN (SELECT word FROM frequent WHERE attname = '{part.column}')
            THEN {MOST_RANKED + 1} ELSE {_counted(f"SELECT 1 FROM gallery_image WHERE {part.column} @@ term")} END
            FROM asked ORDER BY place)"""  # noqa: S608  constants
        for part in PARTS
    ]
    asked = [_term(term) for term in terms]
    text = f"""WITH asked AS (SELECT * FROM unnest(ARRAY[{", ".join(each.text for each in asked)}])
            WITH ORDINALITY AS asked (term, place)),
        frequent AS (SELECT attname, quote_literal(word) AS word
            FROM pg_stats, unnest(most_common_elems::text::text[], most_common_elem_freqs) AS known (word, share)
            WHERE schemaname = current_schema() AND tablename = 'gallery_image'
            AND share * (SELECT reltuples FROM pg_class WHERE oid = 'gallery_image'::regclass) > {2 * MOST_RANKED})
        SELECT {", ".join(lists)}"""  # noqa: S608  constants
    return Sql(text, [each for term in asked for each in term.params])


def _counted(found: str) -> str:
    return f"(SELECT count(*) FROM ({found} LIMIT {MOST_RANKED + 1}) AS found)"  # noqa: S608  constants


class _Holds(Func):
    """Whether a picture holds any of the terms in one of the parts, told by columns that its model doesn't know."""

    output_field = BooleanField()

    def __init__(self, terms: list[str], parts: Iterable[Part]) -> None:
        super().__init__("pk")
        self.terms, self.parts = terms, parts

    def as_sql(
        self, compiler: SQLCompiler, connection: BaseDatabaseWrapper, *_: Any, **__: Any
    ) -> tuple[str, tuple[str | int, ...]]:
        (pk,) = self.get_source_expressions()
        table = compiler.quote_name_unless_alias(pk.alias)
        matches = [_match(part, _together("OR", self.terms), table) for part in self.parts]
        either = " OR ".join(match for match, _ in matches)
        return f"({either})", tuple(each for _, params in matches for each in params)


def held(terms: list[str], parts: Iterable[Part] = PARTS) -> Q:
    """The pictures that hold any of the terms in one of the parts, as a condition on Image."""
    return Q(_Holds(terms, parts) if is_postgresql() else Q(pk__in=ids_holding(terms, parts=parts)))


def ids_holding(terms: list[str], operator: Operator = "OR", parts: Iterable[Part] = PARTS) -> RawSQL:
    """The pictures that hold any or all of the terms in one of the parts."""
    selects, params = list[str](), list[str]()
    for part in parts:
        match, more = _match(part, _together(operator, terms))
        source = "id FROM gallery_image" if is_postgresql() else f"rowid FROM {part.table}"
        selects.append(f"SELECT {source} WHERE {match}")
        params += more
    return RawSQL(" UNION ALL ".join(selects), params)  # noqa: S611  values are parameters


def _match(part: Part, expression: Sql, table: str = "gallery_image") -> tuple[str, list[str]]:
    if is_postgresql():
        return f"{table}.{part.column} @@ {expression.text}", [*expression.params]
    return f"{part.table} MATCH %s", [expression.text]


def _together(operator: Operator, terms: Iterable[str]) -> Sql:
    return _joined(operator, [_term(term) for term in terms])


def _joined(operator: Operator, expressions: list[Sql]) -> Sql:
    sign = {"AND": "&&", "OR": "||"}[operator] if is_postgresql() else operator
    text = f" {sign} ".join(expression.text for expression in expressions)
    return Sql(f"({text})", [each for expression in expressions for each in expression.params])


def _without(expression: Sql, other: Sql) -> Sql:
    return Sql(
        f"({expression.text} {'&& !!' if is_postgresql() else 'NOT'} {other.text})",
        [*expression.params, *other.params],
    )


def _term(term: str) -> Sql:
    """In the language of FTS5, or for PostgreSQL, to whose planner it is constant: both functions are immutable. Terms
    have no quotes left in them, so that in quotes they are only words."""
    if is_postgresql():
        return Sql("phraseto_tsquery('search_english', search_fold(%s))", [term])
    return Sql(f'"{term}"', [])


def _score(kind: Kind, terms: list[str]) -> Sql:
    if not is_postgresql():
        return Sql(f"-bm25({', '.join([kind.part.table, *kind.weights])})", [])
    first, second, third, *_ = (*kind.weights, "0", "0")
    # the weights of D and of a part's second, third and first column; 1: divided by 1 + log(number of words)
    weights = f"ARRAY[0, {second}, {third}, {first}]::real[]"
    wanted = _together("OR", terms)
    return Sql(f"ts_rank({weights}, listed.{kind.part.column}, {wanted.text}, 1)", wanted.params)


def _is_whole(part: Part, required: list[str], optional: list[str]) -> Sql:
    """Whether all of the words are there, beside those that have to be anyway."""
    if not optional or len(optional) + len(required) == 1:
        return Sql("TRUE", [])
    if is_postgresql():
        return Sql(*_match(part, _together("AND", optional), table="listed"))
    ids = ids_holding(optional, "AND", (part,))
    return Sql(f"listed.pk IN ({ids.sql})", ids.params)


def is_postgresql() -> bool:
    return connection.vendor == "postgresql"
