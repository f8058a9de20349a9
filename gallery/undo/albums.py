"""What is done with albums and what is in them, and the ways back from it."""

from contextlib import suppress
from datetime import datetime
from typing import Any

from django.db import transaction
from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.albums import (
    Cover,
    Move,
    Removal,
    album_cover_back,
    album_move_back,
    album_put_back,
    album_remove,
    album_rename,
)
from gallery.albums_deleted import album_delete, album_restore
from gallery.models import Album, AlbumImage, DeletedAlbum, User
from gallery.undo import Change, changed, own, told, way_back


def added_to_album(album: Album, image_ids: list[int], *, is_new: bool = False) -> list[Change]:
    """`is_new`: the album was made for them, and goes again where nothing else came into it."""
    return changed("album", ids=image_ids, album=album.pk, is_new=is_new)


@way_back("album")
def _out_of_album(person: User, values: dict[str, Any]) -> str:
    album = Album.objects.filter(pk=values["album"]).first()
    if album is None:
        return ""
    with transaction.atomic():
        removal = album_remove(album=album, images=own(person, values["ids"]), by=person)
        if values["is_new"] and (gone := _made_for_nothing(album, person)):
            return gone
    number = len(removal.positions)
    sentence = ngettext(
        "%(number)s picture taken out of “%(album)s” again.",
        "%(number)s pictures taken out of “%(album)s” again.",
        number,
    )
    return told(number, sentence, album=album)


def _made_for_nothing(album: Album, person: User) -> str:
    """Deletes an album that its owner made and that is empty, under its lock; what became of it. It goes for good where
    nobody else ever saw it, since nobody looks for it in the trash then."""
    if album.owner_id != person.pk or AlbumImage.objects.filter(album=album).exists():
        return ""
    with suppress(Http404):  # somebody else was quicker
        if deleted := album_delete(album=album, by=person):
            if any(deleted.contents[name] for name in ("places", "members", "links")):
                trashed = _("The album “%(album)s” is in the trash, where nobody else sees it; its pictures stayed.")
                return trashed % {"album": album}
            deleted.delete()
            return _("The album “%(album)s” is gone again; its pictures stayed.") % {"album": album}
    return ""


def taken_out_of_album(album: Album, removal: Removal) -> list[Change]:
    return changed("out", **removal_values(removal), album=album.pk)


@way_back("out")
def _back_into_album(person: User, values: dict[str, Any]) -> str:
    album = Album.objects.addable_by(person).filter(pk=values["album"]).first()
    if album is None:
        return ""
    return said_back(album, len(album_put_back(album=album, removal=removal_of(values), by=person)))


def removal_values(removal: Removal) -> dict[str, Any]:
    """A removal as values of a change, the pictures first; `removal_of` reads them."""
    positions = list(removal.positions.items())
    return {"positions": positions, "cover": removal.cover_id, "removed_at": removal.at.isoformat()}


def removal_of(values: dict[str, Any]) -> Removal:
    return Removal(dict(values["positions"]), values["cover"], datetime.fromisoformat(values["removed_at"]))


def said_back(album: Album, number: int) -> str:
    """So many pictures are back in an album; "" for none."""
    sentence = ngettext("%(number)s picture back in “%(album)s”.", "%(number)s pictures back in “%(album)s”.", number)
    return told(number, sentence, album=album)


def album_deleted(deleted: DeletedAlbum) -> list[Change]:
    return changed("album-deleted", deleted=deleted.pk)


@way_back("album-deleted")
def _album_back(person: User, values: dict[str, Any]) -> str:
    deleted = DeletedAlbum.objects.filter(owner=person, pk=values["deleted"]).first()
    album = deleted and album_restore(deleted=deleted, by=person)
    return _("The album “%(album)s” is back.") % {"album": album} if album else ""


def album_renamed(album: Album, *, before: str, after: str) -> list[Change]:
    """`before`: "" where nothing changed."""
    return changed("album-renamed", before=before, after=after, album=album.pk)


@way_back("album-renamed")
def _title_as_before(person: User, values: dict[str, Any]) -> str:
    album, before = _seen(person, values), values["before"]
    with suppress(Http404):  # they may not manage it any more
        if album and album_rename(album=album, title=before, by=person, only_as=values["after"]):
            return _("The album is called “%(album)s” again.") % {"album": before}
    return ""


def cover_set(album: Album, cover: Cover | None) -> list[Change]:
    return [Change("cover", {"before": cover.before, "after": cover.after, "album": album.pk})] if cover else []


@way_back("cover")
def _cover_as_before(person: User, values: dict[str, Any]) -> str:
    album, cover = _seen(person, values), Cover(values["before"], values["after"])
    with suppress(Http404):  # they may not manage it any more
        if album and (back := album_cover_back(album=album, cover=cover, by=person)):
            is_same = back.after == cover.before
            said = _("The cover of “%(album)s” is what it was.") if is_same else _("“%(album)s” has no cover any more.")
            return said % {"album": album}
    return ""


def moved(album: Album, move: Move | None) -> list[Change]:
    if move is None:
        return []
    return changed("moved", image=move.image_id, before=move.before, after=move.after, album=album.pk)


@way_back("moved")
def _back_to_its_place(person: User, values: dict[str, Any]) -> str:
    album = _seen(person, values)
    move = Move(values["image"], tuple(values["before"]), tuple(values["after"]))
    with suppress(Http404):  # they may not manage it any more
        if album and album_move_back(album=album, move=move, by=person):
            return _("The picture is back in its place in “%(album)s”.") % {"album": album}
    return ""


def _seen(person: User, values: dict[str, Any]) -> Album | None:
    return Album.objects.listed_for(person).filter(pk=values["album"]).first()
