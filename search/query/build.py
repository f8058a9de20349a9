"""Queries of programs, from their parts: what `parse` makes of the text of the box, without going through a text."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from search.query import dates
from search.query.parse import parse
from search.query.terms import FIELDS, LONGEST_TEXT, MOST_PARTS, Filter, Like, Part, Query, Sign, Text, clean, write


@dataclass(frozen=True)
class BadPart(Exception):
    """A part means nothing, or there are too many. `sentence` says why, for people."""

    sentence: str

    def __str__(self) -> str:
        return self.sentence


def text_of(words: str, *, sign: Sign = "", is_phrase: bool = False, weight: float = 1.0) -> Text:
    """Words to look for; a phrase must be there as it is. Raises BadPart."""
    words = " ".join(clean(words).split())
    if not words:
        raise BadPart("There are no words in this.")
    holds_together = is_phrase or ((bool(sign) or weight != 1) and " " in words)  # as in the box: see Text
    return Text(words, sign, exact=holds_together, weight=round(weight, 2))


def filter_of(field: str, value: str, *, sign: Sign = "", today: date) -> Filter:
    """What pictures must be, or ("-") must not. Raises BadPart."""
    kind = FIELDS.get(field)
    if kind is None:
        raise BadPart(f"There is no field “{field}”. There are {', '.join(FIELDS)}.")
    value = clean(value)
    if not value:
        raise BadPart(f"“{field}” says nothing without a value.")
    if kind.choices:
        value = value.lower()
        if value not in kind.choices:
            raise BadPart(f"“{field}” can be {', '.join(kind.choices)}; not “{value}”.")
    period = None
    if kind.is_date:
        value = " ".join(value.split())
        period = dates.read_period(value, today=today)
        if period is None:
            raise BadPart(f"“{value}” can't be read as a date. Try 2024, 2024-07, 2024-07-14 or last summer.")
    return Filter(field, value, sign, period)


def query_of(parts: Iterable[Part]) -> Query:
    """A query of these parts, each once, in the order in which they are written. Raises BadPart for too many."""
    order = {Text: 0, Like: 2, Filter: 3}
    kept = sorted(
        dict.fromkeys(parts), key=lambda part: 1 if isinstance(part, Text) and not part.is_plain else order[type(part)]
    )
    if len(kept) > MOST_PARTS:
        raise BadPart(f"That is more than can be looked for at once: {MOST_PARTS} parts are the limit.")
    if len(write(tuple(kept))) > LONGEST_TEXT:
        raise BadPart(f"That is too long: together the parts may have {LONGEST_TEXT:,} characters.")
    return Query(tuple(kept))


def box_text(query: Query, *, today: date) -> str | None:
    """The query as one would type it; None where the box would take it for another, as words that look like a filter
    or a date."""
    return query.text if parse(query.text, today=today) == query else None
