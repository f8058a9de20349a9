"""What the filters of a query mean: a condition on pictures, for SQL."""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime, time
from typing import Any

from django.db.models import Exists, F, OuterRef, Q, QuerySet
from django.utils import timezone

from gallery import cameras, narrowing
from gallery.models import Album, AlbumImage, Favourite, Image, ImageTag, Viewer, Visibility
from gallery.names import folded
from search.query import fulltext
from search.query.terms import Filter

ORIENTATIONS = {
    "portrait": Q(height__gt=F("width")),
    "landscape": Q(width__gt=F("height")),
    "square": Q(width=F("height")),
}
STATES = {
    "unsure": Q(description_unsure=True),
    "animated": Q(frames__gt=1),
    "private": Q(visibility=Visibility.PRIVATE),
    "shared": Q(visibility=Visibility.LINK),
    "public": Q(visibility=Visibility.PUBLIC),
}
NOTHING = Q(pk__in=[])


def few(filters: Sequence[Filter], *, viewer: Viewer, most: int) -> set[int] | None:
    """The ids of all that is listed for the viewer and let through, None where they are more than `most`. One SQL
    statement, and one more for a camera."""
    rows, others = _looked_up(filters, viewer)
    images = Image.objects.listed_for(viewer).filter(condition(others, viewer=viewer, is_walked=True))
    return narrowing.few(images, among=rows, most=most)


def _looked_up(filters: Sequence[Filter], viewer: Viewer) -> tuple[Sequence[QuerySet[Any]], Sequence[Filter]]:
    """What those filters let through that have an index of their own, and the filters that are yet to ask."""
    ways: dict[str, Callable[[list[str]], Sequence[QuerySet[Any]]]] = {
        "is": lambda states: [_hearts(viewer)] if {*map(str.lower, states)} == {"favourite"} else [],
        "tag": lambda names: [_tagged(name) for name in names],
        "album": lambda titles: [_in_album(title, viewer).values("image").distinct() for title in titles],
        "camera": cameras.by_name,
    }
    for field, way in ways.items():
        wanted = [part for part in filters if part.field == field and part.sign != "-"]
        some = [part for part in wanted if part.sign == "+"][:1] or wanted
        if some and (rows := way([part.value for part in some])):
            # A camera's names are compared here, but else by the database.
            return rows, [part for part in filters if part not in some or field == "camera"]
    return [], filters


def condition(filters: Iterable[Filter], *, viewer: Viewer, is_walked: bool = False) -> Q:
    """The pictures that all filters let through: of several with one field and no sign, one is enough; each with "+"
    has to hold, none with "-" may. Empty where there are no filters. `is_walked`: asked of one picture after the other,
    of which many are let through."""
    together = Q()
    either: dict[str, Q] = {}
    for part in filters:
        meaning = _meaning(part, viewer, is_walked)
        if part.sign == "-":
            together &= ~meaning
        elif part.sign == "+":
            together &= meaning
        else:
            either[part.field] = either[part.field] | meaning if part.field in either else meaning
    for meaning in either.values():
        together &= meaning
    return together


def _meaning(part: Filter, viewer: Viewer, is_walked: bool) -> Q:
    meanings: dict[str, Callable[[], Q]] = {
        "by": lambda: _by(part.value, viewer),
        "camera": lambda: cameras.has_name_with(part.value),
        "place": lambda: _place(part.value, viewer),
        "orientation": lambda: ORIENTATIONS[part.value.lower()],
        "is": lambda: _is(part.value.lower(), viewer, is_walked),
        "tag": lambda: _linked(_tagged(part.value), is_walked),
        "album": lambda: _linked(_in_album(part.value, viewer), is_walked),
        "text": lambda: fulltext.readable(part.value),
        "before": lambda: _taken(*part.days),
        "after": lambda: _taken(*part.days),
        "on": lambda: _taken(*part.days),
    }
    return meanings[part.field]()


def _linked(links: QuerySet[Any], is_walked: bool) -> Q:
    """The pictures of these links: all at once or, as they come along, each by itself."""
    return Q(Exists(links.filter(image=OuterRef("pk")))) if is_walked else Q(pk__in=links.values("image"))


def _tagged(name: str) -> QuerySet[ImageTag]:
    return ImageTag.objects.filter(tag__key=folded(name))


def _in_album(title: str, viewer: Viewer) -> QuerySet[AlbumImage]:
    return AlbumImage.objects.filter(album__in=Album.objects.listed_for(viewer).filter(key=folded(title)))


def _hearts(viewer: Viewer) -> QuerySet[Favourite]:
    return Favourite.objects.filter(person_id=viewer.pk)


def _place(name: str, viewer: Viewer) -> Q:
    """What coordinates tell, they tell the owner alone."""
    return Q(place__icontains=name) & (Q(place_by_person=True) | Q(owner_id=viewer.pk))


def _is(state: str, viewer: Viewer, is_walked: bool) -> Q:
    if state == "favourite":
        return _linked(_hearts(viewer), is_walked)
    if state == "shared-with-me":
        return Q(pk__in=Image.objects.shared_with(viewer).values("pk"))
    return STATES[state]


def _by(name: str, viewer: Viewer) -> Q:
    if name.lower() == "me":
        return Q(owner_id=viewer.pk) if viewer.pk is not None else NOTHING
    return Q(owner__username__iexact=name)


def _taken(first: date | None, end: date | None) -> Q:
    taken = Q()
    if first is not None:
        taken &= Q(sort_date__gte=_midnight(first))
    if end is not None:
        taken &= Q(sort_date__lt=_midnight(end))
    return taken


def _midnight(day: date) -> datetime:
    return timezone.make_aware(datetime.combine(day, time.min))
