"""The full-text leg of search: pictures whose caption or file name holds the words. No vectors.

Both databases give the same answers (fulltext_schema.py says how), but order them by formulas of their own: SQLite by
BM25, which weighs rare words more; PostgreSQL by ts_rank, which doesn't know how rare a word is. ts_rank rather than
ts_rank_cd: of words any of which will do, the latter counts each occurrence alike, so that "dog … dog" equals "dog …
beach". With both, more of the words and shorter captions come first, and the caption weighs more than the file name.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, groupby, pairwise
from operator import itemgetter
from typing import Literal, NamedTuple, cast

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, Exists, ExpressionWrapper, FloatField, OuterRef, Q, Value
from django.db.models.expressions import Combinable, RawSQL

from gallery.models import Image, ImageQuerySet, Viewer
from search.query.stemming import stem

# Of each list, what comes after these counts no more. Nobody types as much; who pastes a page, means its beginning.
MOST_TERMS = 64
MOST_WORDS_OF_A_TERM = 64
LONGEST_WORD = 200

# English words that say nothing of a picture: PostgreSQL's list without "can", and what apostrophes leave of some.
STOP_WORDS = frozenset(
    """a about above after again against all am an and any are as at be because been before being below between both
    but by d did do does doing don down during each few for from further had has have having he her here hers herself
    him himself his how i if in into is it its itself just ll m me more most my myself no nor not now of off on once
    only or other our ours ourselves out over own re s same she should so some such t than that the their theirs them
    themselves then there these they this those through to too under until up ve very was we were what when where
    which while who whom why will with you your yours yourself yourselves""".split()  # noqa: SIM905  shorter
)

# What Python takes for parts of words and the databases don't: ², ½, ① and their like.
_NUMERALS = "²³¹¼-¾\u2070\u2074-\u2079\u2080-\u2089\u2150-\u215f\u2460-\u249b\u24ea-\u24ff\u2776-\u2793"
# What both databases split words at anyway, and what would be syntax (or, NUL and lone surrogates, an error) to them.
_SEPARATORS = re.compile(rf"[\x00-/:-@\[-`{{-\x9f\ud800-\udfff{_NUMERALS}]+")
# Of these, what parts words in a text for which any word will do; a dot, hyphen, underscore or apostrophe joins them.
_BREAKS = re.compile(r"[\x00-&(-,/:-@\[-^`{-\x9f–—…“”„«»、。，]+")
_POSSESSIVE = re.compile(r"['’]s$", re.IGNORECASE)
_COMBINING = re.compile(r"[\u0300-\u0331]")
_WORD = re.compile(rf"[^\W_{_NUMERALS}](?:[^\W_{_NUMERALS}]|[\u0300-\u0331])*")
# where fulltext_schema splits the words of a file name
_PART = re.compile(r"(?<=[a-z])(?=[A-Z])|(?<=[A-Za-z])(?=[0-9])|(?<=[0-9])(?=[A-Za-z])")


Source = Literal["caption", "captioner"]


class _Weights(NamedTuple):
    """How much words count: in a description by a person or by the captioner, and in a file name."""

    by_person: float
    by_captioner: float
    file_name: float


# A camera's file names say nothing, but nobody looks for their words either; all other names are a person's words.
_WEIGHTS: dict[Source, _Weights] = {"caption": _Weights(1, 0, 0.2), "captioner": _Weights(0, 1, 0)}


@dataclass(frozen=True)
class TextHit:
    """A picture that holds the words. `source`: whose words; "caption" stands for people's captions and for file names,
    "captioner" for what the captioner wrote. `rank` counts from 1 within a source. `is_whole`: nothing that was asked
    for is missing, whoever said it.

    A `score` compares within one source and answer only, and isn't for people's eyes: with BM25 it follows from how
    many pictures hold a word, private ones included.
    """

    image_id: int
    source: Source
    rank: int
    score: float
    is_whole: bool


@dataclass(frozen=True)
class _Terms:
    """What is looked for: each term is one word, or several that stand side by side."""

    optional: list[str]
    required: list[str]
    excluded: list[str]

    def __bool__(self) -> bool:
        """Whether there is something to find, not just something to leave out."""
        return bool(self.optional or self.required)


def find(
    *,
    viewer: Viewer,
    words: str,
    phrases: Iterable[str] = (),
    excluded: Iterable[str] = (),
    required: Iterable[str] = (),
    limit: int,
    where: Q | None = None,
) -> list[TextHit]:
    """The pictures listed for the viewer (and among `where`, about Image) that hold the words: `limit` of each source;
    first those that hold all of them, then best first, then newest.

    One of `words` or `phrases` is enough, and more are better; where something is `required`, they only rank.
    `phrases`, and whatever of `required` and `excluded` has several words, mean these side by side, and so does a word
    like "black-and-white". Stop words alone find nothing, and nor does `excluded` alone. One SQL statement.
    """
    terms = _terms(words, phrases, required, excluded)
    if not terms or limit <= 0:
        return []
    found = _matching(_listed(viewer, where), terms).annotate(
        **{source: _score(terms, weights) for source, weights in _WEIGHTS.items()}, whole=_is_whole(terms)
    )
    try:
        sql, params = found.values("pk", *_WEIGHTS, "whole").query.sql_with_params()
    except EmptyResultSet:
        return []
    best = " UNION ALL ".join(
        f"SELECT * FROM (SELECT '{source}', id, {source}, whole FROM found WHERE {source} > 0"  # noqa: S608  constants
        f" ORDER BY whole DESC, {source} DESC, id DESC LIMIT {limit:d}) AS best_{source}"
        for source in _WEIGHTS
    )
    with connection.cursor() as cursor:
        cursor.execute(f"WITH found (id, {', '.join(_WEIGHTS)}, whole) AS ({sql}) {best}", params)
        return list(_ranked(cursor.fetchall()))


def holding(*, required: Iterable[str] = (), excluded: Iterable[str] = ()) -> Q:
    """The pictures that hold all of `required` and none of `excluded`, as a condition on Image; empty where neither
    has more than stop words."""
    terms = _terms("", (), required, excluded)
    where = Q()
    if terms.required:
        where &= Q(pk__in=_ids(_Terms([], terms.required, [])))
    if terms.excluded:
        where &= ~Q(pk__in=_ids(_Terms(terms.excluded, [], [])))
    return where


def highlight(text: str, words: str) -> list[tuple[str, bool]]:
    """`text` in pieces, and whether each is one of the words as `find` understands them; joined, they are `text` again.

    For a template to escape like any text. Marks the words of a phrase wherever they stand.
    """
    wanted = set(_stems(words))
    pieces: list[tuple[str, bool]] = []
    end = 0
    for word in _WORD.finditer(text):
        for start, stop in _spans(word.group(), wanted):
            start, stop = word.start() + start, word.start() + stop  # noqa: PLW2901
            pieces += [(text[end:start], False), (text[start:stop], True)]
            end = stop
    return [piece for piece in (*pieces, (text[end:], False)) if piece[0]]


def _ranked(rows: Iterable[tuple[Source, int, float, bool]]) -> Iterator[TextHit]:
    """`rows`: source, picture, score, and whether it holds all. A union promises no order."""
    ordered = sorted(rows, key=lambda row: (row[0], -row[3], -row[2], -row[1]))
    for source, hits in groupby(ordered, key=itemgetter(0)):
        for rank, (_, image_id, score, is_whole) in enumerate(hits, start=1):
            yield TextHit(image_id, source, rank, score, bool(is_whole))


def _listed(viewer: Viewer, where: Q | None) -> ImageQuerySet:
    images = Image.objects.listed_for(viewer)
    # Not a filter on the query itself, where a condition on many albums or tags would repeat pictures.
    return images if where is None else images.filter(Exists(Image.objects.filter(where, pk=OuterRef("pk"))))


def _matching(images: ImageQuerySet, terms: _Terms) -> ImageQuerySet:
    if _is_postgresql():
        query, params = _tsquery(terms)
        match = f"gallery_image.search_document @@ ({query})"
        return images.filter(RawSQL(match, params, output_field=BooleanField()))  # noqa: S611  values are parameters
    # "+": else SQLite may ask the index once for each picture, rather than once
    where, params = ["search_fulltext MATCH %s", "+search_fulltext.rowid = gallery_image.id"], [_fts5_query(terms)]
    return cast(ImageQuerySet, images.extra(tables=["search_fulltext"], where=where, params=params))  # noqa: S610


def _ids(terms: _Terms) -> RawSQL:
    if _is_postgresql():
        query, params = _tsquery(terms)
        sql = f"SELECT id FROM gallery_image WHERE search_document @@ ({query})"  # noqa: S608  values are parameters
    else:
        sql, params = "SELECT rowid FROM search_fulltext WHERE search_fulltext MATCH %s", [_fts5_query(terms)]
    return RawSQL(sql, params)  # noqa: S611  see above


def _score(terms: _Terms, weights: _Weights) -> RawSQL:
    description = f"CASE WHEN gallery_image.description_by_person THEN {weights[0]} ELSE {weights[1]} END"
    score, params = f"-bm25(search_fulltext, {description}, {weights.file_name})", list[str]()
    if _is_postgresql():
        query, params = _any_of([*terms.required, *terms.optional])
        # the weights of D, C (file name), B and A (caption); 1: divided by 1 + log(number of words)
        score = f"""ts_rank(ARRAY[0, {weights.file_name}, 0, {description}]::real[], gallery_image.search_document,
            {query}, 1)"""
    return RawSQL(score, params, output_field=FloatField())  # noqa: S611  values are parameters


def _is_whole(terms: _Terms) -> Combinable:
    """Whether all of the words are there."""
    if not terms.optional or len(terms.optional) + len(terms.required) == 1:
        return Value(True, output_field=BooleanField())
    every = _ids(_Terms([], [*terms.required, *terms.optional], []))
    return ExpressionWrapper(Q(pk__in=every), output_field=BooleanField())


def _is_postgresql() -> bool:
    return connection.vendor == "postgresql"


def _fts5_query(terms: _Terms) -> str:
    """In the language of FTS5. Terms have no quotes left in them, so that in quotes they are only words."""

    def joined(operator: str, some: list[str]) -> str:
        return "(" + f" {operator} ".join(f'"{term}"' for term in some) + ")"

    query = joined("OR", terms.optional)
    if terms.required:
        # the first again, so that the others may be missing: bm25 counts those that aren't
        query = f"({joined('AND', terms.required)} AND {joined('OR', [terms.required[0], *terms.optional])})"
    return f"{query} NOT {joined('OR', terms.excluded)}" if terms.excluded else query


def _tsquery(terms: _Terms) -> tuple[str, list[str]]:
    if terms.required:
        query, params = " && ".join([_TSQUERY_TERM] * len(terms.required)), terms.required
    else:
        query, params = _any_of(terms.optional)
    if terms.excluded:
        excluded, more = _any_of(terms.excluded)
        query, params = f"({query}) && !! {excluded}", [*params, *more]
    return query, params


# Constant to the planner, since both functions are immutable.
_TSQUERY_TERM = "phraseto_tsquery('search_english', search_fold(%s))"


def _any_of(terms: list[str]) -> tuple[str, list[str]]:
    return "(" + " || ".join([_TSQUERY_TERM] * len(terms)) + ")", terms


def _terms(words: str, phrases: Iterable[str], required: Iterable[str], excluded: Iterable[str]) -> _Terms:
    return _Terms(
        optional=_cleaned(chain(phrases, _chunks(words))),
        required=_cleaned(required),
        excluded=_cleaned(excluded),
    )


def _chunks(words: str) -> Iterator[str]:
    # "dog's" is about a dog: it should find "a dog", and a phrase would not
    return (_POSSESSIVE.sub("", chunk) for chunk in _BREAKS.sub(" ", words).split())


def _cleaned(terms: Iterable[str]) -> list[str]:
    """Each term once, as words with spaces between them; without those that have nothing but stop words."""
    cleaned: dict[str, None] = {}
    for term in terms:
        words = _SEPARATORS.sub(" ", unicodedata.normalize("NFC", term)).split()[:MOST_WORDS_OF_A_TERM]
        if any(_folded(word.group()) not in STOP_WORDS for word in _WORD.finditer(" ".join(words))):
            cleaned[" ".join(word[:LONGEST_WORD] for word in words)] = None
        if len(cleaned) == MOST_TERMS:
            break
    return list(cleaned)


def _folded(word: str) -> str:
    """In lower case, without the diacritics of Latin letters."""
    decomposed = (unicodedata.normalize("NFD", char) for char in unicodedata.normalize("NFC", word))
    return _COMBINING.sub("", "".join(each[0] if each[0].isascii() else each for each in decomposed)).lower()


def _stems(words: str) -> Iterator[str]:
    for word in _WORD.finditer(" ".join(_chunks(words))):
        if (folded := _folded(word.group())) not in STOP_WORDS:
            yield stem(folded)


def _spans(word: str, wanted: set[str]) -> Iterator[tuple[int, int]]:
    """Where in a word the wanted ones are: all of it, or the parts that count in file names."""
    if stem(_folded(word)) in wanted:
        yield 0, len(word)
        return
    borders = [0, *(border.start() for border in _PART.finditer(word)), len(word)]
    for start, stop in pairwise(borders):
        if stem(_folded(word[start:stop])) in wanted:
            yield start, stop
