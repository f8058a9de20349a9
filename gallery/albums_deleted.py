"""Albums in the trash: what somebody deleted, until they bring it back or it goes for good.

A deleted album is deleted: its row, its places, members and links are gone, so that nothing that asks for them can
forget to leave them out. What it takes to make them anew lies in one row beside (models.DeletedAlbum). It comes back
under its own address, to whom it was shared with, by the same links; what is no more by then is left out.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from gallery import audit
from gallery.chunks import AT_ONCE, in_chunks
from gallery.counted import recount
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, DeletedAlbum, Image, User, Viewer
from gallery.names import folded
from gallery.permissions import MANAGE, OWNER, album_hold

# What is kept of each row.
_ALBUM = ("pk", "cover_id", "created_at", "updated_at")
_MEMBER = ("pk", "person_id", "role", "created_at")
_LINK = (
    "pk", "key", "is_public", "label", "password", "allows_download", "expires_at", "created_by_id", "created_at",
)  # fmt: skip


def album_delete(*, album: Album, by: Viewer | None = None) -> DeletedAlbum | None:
    """Deletes an album: nobody sees it any more, by whatever link; its pictures stay, and it lies in its owner's trash.

    None where it was deleted meanwhile. Raises Http404 where it is not the album of `by`, who does it.
    """
    with transaction.atomic():
        if by is not None:
            album_hold(viewer=by, album=album, at_least=OWNER)
        kept = Album.objects.select_for_update().filter(pk=album.pk).first()
        if kept is None:
            return None
        places = list(AlbumImage.objects.filter(album=kept).order_by("position").values_list("image_id", "position"))
        deleted = DeletedAlbum.objects.create(
            owner_id=kept.owner_id,
            uuid=kept.uuid,
            title=kept.title,
            pictures=len(places),
            contents={
                "album": _row(kept, _ALBUM),
                "places": places,
                "members": [_row(member, _MEMBER) for member in kept.members.all()],
                "links": [_row(link, _LINK) for link in kept.links.all()],
            },
        )
        audit.record(by, "album.delete", kept.title)
        kept.delete()
    return deleted


def album_restore(*, deleted: DeletedAlbum, by: Viewer | None = None) -> Album | None:
    """Brings an album back, as far as its pictures and the people it was shared with are there; None where somebody
    else was quicker, or it went for good."""
    contents = deleted.contents
    with transaction.atomic():
        # the pictures first, as all do; then nobody is deleted before they are in it again
        present = set(Image.with_trash.lock(pk for pk, _ in contents["places"]))
        if not DeletedAlbum.objects.filter(pk=deleted.pk).delete()[0]:
            return None
        said = _read(contents["album"])
        people = _people(deleted.owner_id, contents)
        if deleted.owner_id not in people:
            return None
        album = Album(**said, owner_id=deleted.owner_id, uuid=deleted.uuid)
        album.title, album.key = deleted.title, folded(deleted.title)
        album.cover_id = album.cover_id if album.cover_id in present else None
        album.save(force_insert=True)
        members = [AlbumMember(album=album, **_read(row)) for row in contents["members"] if row["person_id"] in people]
        AlbumMember.objects.bulk_create(members)
        _places_restore(album, contents["places"], {deleted.owner_id, *(each.person_id for each in members)})
        makers = {deleted.owner_id, *(each.person_id for each in members if each.role == MANAGE)}
        links = [AlbumLink(album=album, **_read(row)) for row in contents["links"] if row["created_by_id"] in makers]
        AlbumLink.objects.bulk_create(links)
        audit.record(by, "album.restore", album.title)
    return album


def deleted_albums_of(owner: User) -> "QuerySet[DeletedAlbum]":
    """The albums in somebody's trash, the last thrown away first."""
    return DeletedAlbum.objects.filter(owner=owner).order_by("-deleted_at", "-pk")


def deleted_albums_purge(*, owner: User) -> int:
    """Deletes the albums in somebody's trash for good; how many there were."""
    return deleted_albums_of(owner).delete()[0]


def deleted_albums_purge_before(moment: datetime) -> int:
    """Deletes for good what has lain in the trash since then or longer; how many albums."""
    return DeletedAlbum.objects.filter(deleted_at__lte=moment).delete()[0]


def _places_restore(album: Album, places: Iterable[tuple[int, int]], owners: set[int]) -> None:
    """The pictures of those who are owner or members, where they were."""
    positions = dict(places)
    found = [
        AlbumImage(album=album, image_id=pk, owner_id=owner, position=positions[pk])
        for chunk in in_chunks(positions, AT_ONCE)
        for pk, owner in Image.with_trash.filter(pk__in=chunk, owner__in=owners).values_list("pk", "owner")
    ]
    AlbumImage.objects.bulk_create(found, batch_size=AT_ONCE)
    recount(Album, [album.pk])


def _people(owner_id: int, contents: dict[str, Any]) -> set[int]:
    """Those who are still there, of all that it was about, and stay until the end of the transaction."""
    named = {owner_id, *(row["person_id"] for row in contents["members"])}
    people = User.objects.select_for_update(no_key=True).order_by("pk").values_list("pk", flat=True)
    return {pk for chunk in in_chunks(named, AT_ONCE) for pk in people.filter(pk__in=chunk)}


def _row(row: Any, names: Iterable[str]) -> dict[str, Any]:
    values = {name: getattr(row, name) for name in names}
    return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in values.items()}


def _read(row: dict[str, Any]) -> dict[str, Any]:
    return {
        name: datetime.fromisoformat(value) if name.endswith("_at") and value else value for name, value in row.items()
    }
