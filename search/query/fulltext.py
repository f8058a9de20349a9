"""The full-text legs of search: pictures whose caption, file name or text in the picture holds the words. No vectors.

Both databases give the same answers (fulltext_schema.py says how), without most of what holds nothing but frequent
words, which takes long to rank. They order them by formulas of their own: SQLite by BM25, which weighs rare words more;
PostgreSQL by ts_rank, which doesn't know how rare a word is. ts_rank rather than ts_rank_cd: of words any of which will
do, the latter counts each occurrence alike, so that "dog … dog" equals "dog … beach". With both, more of the words and
shorter captions come first, and the caption weighs more than the file name.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise, takewhile
from typing import Any, NamedTuple

from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import Q

from gallery.models import Image, ImageQuerySet, Viewer
from search.query.fulltext_schema import PARTS, TEXT, Part
from search.query.fulltext_sql import (
    KINDS,
    Listed,
    Source,
    columns_to_rank,
    count_holders,
    held,
    ids_holding,
    is_postgresql,
    tiers_of,
)
from search.query.ids import Ids, ids_selected, one_of
from search.query.stemming import stem

# Of each list, what comes after these counts no more. Nobody types as much; who pastes a page, means its beginning.
MOST_TERMS = 64
MOST_WORDS_OF_A_TERM = 64
LONGEST_WORD = 200
# Where no more pictures are let through, they are told by their ids: else each that holds the words is looked up.
MOST_TOLD = 10_000
# Of a line that can be read in a picture, in characters: how much is shown, and how much of it before the first word.
LONGEST_LINE = 80
LEAD = 24

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


EVERYTHING = Q()


class Holders(NamedTuple):
    """The pictures that hold the words, first the `whole` ones, so many, that miss nothing of what was asked for; then
    best first, then newest.

    Not by which score: with BM25 it follows from how many pictures hold a word, private ones included.
    """

    ids: list[int]
    whole: int


def find(
    *,
    viewer: Viewer,
    words: str,
    excluded: Iterable[str] = (),
    required: Iterable[str] = (),
    limit: int,
    where: Q = EVERYTHING,
    only: Sequence[int] | None = None,
) -> dict[Source, Holders]:
    """The pictures listed for the viewer (and among `where`, a condition on Image that repeats none) that hold the
    words: `limit` of each source. "caption" stands for people's captions and for file names, "captioner" for what the
    captioner wrote, "text" for what can be read in the picture, "own" for title, notes and tags.

    One of `words` is enough, and more are better. What is `required` has to be said somewhere, in caption, file name or
    text, and `excluded` nowhere. Whatever of these two has several words means them side by side, and so does a word
    like "black-and-white". Stop words alone find nothing, and nor does `excluded` alone. Of what holds frequent words
    alone, only the newest are found. At most two statements. `only`: the ids of the pictures that all this but `words`
    lets through, listed or not, where they are known: few are quicker found among.
    """
    optional, some = _cleaned(_chunks(words)), _cleaned(required)
    if not (optional or some) or limit <= 0:
        return {}
    images, left_out = Image.objects.listed_for(viewer), list[str]()
    if only is None or len(only) > MOST_TOLD:
        images, only, left_out = images.filter(where, holding(required=some)), None, _cleaned(excluded)
    elif is_postgresql():
        images = images.filter(one_of(only))
    try:
        listed = _listed(images, only, left_out)
    except EmptyResultSet:
        return {}
    counts = count_holders([*some, *optional])
    tables, best, params = list[str](), list[str](), list[Any]()
    for part in PARTS:
        sources = [kind.source for kind in KINDS if kind.part is part]
        tiers = tiers_of(listed[part], part, some, optional, counts=counts[part.table], limit=limit)
        for name, tier in tiers.items():
            tables.append(f"{name} (id, {', '.join(sources)}, whole) AS ({tier.text})")
            params += tier.params
        found = " UNION ALL ".join(f"SELECT * FROM {name}" for name in tiers)  # noqa: S608  constants
        best += [_in_order(source, found, limit) for source in sources]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH {', '.join(tables)} {' UNION ALL '.join(best)}", params)
        rows = cursor.fetchall()
    return {source: Holders([*map(int, ids.split(","))], whole) for source, ids, whole in rows if ids}


def holding(*, required: Iterable[str] = (), excluded: Iterable[str] = ()) -> Q:
    """The pictures that hold all of `required` and none of `excluded`, in caption, file name or text, as a condition on
    Image; empty where neither has more than stop words."""
    where = Q()
    for term in _cleaned(required):
        where &= held([term])
    if terms := _cleaned(excluded):
        where &= ~held(terms)
    return where


def holders(words: Iterable[str], *, limit: int) -> Ids | None:
    """The pictures of everybody, so many of them, ascending, that hold any of the words in caption, file name or text;
    some may be there twice. None where there are no more than stop words."""
    terms = _cleaned(words)
    if not terms:
        return None
    ids = ids_holding(terms)
    return ids_selected(f"{ids.sql} LIMIT {limit:d}", ids.params)


def readable(words: str) -> Q:
    """The pictures in which the words can be read, side by side, stop words too; as a condition on Image."""
    term = _side_by_side(words)
    return held([term], parts=(TEXT,)) if _WORD.search(term) else Q(pk__in=[])


def best_line(text: str, words: str) -> list[tuple[str, bool]]:
    """The line of `text` that has most of the words, as `highlight` has it, from shortly before the first of them on;
    empty where no line has any."""
    lines = [highlight(line, words) for line in text.splitlines()]
    best = max(lines, key=lambda pieces: sum(is_asked for _, is_asked in pieces), default=[])
    if not any(is_asked for _, is_asked in best):
        return []
    line = "".join(piece for piece, _ in best)
    first = sum(len(piece) for piece, _ in takewhile(lambda each: not each[1], best))
    start = line.rfind(" ", 0, first - LEAD) + 1 if first > LEAD else 0
    end = start + LONGEST_LINE
    return highlight(f"{'…' if start else ''}{line[start:end]}{'…' if end < len(line) else ''}", words)


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


def _in_order(source: Source, found: str, limit: int) -> str:
    """Selects the best of a source in one row: their ids, and how many are whole, which come first."""
    order = f"whole DESC, {source} DESC, id DESC"
    # SQLite, which knows no order within an aggregate before 3.44, takes the rows as a limited subquery gives them.
    together = f"string_agg(id::text, ',' ORDER BY {order})" if is_postgresql() else "group_concat(id)"
    best = f"SELECT * FROM ({found}) AS found WHERE {source} > 0 ORDER BY {order} LIMIT {limit:d}"  # noqa: S608  constants
    return f"SELECT '{source}', {together}, count(*) FILTER (WHERE whole) FROM ({best}) AS best"  # noqa: S608


def _listed(images: ImageQuerySet, only: Sequence[int] | None, left_out: list[str]) -> dict[Part, Listed]:
    """For each part. Raises EmptyResultSet."""
    if not left_out:
        return dict.fromkeys(PARTS, Listed(*columns_to_rank(images).query.sql_with_params(), only, left_out))
    among = {part: images.exclude(held(left_out, parts=[each for each in PARTS if each is not part])) for part in PARTS}
    return {
        part: Listed(*columns_to_rank(some).query.sql_with_params(), only, left_out) for part, some in among.items()
    }


def _chunks(words: str) -> Iterator[str]:
    # "dog's" is about a dog: it should find "a dog", and a phrase would not
    return (_POSSESSIVE.sub("", chunk) for chunk in _BREAKS.sub(" ", words).split())


def _cleaned(terms: Iterable[str]) -> list[str]:
    """Each term once, as words with spaces between them; without those that have nothing but stop words."""
    cleaned: dict[str, None] = {}
    for term in terms:
        words = _side_by_side(term)
        if any(_folded(word.group()) not in STOP_WORDS for word in _WORD.finditer(words)):
            cleaned[words] = None
        if len(cleaned) == MOST_TERMS:
            break
    return list(cleaned)


def _side_by_side(term: str) -> str:
    """Its words, with spaces between them."""
    words = _SEPARATORS.sub(" ", unicodedata.normalize("NFC", term)).split()[:MOST_WORDS_OF_A_TERM]
    return " ".join(word[:LONGEST_WORD] for word in words)


def _folded(word: str) -> str:
    """In lower case, without the diacritics of Latin letters."""
    if word.isascii():
        return word.lower()
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
    borders = [border.start() for border in _PART.finditer(word)]
    for start, stop in pairwise([0, *borders, len(word)] if borders else []):
        if stem(_folded(word[start:stop])) in wanted:
            yield start, stop
