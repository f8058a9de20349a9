"""Albums: people's own pictures in an order of their own. A picture may be in several, and stays when an album goes.

Whatever changes what is in an album locks its row first, so that no two pictures come to share a position. Pictures
that have to be locked as well are locked before it, so that no two writers wait for each other.

`by` is who does it: what they are to the album is asked under that lock, and Http404 raised where they may not (any
more). None: nobody is asked.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import BigIntegerField, Case, Count, F, Max, OuterRef, Q, QuerySet, Subquery, When
from django.db.models.functions import Coalesce
from django.http import Http404
from django.utils import timezone

from gallery.chunks import AT_ONCE, in_chunks
from gallery.counted import holders, recount
from gallery.models import Album, AlbumImage, AlbumMember, AlbumQuerySet, Image, ImageQuerySet, User, Viewer
from gallery.names import folded, tidy
from gallery.permissions import MANAGE, album_role, is_at_least
from gallery.selectors import ImagePage


@dataclass(frozen=True)
class ListedAlbum:
    """An album as lists show it, and the picture in `front`: the cover, else the first."""

    album: Album
    front: Image | None


@dataclass(frozen=True)
class Removal:
    """What was taken out of an album: the positions of the pictures by their ids, the one that was its cover; when."""

    positions: Mapping[int, int]
    cover_id: int | None = None
    at: datetime = field(default_factory=timezone.now)


Neighbours = tuple[int | None, int | None]
"""The ids of the pictures before and behind one in an album, None at an end; those in the trash count too."""


@dataclass(frozen=True)
class Move:
    """A picture that was moved in an album: between which it stood, and between which it stands since."""

    image_id: int
    before: Neighbours
    after: Neighbours


@dataclass(frozen=True)
class Cover:
    """What an album's cover was, and what it is since; None where it has none."""

    before: int | None
    after: int | None


def albums_listed(*, viewer: Viewer) -> list[ListedAlbum]:
    """The albums that the viewer may see, the last changed first, with their owners and with whom they are shared.
    Three SQL statements."""
    return albums_of(Album.objects.listed_for(viewer).last_changed_first())


def albums_of(albums: AlbumQuerySet) -> list[ListedAlbum]:
    """Albums, in their order, as lists show them. Three SQL statements."""
    rows: list[Any] = list(albums.annotate(front_id=front_of()).with_sharing().select_related("owner"))
    fronts = Image.objects.with_renditions().in_bulk([row.front_id for row in rows])
    return [ListedAlbum(row, fronts.get(row.front_id)) for row in rows]


def front_of(album: str = "pk", cover: str = "cover") -> Coalesce:
    """For an annotation: the id of the picture in front of an album, its cover, else its first. `album` and `cover`
    lead there from what is annotated."""
    covers = Image.objects.filter(pk=OuterRef(cover)).values("pk")
    kept = AlbumImage.objects.filter(album=OuterRef(album), image__trashed_at=None)
    first = kept.order_by("position").values("image")[:1]
    return Coalesce(Subquery(covers), Subquery(first), output_field=BigIntegerField())


def album_page(*, album: Album, after: int, size: int) -> ImagePage:
    """The pictures behind position `after`, in the album's order, with their renditions and stages prefetched."""
    kept = AlbumImage.objects.filter(album=album, image__trashed_at=None)
    places = kept.filter(position__gt=after).select_related("image").order_by("position")
    found = list(places.prefetch_related("image__renditions", "image__stages")[: size + 1])
    shown = found[:size]
    return ImagePage([place.image for place in shown], str(shown[-1].position) if len(found) > size else None)


def album_create(*, owner: User, title: str) -> Album:
    """A new album, without pictures. Two albums may have one title."""
    return Album.objects.create(owner=owner, title=tidy(title), key=folded(title))


def album_number(*, album: Album, image: Image) -> tuple[int, int]:
    """Which picture of an album one is, counted from 1, and how many are in it."""
    kept = AlbumImage.objects.filter(album=album, image__trashed_at=None)
    position = AlbumImage.objects.filter(album=album, image=image).values("position")
    counted = kept.aggregate(until=Count("pk", filter=Q(position__lte=Subquery(position))), all=Count("pk"))
    return counted["until"], counted["all"]


def album_rename(*, album: Album, title: str, by: Viewer | None = None, only_as: str | None = None) -> str:
    """Gives an album another title, where it has this one still (`only_as`). The title that it had; "" where nothing
    changed."""
    with transaction.atomic():
        _lock_for_manager(album, by)
        kept = Album.objects.filter(pk=album.pk)
        before = kept.values_list("title", flat=True).first() or ""
        if before == tidy(title) or only_as not in (None, before):
            return ""
        kept.update(title=tidy(title), key=folded(title), updated_at=timezone.now())
    return before


def album_add(*, album: Album, images: ImageQuerySet, by: User | None = None) -> list[int]:
    """Puts pictures of one person, by default the album's owner, at its end, the oldest first; others' and those that
    it has are left out.

    The ids of those that were put in: none where the album was deleted meanwhile, or the person may not add to it.
    """
    person = by.pk if by else album.owner_id
    with transaction.atomic():
        # locked, so that none is deleted before it is in the album
        own = list(images.filter(owner=person).locked())
        if not _lock(album) or not _adders(album).filter(pk=person).exists():
            return []
        known = set(AlbumImage.objects.filter(album=album, image__in=own).values_list("image_id", flat=True))
        new = sorted((image for image in own if image.pk not in known), key=lambda image: (image.sort_date, image.pk))
        last = AlbumImage.objects.filter(album=album).aggregate(last=Max("position", default=0))["last"]
        places = [
            AlbumImage(album=album, image=image, owner_id=image.owner_id, position=last + at)
            for at, image in enumerate(new, start=1)
        ]
        AlbumImage.objects.bulk_create(places)
        recount(Album, [album.pk], updated_at=timezone.now())
    return [image.pk for image in new]


def album_remove(*, album: Album, images: ImageQuerySet, by: Viewer | None = None) -> Removal:
    """Takes pictures out of an album, the cover too; which. They stay in the library. Who may not manage it takes out
    their own alone, and those always."""
    with transaction.atomic():
        _lock(album)
        if by is not None and not _is_manager(by, album):
            images = images.filter(owner_id=by.pk)
        covers = Album.objects.filter(pk=album.pk, cover__in=images)
        cover_id = covers.values_list("cover", flat=True).first()
        covers.update(cover=None)
        places = AlbumImage.objects.filter(album=album, image__in=images)
        positions = dict(places.values_list("image", "position"))
        places.delete()
        recount(Album, [album.pk], updated_at=timezone.now())
        return Removal(positions, cover_id)


def album_put_back(*, album: Album, removal: Removal, by: Viewer | None = None) -> list[int]:
    """Puts pictures back where they were in an album, and at its end where another has taken the place; the ids of
    those that were not in it. The cover comes back where the album has none. Who may not manage it puts back their own
    alone, and only while they may add them; others' come back where these have been members all the time since."""
    with transaction.atomic():
        locked = Image.with_trash.lock(removal.positions)
        if not _lock(album):
            return []
        is_manager = by is None or _is_manager(by, album)
        # not of who left meanwhile
        owners = _people(album, since=removal.at) if is_manager else _adders(album).filter(pk=(by and by.pk) or 0)
        back = Image.with_trash.filter(owner__in=owners)
        chunks = in_chunks(locked, AT_ONCE)
        present = {pk: owner for chunk in chunks for pk, owner in back.filter(pk__in=chunk).values_list("pk", "owner")}
        known = dict(AlbumImage.objects.filter(album=album).values_list("position", "image"))
        last = max([*known, *removal.positions.values()], default=0)
        missing = sorted(present.keys() - known.values(), key=removal.positions.__getitem__)
        places = []
        for pk in missing:
            position = removal.positions[pk]
            if position in known:
                position = last = last + 1
            places.append(AlbumImage(album=album, image_id=pk, owner_id=present[pk], position=position))
        AlbumImage.objects.bulk_create(places, batch_size=AT_ONCE)
        recount(Album, [album.pk], updated_at=timezone.now())
        if removal.cover_id in missing:
            Album.objects.filter(pk=album.pk, cover=None).update(cover=removal.cover_id)
    return missing


def album_set_cover(*, album: Album, image: Image, by: Viewer | None = None) -> Cover | None:
    """Lets a picture of the album stand for it; one that isn't in the album, or does already, changes nothing: None."""
    with transaction.atomic():
        Image.with_trash.lock([image.pk])  # so that it isn't deleted meanwhile
        _lock_for_manager(album, by)
        kept = Album.objects.filter(pk=album.pk, images=image)
        before = list(kept.values_list("cover", flat=True))
        if before in ([], [image.pk]):
            return None
        kept.update(cover=image, updated_at=timezone.now())
    return Cover(before[0], image.pk)


def album_cover_back(*, album: Album, cover: Cover, by: Viewer | None = None) -> Cover | None:
    """Lets stand for an album what stood for it before, if that is in it. None where it was not as it was set."""
    with transaction.atomic():
        list(Image.with_trash.filter(pk=cover.before or 0).locked())
        _lock_for_manager(album, by)
        present = AlbumImage.objects.filter(album=album, image=cover.before).values_list("image", flat=True).first()
        kept = Album.objects.filter(pk=album.pk, cover=cover.after)
        is_back = kept.update(cover=present, updated_at=timezone.now())
    return Cover(cover.after, present) if is_back else None


def album_move(
    *, album: Album, image: Image, earlier: bool, all_the_way: bool = False, by: Viewer | None = None
) -> Move | None:
    """Puts a picture before the one before it (`earlier`) or behind the one behind it; `all_the_way`: before or behind
    all of them. None where there is none."""
    with transaction.atomic():
        _lock_for_manager(album, by)
        kept = AlbumImage.objects.filter(album=album, image__trashed_at=None)
        place = kept.filter(image=image).first()
        if place is None:
            return None
        if earlier:
            passed = kept.filter(position__lt=place.position).order_by("-position")
        else:
            passed = kept.filter(position__gt=place.position).order_by("position")
        other = passed.last() if all_the_way else passed.first()
        return _move(place, other.position) if other else None


def album_place(*, album: Album, image: Image, other: Image, by: Viewer | None = None) -> Move | None:
    """Puts a picture of an album where another is, which makes room; None where one of them isn't in it, or both are
    one."""
    with transaction.atomic():
        _lock_for_manager(album, by)
        places = {place.image_id: place for place in AlbumImage.objects.filter(album=album, image__in=[image, other])}
        if image == other or len(places) < 2:  # noqa: PLR2004  both
            return None
        return _move(places[image.pk], places[other.pk].position)


def album_move_back(*, album: Album, move: Move, by: Viewer | None = None) -> bool:
    """Puts a picture behind the one that it stood behind before a move, else before the one that stood behind it. False
    where both are gone, or it was moved again meanwhile."""
    with transaction.atomic():
        _lock_for_manager(album, by)
        before, behind = move.before
        found = AlbumImage.objects.filter(album=album, image__in={move.image_id, before, behind} - {None})
        places = {place.image_id: place for place in found}
        place = places.get(move.image_id)
        if place is None or not any(now == then for now, then in zip(_neighbours(place), move.after, strict=True)):
            return False
        if before in places:
            target = places[before].position + (place.position > places[before].position)
        elif behind in places:
            target = places[behind].position - (place.position < places[behind].position)
        else:
            return False
        return target != place.position and bool(_move(place, target))


def _move(place: AlbumImage, position: int) -> Move:
    """Gives a picture another position; those between the two make room, in one statement however many they are."""
    first, last = sorted((place.position, position))
    before = _neighbours(place)
    step = 1 if position < place.position else -1
    AlbumImage.objects.filter(album=place.album_id, position__range=(first, last)).update(
        position=Case(When(pk=place.pk, then=position), default=F("position") + step)
    )
    Album.objects.filter(pk=place.album_id).update(updated_at=timezone.now())
    place.position = position
    return Move(place.image_id, before, _neighbours(place))


def _neighbours(place: AlbumImage) -> Neighbours:
    others = AlbumImage.objects.filter(album=place.album_id).values_list("image", flat=True)
    before = others.filter(position__lt=place.position).order_by("-position").first()
    behind = others.filter(position__gt=place.position).order_by("position").first()
    return before, behind


def albums_lock(*, image_ids: Iterable[int]) -> None:
    """Locks the albums that hold pictures which the caller has locked and is about to delete."""
    list(Album.objects.filter(pk__in=holders(Album, image_ids)).select_for_update().order_by("pk"))


def _adders(album: Album) -> "QuerySet[User]":
    """Whoever may put pictures of their own in the album."""
    return _owner_and(album.members.filter(role__in=[AlbumMember.Role.ADD, AlbumMember.Role.MANAGE]), album)


def _people(album: Album, *, since: datetime) -> "QuerySet[User]":
    """The owner and those who have been members since then."""
    return _owner_and(album.members.filter(created_at__lte=since), album)


def _owner_and(members: "QuerySet[AlbumMember]", album: Album) -> "QuerySet[User]":
    return User.objects.filter(Q(pk=album.owner_id) | Q(pk__in=members.values("person")))


def _lock_for_manager(album: Album, by: Viewer | None) -> None:
    is_there = _lock(album)
    if by is not None and not (is_there and _is_manager(by, album)):
        raise Http404("No such album.")


def _is_manager(viewer: Viewer, album: Album) -> bool:
    return is_at_least(album_role(viewer=viewer, album=album), MANAGE)


def _lock(album: Album) -> bool:
    """Whether it is there still. Its row isn't changed yet: PostgreSQL would, at a second change, lock the cover, too,
    for which whoever locked pictures first doesn't wait in this order."""
    return bool(list(Album.objects.filter(pk=album.pk).select_for_update(no_key=True).values_list("pk")))
