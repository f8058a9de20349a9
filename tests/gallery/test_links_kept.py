"""Links: who is told their address, what is said of them later, and all of their pictures as one file."""

import io
import zipfile
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as PILImage

from gallery.albums import album_add, album_create
from gallery.links import link_change, link_create
from gallery.models import Album, AlbumLink, AlbumMember, AuditEntry, Image, User
from gallery.services import renditions_create
from gallery.sharing import member_add, member_remove
from tests.gallery.test_links import fetch
from tests.gallery.test_views_library import page_of

PASSWORD = "midnight sun"


@pytest.fixture
def album(user: User, other_user: User) -> Album:
    """Which the other user manages as well."""
    album = album_create(owner=user, title="Iceland")
    member_add(album=album, by=user, username="grace", role="manage")
    return album


@pytest.fixture
def pictures(album: Album, make_image: Callable[..., Image], user: User, other_user: User) -> list[Image]:
    """One of the owner's, one of the manager's."""
    found = []
    for color, owner in (("red", user), ("blue", other_user)):
        image = make_image(color, owner=owner, name=f"{color}.jpg")
        renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), color))
        album_add(album=album, images=Image.objects.filter(pk=image.pk), by=owner)
        found.append(image)
    Image.objects.update(notes="for me alone", title="Geyser")
    return found


def address(link: AlbumLink) -> str:
    return reverse("link", args=[link.key])


class TestAddress:
    def test_is_told_to_whoever_made_it(self, client: Client, album: Album, other_user: User) -> None:
        links = [link_create(album=album, by=person, label="Aunt") for person in (album.owner, other_user)]
        public = link_create(album=album, by=album.owner, is_public=True)
        for person, own, others in ((album.owner, *links), (other_user, *reversed(links))):
            client.force_login(person)
            page = page_of(client, reverse("album-share", args=[album.uuid]))
            assert address(own) in page
            assert others.key not in page
            assert f"Made by {others.created_by.shown_name}" in page
            assert address(public) in page

    def test_who_was_removed_knows_none_that_holds(self, client: Client, album: Album, other_user: User) -> None:
        link_create(album=album, by=other_user)
        kept = link_create(album=album, by=album.owner)
        client.force_login(other_user)
        page = page_of(client, reverse("album-share", args=[album.uuid]))
        member_remove(member=AlbumMember.objects.get(), by=album.owner)
        known = [link for link in AlbumLink.objects.all() if link.key in page]
        assert known == []
        assert AlbumLink.objects.get() == kept


class TestChanging:
    def test_by_the_page(self, client: Client, album: Album, other_user: User) -> None:
        link = link_create(album=album, by=album.owner, label="Aunt", password=PASSWORD)
        client.force_login(album.owner)
        url = reverse("album-links", args=[album.uuid])
        said = {"change": link.pk, "label": "Uncle", "ends": "7", "allows_download": "on"}
        assert "The link is changed" in client.post(url, said, follow=True).content.decode()
        changed = AlbumLink.objects.get()
        assert (changed.label, changed.allows_download, changed.key) == ("Uncle", True, link.key)
        assert changed.password == link.password
        assert changed.expires_at is not None
        assert timedelta(days=6) < changed.expires_at - timezone.now() <= timedelta(days=7)
        client.post(url, {"change": link.pk, "ends": "as it is", "no_password": "on"})
        again = AlbumLink.objects.get()
        assert (again.label, again.allows_download, again.password) == ("", False, "")
        assert again.expires_at == changed.expires_at
        client.post(url, {"change": link.pk, "ends": ""})
        assert AlbumLink.objects.get().expires_at is None
        for wrong in ({"password": "short"}, {"ends": "3"}, {"ends": "date"}, {"label": "x" * 101}):
            page = client.post(url, {"change": link.pk, **wrong}, follow=True).content.decode()
            assert 'class="message error"' in page
        for number in ("x", "0", "9" * 25, "9" * 5_000):
            assert "the link has ended" in client.post(url, {"change": number}, follow=True).content.decode()
        entries = AuditEntry.objects.filter(action="link.change").order_by("pk").values_list("details", flat=True)
        assert entries[0]["changed"] == ["allows_download", "expires_at", "label"]
        assert (entries[0]["label"], entries[0]["has_password"]) == ("Uncle", True)

    def test_another_password_ends_what_the_former_opened(
        self, client: Client, album: Album, pictures: list[Image]
    ) -> None:
        link = link_create(album=album, by=album.owner, password=PASSWORD)
        client.post(address(link), {"password": PASSWORD})
        shown = reverse("link-rendition", args=[link.key, pictures[0].uuid, "preview"])
        assert fetch(client, shown).status_code == 200
        link_change(link=link, by=album.owner, label="Aunt")
        assert fetch(client, shown).status_code == 200
        link_change(link=link, by=album.owner, password="another one")
        assert fetch(client, shown).status_code == 404
        link_change(link=link, by=album.owner, password="")
        assert fetch(client, shown).status_code == 200
        link_change(link=link, by=album.owner, password=PASSWORD)  # the very same, hashed anew
        assert fetch(client, shown).status_code == 404

    def test_others_change_nothing(self, client: Client, album: Album, other_user: User) -> None:
        link = link_create(album=album, by=album.owner, label="Aunt")
        client.force_login(other_user)
        url = reverse("album-links", args=[album.uuid])
        said = {"change": link.pk, "label": "Mine", "allows_download": "on"}
        assert client.post(url, said).status_code == 404
        theirs = link_create(album=album, by=other_user)
        with pytest.raises(Http404):
            link_change(link=theirs, by=album.owner, allows_download=True)
        elsewhere = link_create(album=album_create(owner=other_user, title="Theirs"), by=other_user)
        client.post(url, said | {"change": elsewhere.pk})
        assert not AlbumLink.objects.exclude(label__in=["Aunt", ""]).exists()
        assert not AlbumLink.objects.filter(allows_download=True).exists()


class TestArchive:
    def of(self, client: Client, link: AlbumLink, **said: str) -> dict[str, bytes]:
        response: Any = client.get(reverse("link-archive", args=[link.key]), said)
        assert response.status_code == 200
        assert response["Cache-Control"] == "private, no-store"
        assert response["Referrer-Policy"] == "same-origin"
        with zipfile.ZipFile(io.BytesIO(response.getvalue())) as archive:
            return {name: archive.read(name) for name in archive.namelist()}

    def test_originals_are_those_of_whoever_made_the_link(
        self, client: Client, album: Album, pictures: list[Image]
    ) -> None:
        link = link_create(album=album, by=album.owner, allows_download=True)
        assert reverse("link-archive", args=[link.key]) in page_of(client, address(link))
        files = self.of(client, link)
        assert list(files) == ["red.jpg", "blue.webp"]
        with pictures[0].original.open("rb") as original:
            assert files["red.jpg"] == original.read()
        assert list(self.of(client, link, size="large")) == ["red.webp", "blue.webp"]

    def test_the_table_holds_no_notes(self, client: Client, album: Album, pictures: list[Image]) -> None:
        link = link_create(album=album, by=album.owner, allows_download=True)
        table = self.of(client, link, captions="on")["captions.csv"].decode()
        assert "Geyser" in table
        assert "for me alone" not in table

    def test_links_for_looking_give_none(self, client: Client, album: Album, pictures: list[Image]) -> None:
        link = link_create(album=album, by=album.owner)
        assert reverse("link-archive", args=[link.key]) not in page_of(client, address(link))
        assert client.get(reverse("link-archive", args=[link.key])).status_code == 404
        assert client.get(reverse("link-archive", args=["x" * 32])).status_code == 404

    def test_the_password_is_asked_for_first(self, client: Client, album: Album, pictures: list[Image]) -> None:
        link = link_create(album=album, by=album.owner, allows_download=True, password=PASSWORD)
        assert client.get(reverse("link-archive", args=[link.key]))["Location"] == address(link)
        client.post(address(link), {"password": PASSWORD})
        assert len(self.of(client, link)) == 2

    @pytest.mark.parametrize("end", ["revoked", "expired", "another password", "taken out"])
    def test_one_that_is_being_sent_ends_with_the_link(
        self, client: Client, album: Album, pictures: list[Image], monkeypatch: pytest.MonkeyPatch, end: str
    ) -> None:
        monkeypatch.setattr("gallery.downloads.AT_ONCE", 1)
        link = link_create(album=album, by=album.owner, allows_download=True)
        response: Any = client.get(reverse("link-archive", args=[link.key]))
        pieces = iter(response.streaming_content)
        sent = next(pieces)
        if end == "revoked":
            AlbumLink.objects.all().delete()
        elif end == "expired":
            AlbumLink.objects.update(expires_at=timezone.now())
        elif end == "another password":
            link_change(link=link, by=album.owner, password=PASSWORD)
        else:
            album.images.clear()
        sent += b"".join(pieces)
        response.close()
        with zipfile.ZipFile(io.BytesIO(sent)) as archive:
            assert archive.namelist() == ["red.jpg"]
