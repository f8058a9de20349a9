"""What a query is made of, and how it is written.

A query is a tuple of parts: texts, pictures and filters. Its text is canonical: read again, it gives the same query.
"""

from dataclasses import dataclass, field, replace
from datetime import date
from typing import Literal
from uuid import UUID

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from gallery.names import printable
from search.query.dates import Period

LONGEST_TEXT = 1000
MOST_PARTS = 50
HEAVIEST = 10.0
LIGHTEST = 0.01

# "-": must not be so. "+": must be so. "": counts, but need not be.
Sign = Literal["", "+", "-"]

# The marks that open a quotation, and what closes it. Phones make them typographic, each language in its way.
QUOTES = {'"': '"', "“": '”"', "„": '“”"', "”": '”"', "«": '»"', "»": '«»"'}


@dataclass(frozen=True)
class FieldKind:
    """A filter that the box knows: `choices` where only these are possible, else words as typed or a date."""

    name: str
    meaning: Promise
    choices: tuple[str, ...] = ()
    is_date: bool = False

    @property
    def sentence(self) -> str:
        """What it lets through, for people."""
        return str(self.meaning)


FIELDS = {
    kind.name: kind
    for kind in (
        FieldKind("tag", _("Pictures with this tag")),
        FieldKind("album", _("Pictures in this album")),
        FieldKind("by", _("Pictures of this person; “me” is you")),
        FieldKind("before", _("Taken before this date begins"), is_date=True),
        FieldKind("after", _("Taken after this date ends"), is_date=True),
        FieldKind("on", _("Taken on this day, or in this month, season or year"), is_date=True),
        FieldKind("camera", _("Taken with this make or model")),
        FieldKind("place", _("Taken at a place of this name")),
        FieldKind("orientation", _("Upright, wide or neither"), ("portrait", "landscape", "square")),
        FieldKind(
            "is",
            _("Unsure: the caption may be wrong. Shared: by link. Shared-with-me: in albums of others"),
            ("unsure", "animated", "favourite", "private", "shared", "shared-with-me", "public"),
        ),
        FieldKind("text", _("Words that can be read in the picture")),
    )
}


@dataclass(frozen=True)
class Text:
    """Words to look for. `exact`: as a phrase, in this order. Where neither, without sign and weight: free words.

    A text that isn't exact but has a sign or a weight is one word: quotes hold several together.
    """

    words: str
    sign: Sign = ""
    exact: bool = False
    weight: float = 1.0

    @property
    def is_plain(self) -> bool:
        return not (self.sign or self.exact) and self.weight == 1

    def __str__(self) -> str:
        return f"{self.sign}{quoted(self.words) if self.exact else self.words}{_weight(self.weight)}"


@dataclass(frozen=True)
class Like:
    """Pictures that look like the one with this uuid, or ("-") not like it."""

    picture: UUID
    sign: Sign = ""
    weight: float = 1.0

    def __str__(self) -> str:
        return f"{self.sign}~{self.picture}{_weight(self.weight)}"


@dataclass(frozen=True)
class Filter:
    """What a picture has to be, or ("-") must not be, to be listed at all.

    Of several with one field and no sign, one is enough; each with "+" has to hold, none with "-" may.
    """

    field: str
    value: str
    sign: Sign = ""
    period: Period | None = None

    @property
    def days(self) -> tuple[date | None, date | None]:
        """The first day that fits, and the first that is past it; None where there is no such limit."""
        if self.period is None:
            return None, None
        if self.field == "before":
            return None, self.period.start
        return (self.period.end, None) if self.field == "after" else (self.period.start, self.period.end)

    def __str__(self) -> str:
        is_bare = self.value and self.value[0] not in QUOTES and not any(char.isspace() for char in self.value)
        return f"{self.sign}{self.field}:{self.value if is_bare else quoted(self.value)}"


Part = Text | Like | Filter


@dataclass(frozen=True)
class Hint:
    """A sentence about the characters [start, end) of the query's source, and what could stand there instead.

    `is_mistake`: something was left out or not understood; else it only says how something was read.
    """

    start: int
    end: int
    sentence: str
    suggestion: str | None = None
    is_mistake: bool = True


@dataclass(frozen=True)
class Query:
    """What somebody looks for: texts first (free words before the others), then pictures, then filters.

    Queries are equal if their parts are. `source` is what was read, cleaned: the hints point into it.
    """

    parts: tuple[Part, ...] = ()
    hints: tuple[Hint, ...] = field(default=(), compare=False)
    source: str = field(default="", compare=False)

    @property
    def texts(self) -> tuple[Text, ...]:
        return tuple(part for part in self.parts if isinstance(part, Text))

    @property
    def pictures(self) -> tuple[Like, ...]:
        return tuple(part for part in self.parts if isinstance(part, Like))

    @property
    def filters(self) -> tuple[Filter, ...]:
        return tuple(part for part in self.parts if isinstance(part, Filter))

    @property
    def text(self) -> str:
        """The query as one would type it."""
        return write(self.parts)

    def __str__(self) -> str:
        return self.text

    def __bool__(self) -> bool:
        return bool(self.parts)

    def with_filter(self, field: str, value: str, sign: Sign = "") -> str:
        """The text of this query with one more filter; as it is, where it has that one, or nothing is left of `value`.

        Raises ValueError where there is no such field.
        """
        if field not in FIELDS:
            raise ValueError(f"There is no field {field!r}.")
        added = Filter(field, clean(value), sign)
        # Without the periods, which follow from the values.
        known = {replace(part, period=None) for part in self.filters}
        return write(self.parts if not added.value or added in known else (*self.parts, added))

    def without(self, part: Part) -> str:
        """The text of this query without one of its parts."""
        return write(tuple(other for other in self.parts if other != part))

    def corrected(self, hint: Hint) -> str:
        """The text as typed, with a hint's suggestion taken."""
        if hint.suggestion is None:
            return self.source
        return self.source[: hint.start] + hint.suggestion + self.source[hint.end :]


def write(parts: tuple[Part, ...]) -> str:
    """The text of parts. Between free words stands "|", or they would be read as one text."""
    plain = [part.words for part in parts if isinstance(part, Text) and part.is_plain]
    others = [str(part) for part in parts if not (isinstance(part, Text) and part.is_plain)]
    return " ".join([" | ".join(plain), *others] if plain else others)


def quoted(value: str) -> str:
    """A value in quotes; backslashes save the quotes within it."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'


def clean(text: str) -> str:
    """Unicode NFC, without spaces around it; a space for what can't be printed or stored."""
    return printable(text).strip()


def _weight(weight: float) -> str:
    return "" if weight == 1 else f"^{weight:g}"
