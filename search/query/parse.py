"""Reads the one search box. Whatever is typed gives a query; mistakes give hints.

    a dog on a beach        free words: one text; "|" between two
    "red car"  -people      a phrase; not this ("+": must be)
    beach^2  "red car"^0.5  how much it counts, 1 if not said
    ~ID  ~ID^2  -~ID        like the picture with this uuid
    tag:beach  -tag:beach   filters (terms.FIELDS); values in quotes where they have spaces
    beach July 2023         a date that ends free words is a filter; quotes keep it as words

What can't be understood is left out and gets a hint, except where it might be meant as words.
"""

import difflib
import re
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from django.utils.text import get_text_list
from django.utils.translation import gettext as _

from gallery.wording import grouped
from search.query import dates
from search.query.terms import (
    FIELDS,
    HEAVIEST,
    LIGHTEST,
    LONGEST_TEXT,
    MOST_PARTS,
    QUOTES,
    FieldKind,
    Filter,
    Hint,
    Like,
    Part,
    Query,
    Sign,
    Text,
    clean,
    quoted,
    write,
)

# What people type for our fields, where it isn't spelled like them.
SYNONYMS = {
    "date": "on",
    "when": "on",
    "since": "after",
    "until": "before",
    "user": "by",
    "owner": "by",
    "ocr": "text",
    "where": "place",
    "location": "place",
}

_CHUNK = re.compile(r"\S+")
_SIGN = re.compile(r"[-+](?=[^\s+-])")
_FIELD = re.compile(r"([^\W\d_][\w-]*)[:：]")  # with the colon of Chinese and Japanese keyboards
_LIKE = re.compile(r"~:?([^\s^]+)")
_WEIGHT = re.compile(r"\^\S*")
_NUMBER = re.compile(r"\d+[.,]?\d*|[.,]\d+", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-?)(?:[0-9a-f]{4}\1){3}[0-9a-f]{12}", re.IGNORECASE)
_COMMA = re.compile(r"(?<=\w),$")


@dataclass(frozen=True)
class _Word:
    text: str
    start: int
    end: int


def parse(text: str, *, today: date) -> Query:
    """The query that a text means. Never raises; `today` is what "last summer" counts from."""
    source = clean(text)
    reader = _Reader(_cut(source), today)
    if len(source) > LONGEST_TEXT:
        end = len(reader.source)
        reader.hint(end, end, _("Only the first %(most)s characters are read.") % {"most": grouped(LONGEST_TEXT)})
    reader.read()
    return reader.query()


def _cut(source: str) -> str:
    """At most the longest text that is read, in whole words."""
    kept = source[:LONGEST_TEXT]
    if len(source) > LONGEST_TEXT and not source[LONGEST_TEXT].isspace():
        kept = kept[: max((at for at, char in enumerate(kept) if char.isspace()), default=LONGEST_TEXT)]
    return kept.rstrip()


class _Reader:
    """Goes through the text once; each method reads one kind of part at `at` and moves past it."""

    def __init__(self, source: str, today: date) -> None:
        self.source = source
        self.today = today
        self.at = 0
        self.runs: list[list[_Word]] = [[]]  # free words; "|" begins the next
        self.parts: list[Part] = []
        self.hints: list[Hint] = []

    def hint(self, start: int, end: int, sentence: str, suggestion: str | None = None, is_mistake: bool = True) -> None:
        self.hints.append(Hint(start, end, sentence, suggestion, is_mistake))

    def read(self) -> None:
        while chunk := _CHUNK.search(self.source, self.at):
            self.at = chunk.start()
            sign: Sign = ""
            if mark := _SIGN.match(self.source, self.at):
                sign = "-" if mark[0] == "-" else "+"
                self.at += 1
            field = _FIELD.match(self.source, self.at)
            if chunk[0] == "|":
                self.at = chunk.end()
                self.runs.append([])
            elif self.source[self.at] in QUOTES:
                self._phrase(sign)
            elif like := _LIKE.match(self.source, self.at):
                self._like(like, sign)
            elif field and field[1].lower() in FIELDS:
                self._filter(field, sign)
            else:
                if field:
                    self._unknown_field(field)
                self._word(sign, chunk.end())

    def query(self) -> Query:
        """What was read, in the order in which it is written, within the limits."""
        for run in self.runs:
            self._free_words(run)
        texts = sorted((part for part in self.parts if isinstance(part, Text)), key=lambda text: not text.is_plain)
        pictures = [part for part in self.parts if isinstance(part, Like)]
        filters = [part for part in self.parts if isinstance(part, Filter)]
        parts: tuple[Part, ...] = tuple(dict.fromkeys([*texts, *pictures, *filters]))
        # The written text may be longer than the typed one, and has to be readable, too.
        kept = parts[:MOST_PARTS]
        while len(write(kept)) > LONGEST_TEXT:
            kept = kept[:-1]
        if len(kept) < len(parts):
            end = len(self.source)
            self.hint(
                end,
                end,
                _("That is more than can be looked for at once: only %(number)s parts of it are.")
                % {"number": len(kept)},
            )
        return Query(kept, tuple(sorted(self.hints, key=lambda hint: hint.start)), self.source)

    def _phrase(self, sign: Sign) -> None:
        start = self.at
        words = " ".join(self._quoted().split())
        weight = self._weight()
        if words:
            self.parts.append(Text(words, sign, exact=True, weight=weight))
        else:
            self.hint(start, self.at, _("There is nothing between the quotes."))

    def _like(self, like: re.Match[str], sign: Sign) -> None:
        self.at = like.end()
        weight = self._weight()
        if _UUID.fullmatch(like[1]):
            self.parts.append(Like(UUID(like[1]), "-" if sign == "-" else "", weight))
        else:
            # Not as words: letters and digits of a broken ID would find anything.
            sentence = _("“%(text)s” is no picture's ID. It stands in the address of a picture's page.") % {
                "text": like[1]
            }
            self.hint(like.start(), like.end(), sentence)

    def _filter(self, field: re.Match[str], sign: Sign) -> None:
        kind = FIELDS[field[1].lower()]
        self.at = field.end()
        value = self._value(kind)
        if kind.is_date:
            value = " ".join(value.split())
        if not value:
            self._empty_value(kind, field)
            return
        if kind.choices:
            value = value.lower()
            if value not in kind.choices:
                sentence = _("“%(name)s:” can be %(choices)s, not “%(value)s”.") % {
                    "name": kind.name,
                    "choices": _any_of(kind.choices),
                    "value": value,
                }
                self.hint(field.start(), self.at, sentence, _respelled(kind, value))
                return
        period = dates.read_period(value, today=self.today) if kind.is_date else None
        if kind.is_date and period is None:
            sentence = _(
                "“%(value)s” can't be read as a date. Try 2024, 2024-07, 2024-07-14, July 2023 or last summer."
            ) % {"value": value}
            self.hint(field.start(), self.at, sentence, self._recent(kind, value))
            return
        self.parts.append(Filter(kind.name, value, sign, period))

    def _value(self, kind: FieldKind) -> str:
        """What stands after the colon: in quotes, or up to the next space; dates take the words they need."""
        if self.source[self.at : self.at + 1] in QUOTES:
            value = self._quoted()
            if weight := _WEIGHT.match(self.source, self.at):
                self.at = weight.end()
                self.hint(weight.start(), weight.end(), _("A filter has no weight: it holds or it doesn't."), "")
            return value
        for count in range(dates.LONGEST_DATE if kind.is_date else 1, 0, -1):
            words = re.compile(r"\S+" + r"\s+\S+" * (count - 1)).match(self.source, self.at)
            if words and (count == 1 or dates.read_period(words[0], today=self.today)):
                self.at = words.end()
                return words[0]
        return ""

    def _empty_value(self, kind: FieldKind, field: re.Match[str]) -> None:
        """The suggestion draws the next word to the colon, if there is one."""
        gap = len(self.source[self.at :]) - len(self.source[self.at :].lstrip())
        is_followed = self.at == field.end() and gap > 0
        end = self.at + gap if is_followed else self.at
        sentence = _("“%(name)s:” says nothing without a value right after it.") % {"name": kind.name}
        self.hint(field.start(), end, sentence, f"{kind.name}:" if is_followed else None)

    def _recent(self, kind: FieldKind, value: str) -> str | None:
        """A month without its year is rather the last one."""
        value = f"last {value}"
        return str(Filter(kind.name, value)) if dates.read_period(value, today=self.today) else None

    def _unknown_field(self, field: re.Match[str]) -> None:
        """Says so where it looks like a field: not in an address, a path or `a::b`, nor for "Note: …"."""
        name, value = field[1].lower(), self.source[field.end() : field.end() + 1]
        nearest = [SYNONYMS[name]] if name in SYNONYMS else difflib.get_close_matches(name, FIELDS, n=1)
        has_value = bool(value) and not value.isspace()
        if len(name) == 1 or value in ("/", "\\", ":") or not (has_value or nearest):
            return
        known = _any_of([f"{kind}:" for kind in FIELDS])
        suggestion = f"{nearest[0]}:" if nearest else None
        sentence = _("There is no “%(field)s:” to filter by, so these are words. There is %(known)s.") % {
            "field": field[1],
            "known": known,
        }
        self.hint(field.start(), field.end(), sentence, suggestion)

    def _word(self, sign: Sign, end: int) -> None:
        start = self.at
        base, mark, _ = self.source[start:end].partition("^")
        weight = 1.0
        # A smiley such as :^) has no weight.
        if mark and any(char.isalnum() or not char.isascii() for char in base):
            self.at += len(base)
            weight = self._weight()
        else:
            base = self.source[start:end]
        self.at = end
        if sign or weight != 1:
            self.parts.append(Text(base, sign, weight=weight))
        else:
            self.runs[-1].append(_Word(base, start, start + len(base)))

    def _free_words(self, words: list[_Word]) -> None:
        """One text of what stands between the operators, without the dates at its end."""
        while found := dates.trailing_date([word.text for word in words], today=self.today):
            taken, words = words[-found.words :], words[: -found.words]
            date_filter = Filter(found.field, found.value, period=found.period)
            self.parts.append(date_filter)
            start, end, text = taken[0].start, taken[-1].end, " ".join(word.text for word in taken)
            is_together = " ".join(self.source[start:end].split()) == text
            sentence = _("Read “%(text)s” as a date: %(filter)s") % {"text": text, "filter": date_filter}
            self.hint(start, end, sentence, quoted(text) if is_together else None, is_mistake=False)
            if words:
                words[-1] = _Word(_COMMA.sub("", words[-1].text), words[-1].start, words[-1].end)
        if words:
            self.parts.append(Text(" ".join(word.text for word in words)))

    def _quoted(self) -> str:
        """The text between quotes. One that isn't closed goes on to the end."""
        start, closers = self.at, QUOTES[self.source[self.at]]
        chars: list[str] = []
        escapable = {"\\", *QUOTES}
        self.at += 1
        while self.at < len(self.source):
            char = self.source[self.at]
            if char == "\\" and self.source[self.at + 1 : self.at + 2] in escapable:
                self.at += 1
                char = self.source[self.at]
            elif char in closers:
                self.at += 1
                return "".join(chars).strip()
            chars.append(char)
            self.at += 1
        value = "".join(chars).strip()
        self.hint(start, self.at, _("This quote isn't closed, so it goes on to the end."), quoted(value))
        return value

    def _weight(self) -> float:
        """The number after "^", if there is one: 1 where it says nothing."""
        mark = _WEIGHT.match(self.source, self.at)
        if mark is None:
            return 1.0
        self.at = mark.end()
        number = mark[0][1:]
        weight = round(float(number.replace(",", ".")), 2) if _NUMBER.fullmatch(number) else 0.0
        if LIGHTEST <= weight <= HEAVIEST:
            return weight
        sentence = _("What stands after ^ says how much something counts: %(least)s to %(most)s.") % {
            "least": format(LIGHTEST, "g"),
            "most": format(HEAVIEST, "g"),
        }
        self.hint(mark.start(), mark.end(), sentence, f"^{HEAVIEST:g}" if weight > HEAVIEST else "")
        return 1.0


def _respelled(kind: FieldKind, value: str) -> str | None:
    nearest = difflib.get_close_matches(value, kind.choices, n=1)
    return f"{kind.name}:{nearest[0]}" if nearest else None


def _any_of(names: list[str] | tuple[str, ...]) -> str:
    return get_text_list(list(names), _("or"))
