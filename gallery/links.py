"""Links: addresses by which whoever has them sees an album, with or without an account.

A link never lists or finds anything for anybody: what it shows is shown below its own address alone.
"""

import secrets
from dataclasses import dataclass
from datetime import datetime

from django.contrib.auth.hashers import check_password, make_password
from django.core.cache import cache
from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac
from django.utils.encoding import iri_to_uri
from django.utils.translation import gettext as _

from gallery import audit
from gallery.addresses import Addresses
from gallery.albums import ListedAlbum, albums_of
from gallery.exceptions import NotShared
from gallery.models import Album, AlbumLink, Image, ImageQuerySet, User

KEY_BYTES = 24
# Passwords that one address may try at one link within so many seconds.
MOST_TRIES, TRIES_SECONDS = 5, 60
MOST_PUBLIC = 60


class LinkAddresses(Addresses):
    """Of pictures as whoever has a link finds them."""

    def __init__(self, link: AlbumLink) -> None:
        self.key = link.key

    def page(self, image: Image) -> str:
        return reverse("link-image", args=[self.key, image.uuid])

    def media(self, image: Image, kind: str) -> str:
        return reverse("link-rendition", args=[self.key, image.uuid, kind])

    def sized(self, image: Image, size: str) -> str:
        """The largest that a link shows."""
        return self.media(image, "preview")


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
    Raises NotShared where the album was deleted meanwhile."""
    with transaction.atomic():
        if not Album.objects.select_for_update().filter(pk=album.pk).exists():
            raise NotShared(_("The album was deleted meanwhile."))
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
        audit.record(
            by,
            "link.create",
            album,
            label=label,
            is_public=is_public,
            has_password=bool(password),
            allows_download=allows_download,
            expires_at=expires_at.isoformat() if expires_at else "",
        )
    return link


def link_revoke(*, link: AlbumLink, by: User) -> None:
    """Nobody sees the album by this link any more."""
    with transaction.atomic():
        if AlbumLink.objects.filter(pk=link.pk).delete()[0]:
            audit.record(by, "link.revoke", link.album, label=link.label)


def links_of(album: Album) -> "QuerySet[AlbumLink]":
    """The links of an album that still hold, the newest first, with who made them."""
    return album.links.all().valid().select_related("created_by").order_by("-created_at", "-pk")


def link_at(*, key: str) -> AlbumLink:
    """The link with this key, with its album and who made it. Raises Http404 where there is none, or it expired."""
    link = AlbumLink.objects.valid().select_related("album__owner", "created_by").filter(key=key).first()
    if link is None:
        raise Http404("No such link.")
    return link


def images_by(link: AlbumLink) -> ImageQuerySet:
    """The pictures that a link shows: all that are in its album now."""
    return Image.objects.filter(pk__in=link.album.images.values("pk"))


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
    """Counts one more try of the password from a network address; whether it may be made."""
    key = iri_to_uri(f"link-tries:{link.pk}:{address}")
    if cache.add(key, 1, timeout=TRIES_SECONDS):
        return True
    try:
        return cache.incr(key) <= MOST_TRIES
    except ValueError:  # it has just expired
        return True


def is_password(link: AlbumLink, password: str) -> bool:
    return check_password(password, link.password)
