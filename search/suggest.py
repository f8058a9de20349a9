"""What may be meant while somebody types: `suggestions` completes the word or filter at the end of a text.

Whatever comes from pictures comes from those listed for the viewer, read at each question: nothing is kept between
them that might tell one person of another's. Only the latest pictures are read, so that it costs the same however
many there are, and their rows only for what no index holds.
"""

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Any, Literal, NamedTuple

from django.db.models import Exists, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import (
    Album,
    AlbumImage,
    AlbumMember,
    Favourite,
    Image,
    ImageQuerySet,
    User,
    Viewer,
    Visibility,
)
from gallery.names import folded
from gallery.tags import tags_of
from search.models import SavedSearch
from search.query import dates
from search.query.fulltext import STOP_WORDS
from search.query.ids import columns
from search.query.parse import SYNONYMS
from search.query.terms import FIELDS, LONGEST_TEXT, QUOTES, Filter, clean

MOST = 8
# Of the viewer's own pictures, of those shared with them and of everybody's public ones, so many of the latest are read
# each. What is shared is looked for among the last uploaded in each of the albums that changed last, and of favourites.
LATEST = 1_000
ALBUMS, IN_ALBUM = 20, 250
# Letters of a word that must be there before pictures are asked, and before a filter's value is found without its name.
SHORTEST_WORD = 2
SHORTEST_VALUE = 3

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


class _Seen(NamedTuple):
    """What suggestions come from, of one picture: what indexes hold, and the rest where it was asked for."""

    owner_id: int
    make: str
    model: str
    caption: str = ""
    tag_words: str = ""
    place: str = ""
    place_by_person: bool = False


_Latest = Mapping[int, _Seen]
"""The latest pictures listed for the viewer, by their keys."""
_IN_INDEX = ("owner_id", "camera_make", "camera_model")
_IN_ROW = ("description", "tag_words", "place", "place_by_person")


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

    Field names and their choices; cameras, places, people, tags and caption words of pictures listed for the viewer;
    their own albums and searches.
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
    latest = _latest(viewer, *_IN_ROW) if len(end.value) >= SHORTEST_WORD and _WORD.match(end.value) else {}
    fixed = [*_fields(end)[:2], *_known_values(end, latest, viewer)]
    words = [end.completed("word", word) for word in _words(end.value, latest)]
    # Past searches leave room for two words at least.
    room = MOST - len(fixed)
    return [*fixed, *words[: max(room - len(searches), room - 2, 2)], *searches][:MOST]


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
        Suggestion(
            "search", each.text, each.name or each.text, _("Saved search") if each.is_saved else _("Past search")
        )
        for each in ordered[:MOST]
    ]


def _fields(end: _End) -> list[Suggestion]:
    """Fields that begin with what is typed, or are called so by others."""
    names = [name for name in FIELDS if name.startswith(end.value)]
    if len(end.value) >= SHORTEST_VALUE:
        names += [field for synonym, field in SYNONYMS.items() if synonym.startswith(end.value)]
    return [end.completed("field", f"{name}:", FIELDS[name].sentence) for name in dict.fromkeys(names)]


def _known_values(end: _End, latest: _Latest, viewer: Viewer) -> list[Suggestion]:
    """A choice, a tag, a person and a camera that begin with what is typed, which doesn't name their fields."""
    if len(end.value) < SHORTEST_VALUE:
        return []
    choices = [(kind.name, choice) for kind in FIELDS.values() for choice in kind.choices]
    found = [
        *[choice for choice in choices if choice[1].startswith(end.value)][:1],
        *[("tag", name) for name in _tags(end.value, latest, viewer)[:1]],
        *[("by", name) for name in _people(end.value, latest, viewer)[:1]],
        *[("camera", name) for name in _cameras(end.value, latest)[:1]],
        *[("place", name) for name in _places(end.value, latest, viewer)[:1]],
    ]
    return [end.completed("value", Filter(field, value), FIELDS[field].sentence) for field, value in found]


def _values(end: _End, viewer: Viewer) -> list[Suggestion]:
    """Ways to go on after a field's colon."""
    kind = FIELDS[end.field]
    values: Iterable[str]
    if kind.is_date:
        today = timezone.localdate()
        periods = (*PERIODS, str(today.year), str(today.year - 1), today.strftime("%Y-%m"))
        values = (each for each in periods if dates.read_period(each, today=today) and each.startswith(end.value))
    elif kind.name == "tag":
        values = _tags(end.value, _latest(viewer, *_IN_ROW), viewer)
    elif kind.name == "album":
        values = _albums(end.value, viewer)
    elif kind.name == "by":
        values = _people(end.value, _latest(viewer), viewer)
    elif kind.name == "camera":
        values = _cameras(end.value, _latest(viewer))
    elif kind.name == "place":
        values = _places(end.value, _latest(viewer, *_IN_ROW), viewer)
    elif kind.choices:
        values = (choice for choice in kind.choices if choice.startswith(end.value))
    else:
        values = []
    return [end.completed("value", Filter(kind.name, value)) for value in values]


def _tags(prefix: str, latest: _Latest, viewer: Viewer) -> list[str]:
    """Tags that begin with what is typed: of the latest pictures, the most used first, and then the viewer's own.

    Spelt as most of those pictures have it.
    """
    begins = folded(prefix)
    count: Counter[str] = Counter()
    spelt: Counter[tuple[str, str]] = Counter()
    for words, pictures in Counter(seen.tag_words for seen in latest.values()).items():
        for name in words.splitlines():
            if (key := folded(name)).startswith(begins):
                count[key] += pictures
                spelt[key, name] += pictures
    names = dict(sorted(spelt, key=lambda of: (spelt[of], of[1])))
    if viewer.pk is not None:
        own = tags_of(viewer).filter(key__startswith=begins).values_list("key", "name")[:MOST]
        names = dict(own) | names
    return [names[key] for key in sorted(names, key=lambda key: (-count[key], key))[:MOST]]


def _albums(prefix: str, viewer: Viewer) -> list[str]:
    """Titles of albums listed for the viewer that begin with what is typed; the last changed first."""
    found = Album.objects.listed_for(viewer).filter(key__startswith=folded(prefix))
    return list(dict.fromkeys(found.last_changed_first().values_list("title", flat=True)[:MOST]))


def _people(prefix: str, latest: _Latest, viewer: Viewer) -> list[str]:
    """Whose pictures are listed for the viewer, by their names; "me" is the viewer."""
    me = ["me"] if viewer.pk is not None and "me".startswith(prefix) else []
    others = {seen.owner_id for seen in latest.values()} - {viewer.pk}
    names = User.objects.filter(pk__in=others, username__istartswith=prefix).values_list("username", flat=True)
    return [*me, *names.order_by("username")[:MOST]]


def _cameras(prefix: str, latest: _Latest) -> list[str]:
    """Makes that have a word which begins so, and the models that do or are of such a make; the most used first."""
    begins = re.compile(rf"(?:^|\s){re.escape(prefix)}", re.IGNORECASE)
    count: Counter[str] = Counter()
    for (make, model), pictures in Counter((seen.make.strip(), seen.model.strip()) for seen in latest.values()).items():
        fitting = {make} if begins.search(make) else set()
        fitting |= {model} if begins.search(f"{make} {model}") else set()
        count.update(dict.fromkeys(fitting - {""}, pictures))
    return sorted(count, key=lambda name: (-count[name], name))[:MOST]


def _places(prefix: str, latest: _Latest, viewer: Viewer) -> list[str]:
    """Places, and the countries or regions at the end of their names, with a word that begins so; the most frequent
    first."""
    begins = re.compile(rf"(?:^|\s){re.escape(prefix)}", re.IGNORECASE)
    count: Counter[str] = Counter()
    me = viewer.pk  # once: a request's user is looked up anew each time
    # A place that nobody said is its owner's alone.
    told = (seen.place for seen in latest.values() if seen.place_by_person or seen.owner_id == me)
    for place, pictures in Counter(filter(None, told)).items():
        names = {place, place.rpartition(",")[2].strip()}
        count.update({name: pictures for name in names if begins.search(name)})
    return sorted(count, key=lambda name: (-count[name], name))[:MOST]


def _words(prefix: str, latest: _Latest) -> list[str]:
    """Words of captions that begin with what is typed; the most frequent first."""
    captions = (caption for seen in latest.values() if prefix in (caption := seen.caption.lower()))
    words = (word for caption in captions for word in set(_WORD.findall(caption)) if word.startswith(prefix))
    count = Counter(word for word in words if word != prefix and word not in STOP_WORDS)
    return sorted(count, key=lambda word: (-count[word], word))[:MOST]


def _latest(viewer: Viewer, *more: str) -> _Latest:
    """The latest of what is listed for the viewer, with `more` from their rows. One statement in the order of an index,
    or three, of which two go so."""
    parts = [Image.objects.filter(visibility=Visibility.PUBLIC)]
    if viewer.pk is not None:
        parts += [Image.objects.filter(owner_id=viewer.pk), _shared(viewer)]
    latest: dict[int, _Seen] = {}
    for images in parts:
        keys, *values = columns(images.newest_first()[:LATEST], "pk", *_IN_INDEX, *more)
        latest.update(zip(keys, map(_Seen, *values), strict=True))
    return latest


def _shared(viewer: Viewer) -> ImageQuerySet:
    """Other people's that `Image.objects.shared_with` and `marked_by` tell, from the last uploaded."""
    shared = Album.objects.listed_for(viewer).filter(Exists(AlbumMember.objects.filter(album=OuterRef("pk"))))
    albums = Album.objects.filter(pk__in=shared.last_changed_first().values("pk")[:ALBUMS])
    within = AlbumImage.objects.filter(album=OuterRef("pk"))
    of_albums = albums.filter(albumimage__image__gt=_last(within)).values_list("albumimage__image")
    hearts = Favourite.objects.filter(person_id=viewer.pk)
    by_link = hearts.filter(image__gt=_last(hearts), image__visibility=Visibility.LINK, image__owner__is_active=True)
    either = of_albums.union(by_link.values_list("image"), all=True)
    return Image.objects.filter(pk__in=either).exclude(owner_id=viewer.pk)


def _last(rows: QuerySet[Any]) -> Coalesce:
    """The key below those of the last IN_ALBUM pictures of the rows; 0 where there are no more."""
    return Coalesce(Subquery(rows.order_by("-image").values("image")[IN_ALBUM : IN_ALBUM + 1]), 0)
