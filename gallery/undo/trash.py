"""What is taken out of the trash, and the ways back into it.

What goes back lies there as though it had just been deleted: the days until it goes for good are counted from then, not
from when it was thrown away at first, so that nobody loses anything sooner by changing their mind twice.
"""

from collections.abc import Iterable
from typing import Any

from django.http import Http404
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.albums_deleted import album_delete
from gallery.models import Album, User
from gallery.trash import images_trash
from gallery.undo import Change, changed, own, told, way_back


def restored(image_ids: Iterable[int]) -> list[Change]:
    return changed("restored", ids=list(image_ids))


@way_back("restored")
def _trash_again(person: User, values: dict[str, Any]) -> str:
    number = images_trash(images=own(person, values["ids"]), by=person)
    sentence = ngettext("%(number)s picture back in the trash.", "%(number)s pictures back in the trash.", number)
    return told(number, sentence)


def album_restored(album: Album) -> list[Change]:
    return changed("album-restored", album=album.pk)


@way_back("album-restored")
def _delete_again(person: User, values: dict[str, Any]) -> str:
    """With what came to it since, which it has when it is restored once more."""
    album = Album.objects.filter(owner=person, pk=values["album"]).first()
    try:
        deleted = album and album_delete(album=album, by=person)
    except Http404:  # somebody else was quicker
        return ""
    return _("The album “%(album)s” is back in the trash.") % {"album": album} if deleted else ""
