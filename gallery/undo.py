"""Undo: what an action changed is remembered in the session of whoever did it, and taken back when they ask for it.

Only what the action really changed is remembered: a picture that had a tag before keeps it. Whoever undoes must own,
or see, the picture then as they did before.
"""

import secrets
from collections.abc import Callable, Iterable, MutableMapping
from dataclasses import dataclass
from datetime import datetime
from time import time
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.albums import Removal, album_put_back, album_remove
from gallery.albums_deleted import album_delete, album_restore
from gallery.details import image_set_taken
from gallery.exceptions import NothingToUndo
from gallery.favourites import favourites_add, favourites_remove
from gallery.models import Album, AlbumImage, DeletedAlbum, Image, ImageQuerySet, User
from gallery.services import image_set_visibility, image_set_words
from gallery.tags import images_tag, images_untag
from gallery.trash import images_restore
from gallery.wording import grouped

KEY = "undo"
MESSAGE_TAG = "undo-"  # begins the extra tags of a message that has an Undo button
MOST = 10  # of a session; the last ones
SECONDS = 60 * 60

Session = MutableMapping[str, Any]
Words = dict[str, str | bool | None]
"""Title, notes and place, whose the place is, and when it was taken."""


@dataclass(frozen=True)
class Change:
    """What an action changed: the name of its way back, and for that plain values, which a session can keep."""

    kind: str
    values: dict[str, Any]


def trashed(image_ids: Iterable[int]) -> list[Change]:
    return _changes("trash", ids=list(image_ids))


def tagged(tags: dict[str, list[int]]) -> list[Change]:
    """Of what images_tag answered."""
    return _changes("tag", tags={name: ids for name, ids in tags.items() if ids})


def untagged(name: str, image_ids: list[int]) -> list[Change]:
    return _changes("untag", ids=image_ids, name=name)


def added_to_album(album: Album, image_ids: list[int], *, is_new: bool = False) -> list[Change]:
    """`is_new`: the album was made for them, and goes again where nothing else came into it."""
    return _changes("album", ids=image_ids, album=album.pk, is_new=is_new)


def taken_out_of_album(album: Album, removal: Removal) -> list[Change]:
    return _changes("out", positions=list(removal.positions.items()), cover=removal.cover_id, album=album.pk)


def album_deleted(deleted: DeletedAlbum) -> list[Change]:
    return _changes("album-deleted", deleted=deleted.pk)


def favoured(image_ids: list[int]) -> list[Change]:
    return _changes("favourite", ids=image_ids)


def unfavoured(image_ids: list[int]) -> list[Change]:
    return _changes("unfavourite", ids=image_ids)


def visibility_set(image: Image, *, before: str, after: str) -> list[Change]:
    return _changes("visibility", ids=[image.pk], before=str(before), after=str(after)) if before != after else []


def words_of(image: Image) -> Words:
    return {
        "title": image.title,
        "notes": image.notes,
        "place": image.place,
        "place_by_person": image.place_by_person,
        "taken_at": image.taken_at.isoformat() if image.taken_at else None,
    }


def words_set(image: Image, *, before: Words) -> list[Change]:
    after = words_of(image)
    return _changes("words", ids=[image.pk], before=before, after=after) if before != after else []


def _changes(kind: str, **values: Any) -> list[Change]:
    """None where the first of the values says that nothing changed."""
    return [Change(kind, values)] if next(iter(values.values())) else []


def remember(session: Session, changes: Iterable[Change]) -> str:
    """Keeps what one action changed; the name by which `undo` knows it."""
    name = secrets.token_hex(8)
    kept = [entry for entry in session.get(KEY, []) if entry["at"] > time() - SECONDS]
    entry = {"name": name, "at": time(), "changes": [[change.kind, change.values] for change in changes]}
    session[KEY] = [*kept, entry][-MOST:]
    return name


def undo(session: Session, *, name: str, person: User) -> str:
    """Takes back what is remembered by this name, once; what was undone, in a sentence. Raises NothingToUndo."""
    remembered = session.get(KEY, [])
    entry = next((entry for entry in remembered if entry["name"] == name), None)
    session[KEY] = [each for each in remembered if each["name"] != name]
    if entry is None or entry["at"] <= time() - SECONDS:
        raise NothingToUndo(_("That was undone already, or is too long ago."))
    # the last change first, as far as somebody else hasn't undone it
    sentences = [WAYS_BACK[kind](person, values) for kind, values in reversed(entry["changes"])]
    if not any(sentences):
        raise NothingToUndo(_("There was nothing left to undo."))
    return " ".join(filter(None, sentences))


def _untrash(person: User, values: dict[str, Any]) -> str:
    number = images_restore(images=_own(person, values["ids"]), by=person)
    return (
        ngettext("%(number)s picture back from the trash.", "%(number)s pictures back from the trash.", number)
        % {"number": grouped(number)}
        if number
        else ""
    )


def _untag(person: User, values: dict[str, Any]) -> str:
    tags = values["tags"].items()
    lost = [images_untag(owner=person, images=_own(person, ids), name=name) for name, ids in tags]
    return _("The tags are off again: %(tags)s.") % {"tags": ", ".join(values["tags"])} if any(lost) else ""


def _tag_again(person: User, values: dict[str, Any]) -> str:
    new = images_tag(owner=person, images=_own(person, values["ids"]), names=[values["name"]])
    return _("Tagged again: %(name)s.") % {"name": values["name"]} if any(new.values()) else ""


def _out_of_album(person: User, values: dict[str, Any]) -> str:
    album = Album.objects.filter(pk=values["album"]).first()
    if album is None:
        return ""
    removal = album_remove(album=album, images=_own(person, values["ids"]), by=person)
    if values["is_new"] and album.owner_id == person.pk and not AlbumImage.objects.filter(album=album).exists():
        if deleted := album_delete(album=album, by=person):
            deleted.delete()  # nobody looks for it in the trash
        return _("The album “%(album)s” is gone again; its pictures stayed.") % {"album": album}
    number = len(removal.positions)
    return (
        ngettext(
            "%(number)s picture taken out of “%(album)s” again.",
            "%(number)s pictures taken out of “%(album)s” again.",
            number,
        )
        % {"number": grouped(number), "album": album}
        if number
        else ""
    )


def _back_into_album(person: User, values: dict[str, Any]) -> str:
    album = Album.objects.addable_by(person).filter(pk=values["album"]).first()
    if album is None:
        return ""
    removal = Removal(dict(values["positions"]), values["cover"])
    number = len(album_put_back(album=album, removal=removal, by=person))
    return (
        ngettext("%(number)s picture back in “%(album)s”.", "%(number)s pictures back in “%(album)s”.", number)
        % {"number": grouped(number), "album": album}
        if number
        else ""
    )


def _album_back(person: User, values: dict[str, Any]) -> str:
    deleted = DeletedAlbum.objects.filter(owner=person, pk=values["deleted"]).first()
    album = deleted and album_restore(deleted=deleted, by=person)
    return _("The album “%(album)s” is back.") % {"album": album} if album else ""


def _unfavour(person: User, values: dict[str, Any]) -> str:
    number = len(favourites_remove(person=person, images=Image.with_trash.filter(pk__in=values["ids"])))
    return (
        ngettext(
            "%(number)s picture no longer among your favourites.",
            "%(number)s pictures no longer among your favourites.",
            number,
        )
        % {"number": grouped(number)}
        if number
        else ""
    )


def _favour_again(person: User, values: dict[str, Any]) -> str:
    number = len(favourites_add(person=person, images=Image.with_trash.filter(pk__in=values["ids"])))
    return (
        ngettext(
            "%(number)s picture among your favourites again.",
            "%(number)s pictures among your favourites again.",
            number,
        )
        % {"number": grouped(number)}
        if number
        else ""
    )


def _show_as_before(person: User, values: dict[str, Any]) -> str:
    image = _own(person, values["ids"]).filter(visibility=values["after"]).first()
    if image is None:
        return ""
    image_set_visibility(image=image, visibility=values["before"])
    return _("Who may see it is as it was. %(visibility)s.") % {"visibility": image.get_visibility_display()}


def _words_as_before(person: User, values: dict[str, Any]) -> str:
    image = _own(person, values["ids"]).first()
    if image is None or words_of(image) != values["after"]:
        return ""
    before = dict(values["before"])
    taken = before.pop("taken_at")
    image_set_words(image=image, **before)
    if taken != values["after"]["taken_at"]:
        image_set_taken(image=image, taken_at=datetime.fromisoformat(taken) if taken else None)
    return _("Title, place, date and notes are as they were.")


WAYS_BACK: dict[str, Callable[[User, dict[str, Any]], str]] = {
    "trash": _untrash,
    "tag": _untag,
    "untag": _tag_again,
    "album": _out_of_album,
    "out": _back_into_album,
    "album-deleted": _album_back,
    "favourite": _unfavour,
    "unfavourite": _favour_again,
    "visibility": _show_as_before,
    "words": _words_as_before,
}


def _own(person: User, image_ids: Iterable[int]) -> ImageQuerySet:
    return Image.with_trash.filter(owner=person, pk__in=image_ids)
