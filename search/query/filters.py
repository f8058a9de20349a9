"""What the filters of a query mean: a condition on pictures, for SQL."""

from collections.abc import Callable, Iterable
from datetime import date, datetime, time

from django.db.models import F, Q
from django.utils import timezone

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


def condition(filters: Iterable[Filter], *, viewer: Viewer) -> Q:
    """The pictures that all filters let through: of several with one field and no sign, one is enough; each with "+"
    has to hold, none with "-" may. Empty where there are no filters."""
    together = Q()
    either: dict[str, Q] = {}
    for part in filters:
        meaning = _meaning(part, viewer)
        if part.sign == "-":
            together &= ~meaning
        elif part.sign == "+":
            together &= meaning
        else:
            either[part.field] = either[part.field] | meaning if part.field in either else meaning
    for meaning in either.values():
        together &= meaning
    return together


def _meaning(part: Filter, viewer: Viewer) -> Q:
    meanings: dict[str, Callable[[], Q]] = {
        "by": lambda: _by(part.value, viewer),
        "camera": lambda: Q(camera_make__icontains=part.value) | Q(camera_model__icontains=part.value),
        "place": lambda: _place(part.value, viewer),
        "orientation": lambda: ORIENTATIONS[part.value.lower()],
        "is": lambda: _is(part.value.lower(), viewer),
        "tag": lambda: Q(pk__in=ImageTag.objects.filter(tag__key=folded(part.value)).values("image")),
        "album": lambda: _album(part.value, viewer),
        "text": lambda: fulltext.readable(part.value),
        "before": lambda: _taken(*part.days),
        "after": lambda: _taken(*part.days),
        "on": lambda: _taken(*part.days),
    }
    return meanings[part.field]()


def _album(title: str, viewer: Viewer) -> Q:
    albums = Album.objects.listed_for(viewer).filter(key=folded(title))
    return Q(pk__in=AlbumImage.objects.filter(album__in=albums).values("image"))


def _place(name: str, viewer: Viewer) -> Q:
    """What coordinates tell, they tell the owner alone."""
    return Q(place__icontains=name) & (Q(place_by_person=True) | Q(owner_id=viewer.pk))


def _is(state: str, viewer: Viewer) -> Q:
    if state == "favourite":
        return Q(pk__in=Favourite.objects.filter(person_id=viewer.pk).values("image"))
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
