"""Many pictures as one file: what is in it for whom, and how many are sent at once."""

import gc
import io
import logging
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.middleware import SessionMiddleware
from django.db import DatabaseError
from django.test import Client
from django.urls import reverse
from PIL import Image as PILImage

from gallery import services
from gallery.albums import album_add, album_create
from gallery.downloads import slots
from gallery.models import Album, AlbumMember, AuditEntry, Image, User, Visibility

pytestmark = pytest.mark.usefixtures("told")

MakeImage = Callable[..., Image]


@pytest.fixture
def pictures(make_image: MakeImage) -> list[Image]:
    """Two of ada's, with renditions."""
    made = [make_image("red", name="one.jpg"), make_image("blue", name="two.jpg")]
    for image in made:
        services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
    return made


@pytest.fixture
def album(user: User, pictures: list[Image]) -> Album:
    album = album_create(owner=user, title="Ísland 24/25")
    for image in reversed(pictures):
        album_add(album=album, images=Image.objects.filter(pk=image.pk))
    return album


def opened(response: Any) -> zipfile.ZipFile:
    assert response.status_code == 200
    return zipfile.ZipFile(io.BytesIO(b"".join(response)))


def close(response: Any) -> None:
    """As the server does when the other end went away, but for what closes the database's connection."""
    for closer in response._resource_closers:
        closer()


def test_all_of_ones_own(client: Client, user: User, pictures: list[Image], make_image: Any, other_user: User) -> None:
    make_image("green", owner=other_user, visibility=Visibility.PUBLIC)
    client.force_login(user)
    response = client.get("/archive/")
    assert response["Content-Disposition"] == 'attachment; filename="My pictures.zip"'
    assert response["Content-Type"] == "application/zip"
    with opened(response) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["two.jpg", "one.jpg"]
        with pictures[0].original.open() as original:
            assert archive.read("one.jpg") == original.read()
    entry = AuditEntry.objects.get(action="archive.download")
    assert (entry.actor, entry.details) == (user, {"pictures": 2, "originals": True})


def test_as_they_are_shown_and_with_captions(client: Client, user: User, pictures: list[Image]) -> None:
    Image.objects.filter(pk=pictures[0].pk).update(description="a red thing")
    client.force_login(user)
    with opened(client.get("/archive/", {"size": "large", "captions": "on"})) as archive:
        assert archive.namelist() == ["two.webp", "one.webp", "captions.csv"]
        assert archive.read("one.webp")[8:12] == b"WEBP"
        assert "one.webp,,a red thing," in archive.read("captions.csv").decode()


def test_an_album_in_its_order(client: Client, user: User, album: Album) -> None:
    client.force_login(user)
    response = client.get(reverse("album-archive", args=[album.uuid]))
    assert "%C3%8Dsland%2024_25.zip" in response["Content-Disposition"]
    with opened(response) as archive:
        assert archive.namelist() == ["two.jpg", "one.jpg"]


def test_who_looks_at_an_album_gets_no_originals_but_their_own(
    client: Client, album: Album, other_user: User, make_image: MakeImage
) -> None:
    url = reverse("album-archive", args=[album.uuid])
    assert client.get(url)["Location"] == f"{reverse('sign-in')}?next={album.get_absolute_url()}"
    client.force_login(other_user)
    assert client.get(url).status_code == 404
    AlbumMember.objects.create(album=album, person=other_user, role=AlbumMember.Role.ADD)
    theirs = make_image("green", owner=other_user, name="theirs.jpg")
    album_add(album=album, images=Image.objects.filter(pk=theirs.pk), by=other_user)
    with opened(client.get(url)) as archive:
        assert archive.namelist() == ["two.webp", "one.webp", "theirs.jpg"]


def test_a_selection(
    client: Client, user: User, pictures: list[Image], make_image: MakeImage, other_user: User
) -> None:
    hidden = make_image("green", owner=other_user)
    chosen = {"image": [pictures[0].uuid, hidden.uuid]}
    assert client.post("/selection/archive/", chosen).status_code == 302
    client.force_login(user)
    with opened(client.post("/selection/archive/", chosen)) as archive:
        assert archive.namelist() == ["one.jpg"]
    nothing = client.post("/selection/archive/", {"image": [hidden.uuid]}, follow=True)
    assert "Select some pictures first." in nothing.content.decode()


def test_what_lies_in_the_trash_is_left_out(client: Client, user: User, album: Album, pictures: list[Image]) -> None:
    Image.objects.filter(pk=pictures[0].pk).update(trashed_at=pictures[0].uploaded_at)
    client.force_login(user)
    for url in ("/archive/", reverse("album-archive", args=[album.uuid])):
        with opened(client.get(url)) as archive:
            assert archive.namelist() == ["two.jpg"]


def test_a_few_at_once(client: Client, user: User, pictures: list[Image], settings: Any) -> None:
    settings.WEB_THREADS = 8
    client.force_login(user)
    begun = [client.get("/archive/") for _ in range(2)]
    next(iter(begun[0]))
    busy = client.get("/archive/")
    assert (busy.status_code, busy["Retry-After"]) == (503, "60")
    assert "Try again in a minute" in busy.content.decode()
    assert AuditEntry.objects.count() == 2
    for response in begun:  # one that was begun, and one that was not: both other ends went away
        close(response)
        close(response)
    assert slots._taken == 0
    with opened(client.get("/archive/")) as archive:
        assert len(archive.namelist()) == 2


def test_what_never_came_to_be_sent_takes_no_slot(
    client: Client,
    user: User,
    pictures: list[Image],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    def fail(*args: Any) -> None:
        raise DatabaseError("The connection is gone.")

    client.force_login(user)
    client.raise_request_exception = False
    monkeypatch.setattr(SessionMiddleware, "process_response", fail)
    with caplog.at_level(logging.CRITICAL, "django.request"):  # what remembers the error remembers the answer
        assert client.get("/archive/").status_code == 500
    client.exc_info = None  # type: ignore[assignment]
    gc.collect()
    assert slots._taken == 0


def test_asking_for_the_headers_sends_nothing(client: Client, user: User, pictures: list[Image]) -> None:
    client.force_login(user)
    response = client.head("/archive/")
    assert response["Content-Type"] == "application/zip"
    assert "My pictures.zip" in response["Content-Disposition"]
    assert not response.streaming
    assert slots._taken == 0
    assert not AuditEntry.objects.exists()


def test_what_is_missing_spoils_no_other(client: Client, user: User, pictures: list[Image]) -> None:
    pictures[0].original.delete(save=False)
    client.force_login(user)
    with opened(client.get("/archive/")) as archive:
        assert archive.namelist() == ["two.jpg", "MISSING.txt"]


def test_statements_do_not_grow_with_pictures(
    client: Client, user: User, make_image: MakeImage, django_assert_max_num_queries: Any
) -> None:
    for number in range(12):
        make_image((20 * number, 0, 0))
    client.force_login(user)
    with django_assert_max_num_queries(12), opened(client.get("/archive/")) as archive:
        assert len(archive.namelist()) == 12
