"""Links to albums: who sees what by them, until when, and with which password."""

import re
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import AnonymousUser
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from PIL import Image as PILImage

from gallery.albums import album_add, album_create, album_remove
from gallery.links import TRIES_SECONDS, link_create, public_albums
from gallery.models import Album, AlbumLink, AuditEntry, Image, Tries, User
from gallery.services import renditions_create
from gallery.sharing import member_add
from gallery.trash import images_trash
from tests.gallery.test_views_library import listed, page_of

PASSWORD = "midnight sun"


@pytest.fixture
def picture(make_image: Any, user: User) -> Image:
    """A private picture in an album."""
    image: Image = make_image("red", name="secret name.jpg")
    renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
    album_add(album=album_create(owner=user, title="Iceland"), images=Image.objects.all())
    return image


@pytest.fixture
def album(picture: Image) -> Album:
    return picture.albums.get()


@pytest.fixture(autouse=True)
def _no_tries() -> None:
    cache.clear()


def made(album: Album, **said: Any) -> AlbumLink:
    return link_create(album=album, by=album.owner, **said)


def addresses(link: AlbumLink, image: Image) -> dict[str, str]:
    return {
        "album": reverse("link", args=[link.key]),
        "page": reverse("link-image", args=[link.key, image.uuid]),
        "thumbnail": reverse("link-rendition", args=[link.key, image.uuid, "thumbnail"]),
        "preview": reverse("link-rendition", args=[link.key, image.uuid, "preview"]),
        "original": reverse("link-original", args=[link.key, image.uuid]),
    }


def fetch(client: Client, url: str, **said: Any) -> Any:
    """The answer, read to its end."""
    response: Any = client.get(url, **said)
    response.getvalue()
    return response


def statuses(client: Client, link: AlbumLink, image: Image) -> dict[str, int]:
    return {name: fetch(client, url).status_code for name, url in addresses(link, image).items()}


def nothing(client: Client, link: AlbumLink, image: Image) -> bool:
    return set(statuses(client, link, image).values()) == {404}


def test_whoever_has_it_sees_the_album_and_no_more(client: Client, album: Album, picture: Image) -> None:
    Image.objects.filter(pk=picture.pk).update(title="Geyser", notes="my notes", latitude=64.1, longitude=-21.9)
    link = made(album, label="Aunt")
    assert statuses(client, link, picture) == {
        "album": 200, "page": 200, "thumbnail": 200, "preview": 200, "original": 404,
    }  # fmt: skip
    found = addresses(link, picture)
    page = page_of(client, found["album"])
    assert listed(page) == [str(picture.uuid)]
    assert found["page"] in page
    assert found["thumbnail"] in page
    shown = page_of(client, found["page"])
    assert "Geyser" in shown
    for text in ("my notes", "64.1", "Aunt", found["original"]):
        assert text not in shown
    for url in (picture.get_absolute_url(), reverse("rendition", args=[picture.uuid, "preview"])):
        assert client.get(url).status_code == 404
        assert f'"{url}' not in page + shown
    assert not Image.objects.listed_for(AnonymousUser()).exists()
    assert not Image.objects.reachable_by(AnonymousUser()).exists()


def test_pictures_of_other_albums_are_not_shown(client: Client, album: Album, make_image: Any) -> None:
    other = make_image("blue")
    renditions_create(image=other, picture=PILImage.new("RGB", (64, 48), "blue"))
    link = made(album, allows_download=True)
    assert statuses(client, link, other) | {"album": 404} == dict.fromkeys(addresses(link, other), 404)


def test_wrong_expired_and_revoked_keys_get_the_same_page(client: Client, album: Album, picture: Image) -> None:
    expired, revoked = made(album), made(album)
    assert client.get(reverse("link", args=[expired.key])).status_code == 200
    AlbumLink.objects.filter(pk=expired.pk).update(expires_at=timezone.now())
    revoked.delete()
    wrong = AlbumLink(album=album, key="wrong")
    pages = set()
    for link in (expired, revoked, wrong):
        page = client.get(reverse("link", args=[link.key])).content.decode()
        page = re.sub(r'csrfmiddlewaretoken" value="[^"]*"', "", page)
        pages.add(page.replace(link.key, ""))  # of the address to come back to
    assert len(pages) == 1
    for link in (expired, revoked, wrong):
        assert nothing(client, link, picture)
        assert client.post(reverse("link", args=[link.key]), {"password": "x"}).status_code == 404


def test_pictures_in_the_trash_or_out_of_the_album_are_gone_by_the_link(
    client: Client, album: Album, picture: Image
) -> None:
    link = made(album, allows_download=True)
    images_trash(images=[picture])
    assert statuses(client, link, picture) == {
        "album": 200, "page": 404, "thumbnail": 404, "preview": 404, "original": 404,
    }  # fmt: skip
    Image.with_trash.update(trashed_at=None)
    assert statuses(client, link, picture)["original"] == 200
    album_remove(album=album, images=Image.objects.all())
    assert statuses(client, link, picture)["original"] == 404


def test_originals_are_of_whoever_made_the_link(
    client: Client, album: Album, picture: Image, make_image: Any, other_user: User
) -> None:
    member_add(album=album, by=album.owner, username="grace", role="manage")
    theirs = make_image("green", owner=other_user)
    album_add(album=album, images=Image.objects.all(), by=other_user)
    link = made(album, allows_download=True)
    assert fetch(client, addresses(link, picture)["original"])["Content-Disposition"].startswith("attachment")
    assert addresses(link, picture)["original"] in page_of(client, addresses(link, picture)["page"])
    assert fetch(client, addresses(link, theirs)["original"]).status_code == 404
    page = page_of(client, addresses(link, picture)["album"])
    assert f'data-download="{addresses(link, picture)["original"]}"' in page
    assert addresses(link, theirs)["original"] not in page
    other = link_create(album=album, by=other_user, allows_download=True)
    assert fetch(client, addresses(other, theirs)["original"]).status_code == 200
    assert fetch(client, addresses(other, picture)["original"]).status_code == 404


class TestPassword:
    def test_is_asked_for_first(self, client: Client, album: Album, picture: Image) -> None:
        link = made(album, password=PASSWORD, allows_download=True)
        found = addresses(link, picture)
        page = page_of(client, found["album"])
        assert "asks for a password" in page
        assert "Iceland" not in page
        assert fetch(client, found["page"])["Location"] == found["album"]
        assert {fetch(client, found[name]).status_code for name in ("thumbnail", "preview", "original")} == {404}
        response = client.post(found["album"], {"password": "guess"})
        assert "That is not the password" in response.content.decode()
        assert client.post(found["album"], {"password": PASSWORD})["Location"] == found["album"]
        assert set(statuses(client, link, picture).values()) == {200}
        assert client.get(reverse("link", args=[made(album, password=PASSWORD).key])).content.count(b"Iceland") == 0

    def test_another_one_has_to_be_said_again(self, client: Client, album: Album, picture: Image) -> None:
        link = made(album, password=PASSWORD)
        client.post(reverse("link", args=[link.key]), {"password": PASSWORD})
        AlbumLink.objects.update(password=make_password("another one"))
        assert fetch(client, addresses(link, picture)["preview"]).status_code == 404

    def test_few_tries_a_minute_for_each_address(self, client: Client, album: Album) -> None:
        url = reverse("link", args=[made(album, password=PASSWORD).key])
        for _ in range(5):
            assert client.post(url, {"password": "guess"}).status_code == 200
        refused = client.post(url, {"password": PASSWORD})
        assert refused.status_code == 429
        assert "tried too often" in refused.content.decode()
        assert client.post(url, {"password": PASSWORD}, REMOTE_ADDR="10.0.0.7").status_code == 302
        other = reverse("link", args=[made(album, password=PASSWORD).key])
        assert client.post(other, {"password": PASSWORD}).status_code == 302
        Tries.objects.update(since=timezone.now() - timedelta(seconds=TRIES_SECONDS))
        assert Client().post(url, {"password": PASSWORD}).status_code == 302

    def test_who_knows_it_uses_up_no_tries(self, client: Client, album: Album) -> None:
        url = reverse("link", args=[made(album, password=PASSWORD).key])
        for _ in range(8):
            assert Client().post(url, {"password": PASSWORD}).status_code == 302

    def test_all_addresses_together_have_their_tries_too(
        self, client: Client, album: Album, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("gallery.links.MOST_TRIES_OF_ALL", 7)
        url = reverse("link", args=[made(album, password=PASSWORD).key])
        for number in range(20):  # those that are refused don't count
            client.post(url, {"password": "guess"}, REMOTE_ADDR="10.0.0.1" if number else "10.0.0.2")
        assert client.post(url, {"password": "guess"}, REMOTE_ADDR="10.0.0.3").status_code == 200
        assert client.post(url, {"password": PASSWORD}, REMOTE_ADDR="10.0.0.4").status_code == 429

    @pytest.mark.parametrize(("proxies", "is_told_apart"), [(0, False), (1, True)])
    def test_addresses_are_those_that_our_proxies_saw(
        self, client: Client, album: Album, settings: Any, proxies: int, is_told_apart: bool
    ) -> None:
        settings.PROXIES = proxies
        url = reverse("link", args=[made(album, password=PASSWORD).key])
        for number in range(6):  # with an address of its own invention in front
            client.post(url, {"password": "guess"}, headers={"X-Forwarded-For": f"10.9.9.{number}, 10.0.0.1"})
        again = client.post(url, {"password": "guess"}, headers={"X-Forwarded-For": "10.9.9.9, 10.0.0.1"})
        assert again.status_code == 429
        other = client.post(url, {"password": PASSWORD}, headers={"X-Forwarded-For": "10.0.0.1, 10.0.0.2"})
        assert other.status_code == (302 if is_told_apart else 429)

    def test_a_network_of_ipv6_is_one_address(self, client: Client, album: Album) -> None:
        url = reverse("link", args=[made(album, password=PASSWORD).key])
        for number in range(6):
            answer = client.post(url, {"password": "guess"}, REMOTE_ADDR=f"2001:db8::{number}")
        assert answer.status_code == 429
        assert client.post(url, {"password": PASSWORD}, REMOTE_ADDR="2001:db8:1::1").status_code == 302

    def test_a_cache_that_is_away_changes_nothing(self, client: Client, album: Album, settings: Any) -> None:
        redis = "django.core.cache.backends.redis.RedisCache"
        settings.CACHES = {"default": {"BACKEND": redis, "LOCATION": "redis://127.0.0.1:1"}}
        url = reverse("link", args=[made(album, password=PASSWORD).key])
        answers = [client.post(url, {"password": "guess"}).status_code for _ in range(6)]
        assert answers == [200] * 5 + [429]

    def test_is_kept_hashed_and_never_on_record(self, album: Album) -> None:
        link = made(album, password=PASSWORD)
        assert PASSWORD not in link.password
        details = str(AuditEntry.objects.get(action="link.create").details)
        assert link.key not in details
        assert PASSWORD not in details
        assert link.password not in details


def test_nobody_else_is_told_of_the_address(client: Client, album: Album, picture: Image) -> None:
    secret, public = made(album), made(album, is_public=True)
    for link, robots in ((secret, "noindex"), (public, None)):
        for name, url in addresses(link, picture).items():
            response = fetch(client, url)
            if name != "original":
                assert response["Referrer-Policy"] == "same-origin"
                assert response["Cache-Control"] == "private, no-cache"
                assert response.get("X-Robots-Tag") == robots


def test_browsers_ask_again_and_are_told_that_nothing_changed(client: Client, album: Album, picture: Image) -> None:
    link = made(album)
    url = addresses(link, picture)["thumbnail"]
    etag = fetch(client, url)["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304
    AlbumLink.objects.update(expires_at=timezone.now())
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 404


def test_public_albums_are_listed_for_everyone(client: Client, album: Album, picture: Image) -> None:
    made(album, label="hidden")
    assert public_albums() == []
    link = made(album, is_public=True)
    found = addresses(link, picture)
    for url in ("/", "/public/"):
        page = page_of(client, url)
        assert "Public albums" in page
        assert found["album"] in page
        assert found["thumbnail"] in page
        assert picture.get_absolute_url() not in page
    AlbumLink.objects.filter(pk=link.pk).update(password=make_password(PASSWORD))
    assert found["thumbnail"] not in page_of(client, "/public/")
    AlbumLink.objects.filter(pk=link.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert "Public albums" not in page_of(client, "/public/")


class TestMaking:
    def test_a_link_is_made_and_revoked(self, client: Client, album: Album) -> None:
        client.force_login(album.owner)
        url = reverse("album-links", args=[album.uuid])
        said = {"label": "Aunt", "ends": "7", "password": PASSWORD, "allows_download": "on"}
        page = client.post(url, said, follow=True).content.decode()
        link = AlbumLink.objects.get()
        assert f"http://testserver{reverse('link', args=[link.key])}" in page
        assert link.expires_at is not None
        assert timedelta(days=6) < link.expires_at - timezone.now() <= timedelta(days=7)
        assert (link.allows_download, link.is_public, link.created_by) == (True, False, album.owner)
        for number in ("x", "0", str(link.pk)):
            client.post(url, {"revoke": number})
        assert not AlbumLink.objects.exists()
        actions = AuditEntry.objects.order_by("pk").values_list("action", "details__label")
        assert list(actions) == [("link.create", "Aunt"), ("link.revoke", "Aunt")]

    def test_a_last_day_counts_whole(self, client: Client, album: Album) -> None:
        client.force_login(album.owner)
        url = reverse("album-links", args=[album.uuid])
        today = timezone.localdate()
        client.post(url, {"ends": "date", "until": today.isoformat()})
        link = AlbumLink.objects.get()
        assert link.expires_at is not None
        assert timezone.localtime(link.expires_at).date() == today + timedelta(days=1)
        for said in (
            {"ends": "date"},
            {"ends": "date", "until": (today - timedelta(days=1)).isoformat()},
            {"ends": "date", "until": "never"},
            {"ends": "3"},
            {"password": "short"},
        ):
            assert 'class="message error"' in client.post(url, said, follow=True).content.decode()
        assert AlbumLink.objects.count() == 1

    def test_links_of_other_albums_are_out_of_reach(self, client: Client, album: Album, other_user: User) -> None:
        theirs = made(album_create(owner=other_user, title="Theirs"))
        client.force_login(album.owner)
        client.post(reverse("album-links", args=[album.uuid]), {"revoke": theirs.pk})
        assert AlbumLink.objects.get() == theirs


def test_pages_follow_each_other_and_take_few_statements(
    client: Client, album: Album, picture: Image, django_assert_max_num_queries: Any
) -> None:
    link = made(album)
    assert "Nothing follows here" in page_of(client, f"{addresses(link, picture)['album']}?after=9")
    for name in ("album", "page"):
        with django_assert_max_num_queries(9):
            fetch(client, addresses(link, picture)[name])


@pytest.mark.django_db
def test_an_address_that_never_was(client: Client) -> None:
    assert client.get(reverse("link", args=["x" * 32])).status_code == 404
    assert client.get(reverse("link-image", args=["x" * 32, uuid4()])).status_code == 404
