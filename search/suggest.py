"""What may be meant while somebody types: `suggestions` completes the word or filter at the end of a text.

Whatever comes from pictures comes from those listed for the viewer, read at each question: nothing is kept between
them that might tell one person of another's. Only the latest pictures are read, so that it costs the same however
many there are.
"""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import chain
from typing import Literal

from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from gallery.models import Image, Viewer, Visibility
from search.models import SavedSearch
from search.query import dates
from search.query.fulltext import STOP_WORDS
from search.query.parse import SYNONYMS
from search.query.terms import FIELDS, LONGEST_TEXT, QUOTES, Filter, clean

MOST = 8
# Of the viewer's own pictures and of everybody's public ones, so many of the latest are read.
LATEST = 5_000
# Letters of a word that must be there before pictures are asked, and before a filter's value is found without its name.
SHORTEST_WORD = 2
SHORTEST_VALUE = 3

# What no picture has yet: see search.query.filters.
UNUSED_FIELDS = {"tag", "album"}
PERIODS = (
    "today", "yesterday", "last week", "last month", "last summer", "last winter", "last year", "this year",
)  # fmt: skip

Kind = Literal["field", "value", "word", "search"]

_OPENERS, _CLOSERS = "".join(QUOTES), "".join(sorted(set("".join(QUOTES.values()))))
_TOKEN = re.compile(
    rf"""[-+]?(?:(?P<field>[^\W\d_][\w-]*)[:：])?
    (?:(?P<quote>[{_OPENERS}])(?P<quoted>(?:\\.|[^\\{_CLOSERS}])*)(?P<closed>[{_CLOSERS}]\S*)?|(?P<bare>\S*))""",
    re.VERBOSE,
)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")


@dataclass(frozen=True)
class Suggestion:
    """`text` is what the box would hold: all of it for a past search, else what stood before the cursor, completed.

    `label` is what to show of it, `note` a sentence beside it. `is_whole`: it is a query to run, not a part of one.
    """

    kind: Kind
    text: str
    label: str
    note: str = ""

    @property
    def is_whole(self) -> bool:
        return self.kind == "search"


@dataclass(frozen=True)
class _End:
    """The unfinished part at the end of a text: `before` it stands what stays; `sign` is its minus or plus."""

    before: str
    sign: str
    field: str
    value: str
    is_quoted: bool

    def completed(self, kind: Kind, part: Filter | str, note: str = "") -> Suggestion:
        label = f"{self.sign}{part}"
        gap = "" if label.endswith(":") else " "
        return Suggestion(kind, f"{self.before}{label}{gap}", label, note)


def suggestions(*, viewer: Viewer, text: str) -> list[Suggestion]:
    """At most eight ways to go on from `text`, what stands in the box before the cursor. At most six SQL statements.

    Field names and their choices; cameras, people and caption words of pictures listed for the viewer; their own
    searches.
    """
    typed = clean(f"{text}|")[:-1]
    if len(typed) > LONGEST_TEXT:
        return []
    end = _end_of(typed)
    searches = _searches(viewer, typed.strip())
    if end is None:
        return searches[:MOST]
    if end.field:
        return list(chain(_values(end, viewer), searches))[:MOST]
    if end.is_quoted or not end.value:
        return searches[:MOST]
    # How many of each there is always room for; what is left over goes to words and searches.
    fixed = [*_fields(end)[:2], *_known_values(end)[:1], *_of_pictures(end, viewer)[:2]]
    words = _words(end, viewer) if len(end.value) >= SHORTEST_WORD and _WORD.fullmatch(end.value) else []
    room = MOST - len(fixed)
    some = words[: max(room - len(searches), room - 2)]
    return [*fixed, *some, *searches][:MOST]


def _end_of(typed: str) -> _End | None:
    """What is being typed; None where that is between two words, or something whose end is clear."""
    at = 0
    while token := _TOKEN.match(typed, at):
        if token.end() == len(typed):
            break
        at = max(token.end(), at + 1)
        while at < len(typed) and typed[at].isspace():
            at += 1
    if not token or token["closed"] or not token[0]:
        return None
    field, sign = token["field"] or "", token[0][0] if token[0][0] in "-+" else ""
    known = field.lower() if field.lower() in FIELDS else SYNONYMS.get(field.lower(), "")
    if field and not known:
        return None
    is_quoted = token["quote"] is not None
    value = token["quoted"] if is_quoted else token["bare"]
    return _End(typed[:at], sign, known, value.lower(), is_quoted)


def _searches(viewer: Viewer, typed: str) -> list[Suggestion]:
    """The viewer's own, saved and past, that hold what is typed: first those that begin with it."""
    if viewer.pk is None:
        return []
    own = SavedSearch.objects.filter(owner_id=viewer.pk).exclude(text=typed)
    found = own.filter(Q(text__icontains=typed) | Q(name__icontains=typed)).order_by(
        "-is_saved", "-last_used_at", "-pk"
    )
    ordered = sorted(found[: 4 * MOST], key=lambda search: not search.text.lower().startswith(typed.lower()))
    return [
        Suggestion("search", each.text, each.name or each.text, "Saved search" if each.is_saved else "Past search")
        for each in ordered[:MOST]
    ]


def _fields(end: _End) -> list[Suggestion]:
    """Fields that begin with what is typed, or are called so by others."""
    names = [name for name in FIELDS if name.startswith(end.value) and name not in UNUSED_FIELDS]
    if len(end.value) >= SHORTEST_VALUE:
        names += [field for synonym, field in SYNONYMS.items() if synonym.startswith(end.value)]
    return [end.completed("field", f"{name}:", FIELDS[name].sentence) for name in dict.fromkeys(names)]


def _known_values(end: _End) -> list[Suggestion]:
    """Choices of any field that begin with what is typed."""
    if len(end.value) < SHORTEST_VALUE:
        return []
    return [
        end.completed("value", Filter(kind.name, choice), kind.sentence)
        for kind in FIELDS.values()
        for choice in kind.choices
        if choice.startswith(end.value)
    ]


def _values(end: _End, viewer: Viewer) -> list[Suggestion]:
    """Ways to go on after a field's colon."""
    kind = FIELDS[end.field]
    values: Iterable[str]
    if kind.is_date:
        today = timezone.localdate()
        periods = (*PERIODS, str(today.year), str(today.year - 1), today.strftime("%Y-%m"))
        values = (each for each in periods if dates.read_period(each, today=today) and each.startswith(end.value))
    elif kind.choices:
        values = (choice for choice in kind.choices if choice.startswith(end.value))
    else:
        sources = {"by": _people, "camera": _cameras}
        values = sources[kind.name](end.value, viewer) if kind.name in sources else []
    return [end.completed("value", Filter(kind.name, value)) for value in values]


def _of_pictures(end: _End, viewer: Viewer) -> list[Suggestion]:
    """A person and a camera that begin with what is typed."""
    if len(end.value) < SHORTEST_VALUE:
        return []
    people = [end.completed("value", Filter("by", name), FIELDS["by"].sentence) for name in _people(end.value, viewer)]
    cameras = [
        end.completed("value", Filter("camera", name), FIELDS["camera"].sentence)
        for name in _cameras(end.value, viewer)
    ]
    return [*people[:1], *cameras[:1]]


def _people(prefix: str, viewer: Viewer) -> list[str]:
    """Whose pictures are listed for the viewer, by their names; "me" is the viewer."""
    me = ["me"] if viewer.pk is not None and "me".startswith(prefix) else []
    latest = _latest(Image.objects.filter(visibility=Visibility.PUBLIC))
    found = Image.objects.filter(pk__in=latest, owner__username__istartswith=prefix)
    return [*me, *found.values_list("owner__username", flat=True).order_by("owner__username").distinct()[:MOST]]


def _cameras(prefix: str, viewer: Viewer) -> list[str]:
    """Makes that have a word which begins so, and the models that do or are of such a make; the most used first."""
    begins = re.compile(rf"(?:^|\s){re.escape(prefix)}", re.IGNORECASE)
    count: Counter[str] = Counter()
    for latest in _listed(viewer):
        found = Image.objects.filter(pk__in=latest).exclude(camera_make="", camera_model="")
        for make, model, pictures in found.values_list("camera_make", "camera_model").annotate(Count("pk")):
            fitting = {make} if begins.search(make) else set()
            fitting |= {model} if begins.search(f"{make} {model}") else set()
            count.update({name.strip(): pictures for name in fitting if name.strip()})
    return sorted(count, key=lambda name: (-count[name], name))[:MOST]


def _words(end: _End, viewer: Viewer) -> list[Suggestion]:
    """Words of captions that begin with what is typed; the most frequent first."""
    count: Counter[str] = Counter()
    for latest in _listed(viewer):
        captions = Image.objects.filter(pk__in=latest, description__icontains=end.value)
        for caption in captions.values_list("description", flat=True):
            count.update({word for word in _WORD.findall(caption.lower()) if word.startswith(end.value)})
    for word in (end.value, *STOP_WORDS):
        del count[word]
    return [end.completed("word", word) for word in sorted(count, key=lambda word: (-count[word], word))[:MOST]]


def _listed(viewer: Viewer) -> list[QuerySet[Image, int]]:
    """The latest of what is listed for the viewer, in two parts, each of which an index gives in order."""
    public = _latest(Image.objects.filter(visibility=Visibility.PUBLIC))
    if viewer.pk is None:
        return [public]
    return [public, _latest(Image.objects.filter(owner_id=viewer.pk))]


def _latest(images: QuerySet[Image]) -> QuerySet[Image, int]:
    return images.order_by("-sort_date", "-id").values_list("pk", flat=True)[:LATEST]
