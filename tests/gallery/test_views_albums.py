"""The pages of albums: what they list, and what their buttons do."""

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery.albums import album_add, album_create
from gallery.models import Album, Image, User
from gallery.views import albums
from tests.gallery.test_selectors import add
from tests.gallery.test_views_library import listed, page_of


@pytest.fixture
def album(client: Client, user: User) -> Album:
    client.force_login(user)
    return album_create(owner=user, title="Iceland <2024>")


def fill(album: Album, number: int) -> list[str]:
    """The addresses of that many more pictures in it."""
    images = [add(album.owner) for _ in range(number)]
    album_add(album=album, images=Image.objects.all())
    return [str(image.uuid) for image in images]


def arrange(client: Client, album: Album, image: str, do: str, **said: str) -> str:
    url = f"{reverse('album-arrange', args=[album.uuid])}?after=1"
    return client.post(url, {"image": image, "do": do, **said})["Location"].removeprefix(url)


def test_an_album_is_made_filled_and_shown(client: Client, album: Album) -> None:
    assert "Nothing in it yet" in page_of(client, album.get_absolute_url())
    shown = fill(album, 3)
    page = page_of(client, album.get_absolute_url())
    assert listed(page) == shown
    assert "Iceland &lt;2024&gt;" in page
    assert "3 pictures" in page
    assert "3 pictures" in page_of(client, "/albums/")


def test_a_new_album_is_opened_and_one_without_title_refused(client: Client, user: User) -> None:
    client.force_login(user)
    assert "No albums yet" in page_of(client, "/albums/")
    response = client.post("/albums/new/", {"title": "Rome"})
    assert response["Location"] == Album.objects.get().get_absolute_url()
    for title in (" ", "\x01", "x" * 101):
        assert 'class="message error"' in client.post("/albums/new/", {"title": title}, follow=True).content.decode()
    assert Album.objects.count() == 1


def test_pages_follow_each_other(client: Client, album: Album, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(albums, "PAGE_SIZE", 2)
    shown = fill(album, 3)
    page = page_of(client, album.get_absolute_url())
    assert listed(page) == shown[:2]
    assert 'href="?after=2"' in page
    assert listed(page_of(client, f"{album.get_absolute_url()}?after=2")) == shown[2:]
    assert "Nothing follows here" in page_of(client, f"{album.get_absolute_url()}?after=9")
    assert listed(page_of(client, f"{album.get_absolute_url()}?after=x")) == shown[:2]


def test_buttons_arrange_and_lead_back_to_the_picture(client: Client, album: Album) -> None:
    first, second, third = fill(album, 3)
    assert arrange(client, album, third, "earlier") == f"#{third}"
    arrange(client, album, first, "later")
    assert listed(page_of(client, album.get_absolute_url())) == [third, first, second]
    arrange(client, album, second, "place", other=third)
    assert listed(page_of(client, album.get_absolute_url())) == [second, third, first]
    arrange(client, album, second, "place")  # whose?
    arrange(client, album, second, "cover")
    assert second in page_of(client, "/albums/")
    arrange(client, album, second, "out")
    assert listed(page_of(client, album.get_absolute_url())) == [third, first]
    for image, do in ((second, "out"), (first, "nonsense"), ("nonsense", "out")):
        assert arrange(client, album, image, do) == ""


def test_a_picture_goes_in_and_out_on_its_own_page(client: Client, album: Album, other_user: User) -> None:
    image = add(album.owner)
    theirs = album_create(owner=other_user, title="Theirs")
    url = reverse("image-albums", args=[image.uuid])
    page = page_of(client, image.get_absolute_url())
    assert f'<option value="{album.uuid}">' in page
    assert str(theirs.uuid) not in page
    page = client.post(url, {"album": album.uuid}, follow=True).content.decode()
    assert f'name="out" value="{album.uuid}"' in page
    assert "There is no such album." in client.post(url, {"album": theirs.uuid}, follow=True).content.decode()
    client.post(url, {"out": album.uuid})
    assert not image.albums.exists()


def test_renaming_and_deleting(client: Client, album: Album) -> None:
    fill(album, 1)
    client.post(reverse("album-rename", args=[album.uuid]), {"title": "Ísland"})
    page = client.post(reverse("album-rename", args=[album.uuid]), {"title": ""}, follow=True).content.decode()
    assert "Say what the album should be called." in page
    url = reverse("album-delete", args=[album.uuid])
    assert client.get(url).status_code == 405
    assert "The album “Ísland” is in the trash" in client.post(url, follow=True).content.decode()
    assert Image.objects.count() == 1


def test_more_pictures_and_albums_take_no_more_statements(client: Client, album: Album) -> None:
    counts = []
    for number in range(3):
        fill(album_create(owner=album.owner, title=f"Album {number}"), number + 1)
        fill(album, number + 1)
        with CaptureQueriesContext(connection) as queries:
            for url in ("/albums/", album.get_absolute_url(), reverse("album-arrange", args=[album.uuid])):
                assert client.get(url).status_code == 200
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts
