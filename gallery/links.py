"""Links: addresses by which whoever has them sees an album, with or without an account.

A link never lists or finds anything for anybody: what it shows is shown below its own address alone. That address is
told to whoever made the link, and to nobody else who manages the album: so whoever is removed from it keeps none, since
their own links go with them, and nobody takes by it the originals that its maker gives to others.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from django.contrib.auth.hashers import check_password, make_password
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils.crypto import constant_time_compare, salted_hmac

from gallery import audit
from gallery.addresses import Addresses, picture_address
from gallery.albums import ListedAlbum, albums_of
from gallery.models import Album, AlbumImage, AlbumLink, Image, ImageQuerySet, User, Viewer
from gallery.permissions import MANAGE, album_hold
from gallery.tries import Bound, tries_give_back, tries_take

KEY_BYTES = 24
# Wrong passwords at one link within so many seconds: by one network address, and by all together.
MOST_TRIES, TRIES_SECONDS = 5, 60
MOST_TRIES_OF_ALL, TRIES_OF_ALL_SECONDS = 100, 60 * 60
MOST_PUBLIC = 60


class LinkAddresses(Addresses):
    """Of pictures as whoever has a link finds them."""

    def __init__(self, link: AlbumLink) -> None:
        self.link = link
        self.key = link.key

    def page(self, image: Image) -> str:
        return picture_address("link-image", image.uuid, key=self.key)

    def media(self, image: Image, kind: str) -> str:
        return picture_address("link-rendition", image.uuid, key=self.key, kind=kind)

    def sized(self, image: Image, size: str) -> str:
        """The largest that a link shows."""
        return self.media(image, "preview")

    def download(self, image: Image, viewer: Viewer | None) -> str:
        """Of the original, where the link gives it: see originals_by."""
        is_given = self.link.allows_download and image.owner_id == self.link.created_by_id
        return picture_address("link-original", image.uuid, key=self.key) if is_given else ""


@dataclass(frozen=True)
class PublicAlbum:
    """An album as the public page lists it; `front` stays hidden behind a password."""

    link: AlbumLink
    listed: ListedAlbum

    @property
    def cover(self) -> str:
        """The address of the thumbnail in front, "" where there is none."""
        front = None if self.link.password else self.listed.front
        return LinkAddresses(self.link).media(front, "thumbnail") if front and front.thumbnail else ""


def link_create(
    *,
    album: Album,
    by: User,
    is_public: bool = False,
    label: str = "",
    password: str = "",
    allows_download: bool = False,
    expires_at: datetime | None = None,
) -> AlbumLink:
    """A new address of an album. `allows_download`: of the originals of those pictures that are the person's own.
    Raises Http404 where the person may not share the album, or no longer."""
    with transaction.atomic():
        album_hold(viewer=by, album=album, at_least=MANAGE)
        link = AlbumLink.objects.create(
            album=album,
            created_by=by,
            key=secrets.token_urlsafe(KEY_BYTES),
            is_public=is_public,
            label=label,
            password=make_password(password) if password else "",
            allows_download=allows_download,
            expires_at=expires_at,
        )
        audit.record(by, "link.create", album, **_on_record(link))
    return link


def _on_record(link: AlbumLink) -> dict[str, Any]:
    return {
        "label": link.label,
        "is_public": link.is_public,
        "has_password": bool(link.password),
        "allows_download": link.allows_download,
        "expires_at": link.expires_at.isoformat() if link.expires_at else "",
    }


def link_change(
    *,
    link: AlbumLink,
    by: User,
    label: str | None = None,
    password: str | None = None,
    allows_download: bool | None = None,
    expires_at: datetime | Literal["as it was"] | None = "as it was",
) -> None:
    """Says something else of a link, whose address stays; None leaves a thing as it was. `password`: "" for none. With
    another one, whoever said the former has to say it.

    By whoever made it alone, since it gives away what is theirs: raises Http404 for all others, and where they may not
    share the album any more.
    """
    with transaction.atomic():
        album_hold(viewer=by, album=link.album, at_least=MANAGE)
        kept = AlbumLink.objects.select_for_update().filter(pk=link.pk, created_by=by).first()
        if kept is None:
            raise Http404("No such link.")
        said: dict[str, Any] = {"label": label, "allows_download": allows_download}
        if password is not None:
            said["password"] = make_password(password) if password else ""
        changed = {name for name, value in said.items() if value is not None and value != getattr(kept, name)}
        for name in changed:
            setattr(kept, name, said[name])
        if not isinstance(expires_at, str) and expires_at != kept.expires_at:
            kept.expires_at = expires_at
            changed.add("expires_at")
        if changed:
            kept.save(update_fields=changed)
            audit.record(by, "link.change", link.album, **_on_record(kept), changed=sorted(changed))


def link_revoke(*, link: AlbumLink, by: User) -> None:
    """Nobody sees the album by this link any more. Whoever manages the album revokes any of its links."""
    with transaction.atomic():
        album_hold(viewer=by, album=link.album, at_least=MANAGE)
        if AlbumLink.objects.filter(pk=link.pk).delete()[0]:
            audit.record(by, "link.revoke", link.album, label=link.label)


def links_of(album: Album) -> "QuerySet[AlbumLink]":
    """The links of an album that have not expired, the newest first, with who made them."""
    return album.links.all().unexpired().select_related("created_by").order_by("-created_at", "-pk")


def tells_address(link: AlbumLink, *, viewer: Viewer) -> bool:
    """Whether the viewer, who manages the album, is told the address: of their own links, and what all can see."""
    return link.is_public or link.created_by_id == viewer.pk


def link_at(*, key: str) -> AlbumLink:
    """The link with this key, with its album and who made it. Raises Http404 where there is none that holds."""
    link = AlbumLink.objects.valid().select_related("album__owner", "created_by").filter(key=key).first()
    if link is None:
        raise Http404("No such link.")
    return link


def images_by(link: AlbumLink) -> ImageQuerySet:
    """The pictures that a link shows: all that are in its album now."""
    return Image.objects.filter(pk__in=link.album.images.values("pk"))


def images_still_by(link: AlbumLink) -> ImageQuerySet:
    """As `images_by`, for what takes its time: none once the link has ended, or has another password."""
    same = AlbumLink.objects.valid().filter(pk=link.pk, password=link.password)
    return Image.objects.filter(pk__in=AlbumImage.objects.filter(album__in=same.values("album")).values("image"))


def originals_by(link: AlbumLink) -> ImageQuerySet:
    """The pictures whose originals a link gives: those of whoever made it, if at all."""
    images = images_by(link).filter(owner=link.created_by_id)
    return images if link.allows_download else images.none()


def public_albums() -> list[PublicAlbum]:
    """The albums that are listed for everybody, the last changed first. Four SQL statements."""
    links = AlbumLink.objects.valid().filter(is_public=True).order_by("-pk")
    by_album = {link.album_id: link for link in links.order_by("pk")}  # the newest of each
    listed = albums_of(Album.objects.filter(pk__in=by_album).last_changed_first()[:MOST_PUBLIC])
    return [PublicAlbum(by_album[each.album.pk], each) for each in listed]


def mark_of(link: AlbumLink) -> str:
    """What a session keeps of somebody who knew the password: it says nothing when that has changed."""
    return salted_hmac("gallery.links", f"{link.pk} {link.password}", algorithm="sha256").hexdigest()


def is_open(link: AlbumLink, *, mark: str) -> bool:
    """Whether the link has no password, or `mark` is of somebody who knew it."""
    return not link.password or constant_time_compare(mark, mark_of(link))


def may_try(link: AlbumLink, *, address: str) -> bool:
    """Counts one more try of the password from a network address; whether it may be made. What is right is to be given
    back."""
    return not tries_take(_bounds(link, address))


def is_password(link: AlbumLink, password: str, *, address: str) -> bool:
    """Whether that is the password. Ask `may_try` first."""
    if not check_password(password, link.password):
        return False
    tries_give_back(_bounds(link, address))
    return True


def _bounds(link: AlbumLink, address: str) -> list[Bound]:
    return [
        Bound(f"link {link.pk} {address}", MOST_TRIES, TRIES_SECONDS),
        Bound(f"link {link.pk}", MOST_TRIES_OF_ALL, TRIES_OF_ALL_SECONDS),
    ]
