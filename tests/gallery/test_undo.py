"""Undo: exactly what an action changed is taken back, once, by whoever did it."""

from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from gallery import undo
from gallery.albums import album_add, album_create, album_remove, album_set_cover
from gallery.exceptions import NothingToUndo
from gallery.favourites import favourites_add, favourites_remove
from gallery.models import Album, AlbumImage, AlbumMember, Favourite, Image, User, Visibility
from gallery.services import image_set_visibility, image_set_words
from gallery.tags import images_tag
from gallery.trash import images_trash
from gallery.undo.albums import added_to_album, taken_out_of_album
from gallery.undo.images import shown_to, trashed, unfavoured, words_of, words_set
from gallery.undo.tags import tagged, untagged
from tests.gallery.test_selectors import add
from tests.gallery.test_sharing_races import InBackground, wait_until_blocked

pytestmark = pytest.mark.usefixtures("told")
JSON = {"Accept": "application/json"}
Send = Callable[..., Any]


@pytest.fixture
def images(client: Client, user: User) -> list[Image]:
    client.force_login(user)
    return [add(user) for _ in range(3)]


@pytest.fixture
def send(client: Client, images: list[Image]) -> Send:
    """Does something with all three, as a script; the address that undoes it."""

    def send(do: str, **said: Any) -> str:
        answer = client.post(
            "/selection/", {"image": [image.uuid for image in images], "do": do, **said}, headers=JSON
        ).json()
        return str(answer["undo"])

    return send


def only(*images: Image) -> Any:
    return Image.with_trash.filter(pk__in=[image.pk for image in images])


def undone(client: Client, address: str) -> str:
    response = client.post(address, headers=JSON)
    assert response.status_code == 200
    return str(response.json()["message"])


def inside(album: Album) -> list[int]:
    return list(AlbumImage.objects.filter(album=album).order_by("position").values_list("image", flat=True))


class TestSelection:
    def test_tags_that_pictures_had_before_stay(
        self, client: Client, user: User, images: list[Image], send: Send
    ) -> None:
        images_tag(owner=user, images=only(images[0]), names=["beach"])
        address = send("tag", tags="Beach, sea")
        assert undone(client, address) == "The tags are off again: beach, sea."
        assert [list(image.tags.values_list("name", flat=True)) for image in images] == [["beach"], [], []]
        images[1].refresh_from_db()
        assert images[1].tag_words == ""

    def test_pictures_that_were_in_the_album_stay(
        self, client: Client, user: User, images: list[Image], send: Send
    ) -> None:
        album = album_create(owner=user, title="Iceland")
        album_add(album=album, images=only(images[1]))
        assert undone(client, send("album", album=album.uuid)) == "2 pictures taken out of “Iceland” again."
        assert inside(album) == [images[1].pk]

    def test_an_album_that_was_made_for_them_goes(self, client: Client, send: Send) -> None:
        address = send("album", title="Iceland")
        assert undone(client, address) == "The album “Iceland” is gone again; its pictures stayed."
        assert not Album.objects.exists()

    def test_unless_something_else_came_into_it(self, client: Client, user: User, send: Send) -> None:
        address = send("album", title="Iceland")
        album, more = Album.objects.get(), add(user)
        album_add(album=album, images=only(more))
        assert undone(client, address) == "3 pictures taken out of “Iceland” again."
        assert inside(album) == [more.pk]

    def test_pictures_come_back_to_their_places(
        self, client: Client, user: User, images: list[Image], send: Send
    ) -> None:
        album, other = album_create(owner=user, title="Iceland"), add(user)
        album_add(album=album, images=only(images[0], images[1]))
        album_add(album=album, images=only(other))
        album_set_cover(album=album, image=images[1])
        address = send("out", within=album.uuid)
        assert inside(album) == [other.pk]
        assert undone(client, address) == "2 pictures back in “Iceland”."
        assert inside(album) == [images[0].pk, images[1].pk, other.pk]
        album.refresh_from_db()
        assert album.cover == images[1]

    def test_a_place_that_was_taken_meanwhile_is_left_alone(
        self, client: Client, user: User, images: list[Image], send: Send
    ) -> None:
        album = album_create(owner=user, title="Iceland")
        album_add(album=album, images=only(*images))
        address = send("out", within=album.uuid)
        other = add(user)
        album_add(album=album, images=only(other))  # is the first one now
        undone(client, address)
        assert sorted(inside(album)) == sorted([other.pk, *(image.pk for image in images)])
        assert AlbumImage.objects.values("position").distinct().count() == 4

    def test_favourites_of_before_stay(self, client: Client, user: User, images: list[Image], send: Send) -> None:
        favourites_add(person=user, images=only(images[2]))
        assert undone(client, send("favourite")) == "2 pictures no longer among your favourites."
        assert Favourite.objects.get().image == images[2]

    def test_deleting(self, client: Client, images: list[Image], send: Send) -> None:
        address = send("delete")
        assert not Image.objects.exists()
        assert undone(client, address) == "3 pictures back from the trash."
        assert Image.objects.count() == 3

    def test_what_changed_nothing_offers_no_undo(self, client: Client, images: list[Image], send: Send) -> None:
        send("favourite")
        answer = client.post("/selection/", {"image": images[0].uuid, "do": "favourite"}, headers=JSON)
        assert "undo" not in answer.json()


class TestPageOfAPicture:
    @pytest.fixture
    def page(self, client: Client, images: list[Image]) -> Send:
        """Sends a form of the first picture's page; then its Undo button; the page that follows."""

        def page(name: str, **said: Any) -> str:
            said_page = client.post(reverse(name, args=[images[0].uuid]), said, follow=True).content.decode()
            address = said_page.partition('action="/undo/')[2].partition('"')[0]
            assert address, said_page
            return client.post(f"/undo/{address}", {"next": "/tags/"}, follow=True).content.decode()

        return page

    def test_tags(self, images: list[Image], page: Send, user: User) -> None:
        assert "The tags are off again: beach." in page("image-tags", add="beach")
        assert not images[0].tags.exists()
        images_tag(owner=user, images=only(images[0]), names=["dog"])
        assert "Tagged again: dog." in page("image-tags", remove="dog")
        assert images[0].tags.get().name == "dog"

    def test_albums(self, images: list[Image], page: Send, user: User) -> None:
        album = album_create(owner=user, title="Iceland")
        assert "1 picture taken out of “Iceland” again." in page("image-albums", album=album.uuid)
        assert inside(album) == []
        album_add(album=album, images=only(*images))
        before = inside(album)
        assert "1 picture back in “Iceland”." in page("image-albums", out=album.uuid)
        assert inside(album) == before

    def test_favourite(self, images: list[Image], page: Send, user: User) -> None:
        assert "1 picture no longer among your favourites." in page("image-favourite", heart="on")
        assert not Favourite.objects.exists()
        favourites_add(person=user, images=only(images[0]))
        assert "1 picture among your favourites again." in page("image-favourite")
        assert Favourite.objects.get().image == images[0]

    def test_visibility(self, images: list[Image], page: Send) -> None:
        assert "Who may see it is as it was. Private: only you." in page("image-visibility", visibility="public")
        images[0].refresh_from_db()
        assert images[0].visibility == Visibility.PRIVATE

    def test_words(self, images: list[Image], page: Send) -> None:
        image_set_words(image=images[0], title="Evening", notes="")
        only(images[0]).update(place="Oslo, Norway")  # as its coordinates have it
        said = {"title": "Morning", "notes": "At home", "place": "Somewhere", "taken": "2001-02-03T04:05"}
        assert "Title, place, date and notes are as they were." in page("image-words", **said)
        images[0].refresh_from_db()
        assert words_of(images[0]) == {
            "title": "Evening",
            "notes": "",
            "place": "Oslo, Norway",
            "place_by_person": False,  # the owner's alone, as before
            "taken_at": None,
        }
        assert images[0].sort_date == images[0].uploaded_at

    def test_deleting(self, images: list[Image], page: Send) -> None:
        assert "1 picture back from the trash." in page("image-delete")
        assert Image.objects.count() == 3


class TestRemembering:
    def test_once(self, client: Client, send: Send) -> None:
        address = send("delete")
        undone(client, address)
        images_trash(images=Image.objects.all())
        again = client.post(address, headers=JSON)
        assert (again.status_code, again.json()["message"]) == (400, "That was undone already, or is too long ago.")
        assert not Image.objects.exists()

    def test_what_changed_since_is_left_alone(self, user: User) -> None:
        image = add(user)
        session: dict[str, Any] = {}
        changes = shown_to({"private": [image.pk]}, after="public")
        name = undo.remember(session, changes)
        image_set_visibility(image=image, visibility="link")
        with pytest.raises(NothingToUndo, match="nothing left"):
            undo.undo(session, name=name, person=user)
        image.refresh_from_db()
        assert image.visibility == "link"

    def test_an_hour(self, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        image = add(user)
        session: dict[str, Any] = {}
        images_trash(images=[image])
        name = undo.remember(session, trashed([image.pk]))
        now = undo.time()
        monkeypatch.setattr(undo, "time", lambda: now + undo.SECONDS + 1)
        with pytest.raises(NothingToUndo, match="too long ago"):
            undo.undo(session, name=name, person=user)
        assert not Image.objects.exists()

    def test_the_last_few(self, user: User) -> None:
        session: dict[str, Any] = {}
        names = [undo.remember(session, trashed([number + 1])) for number in range(undo.MOST + 1)]
        assert [entry["name"] for entry in session[undo.KEY]] == names[1:]

    def test_as_much_as_a_page_may_read(self, user: User) -> None:
        session: dict[str, Any] = {}
        scattered = range(90_000_000, 90_000_000 + 20_000, 2)
        first, second, third = (undo.remember(session, trashed(scattered)) for _ in range(3))
        assert all([first, second, third]), "ten thousand at once"
        assert [entry["name"] for entry in session[undo.KEY]] == [second, third]
        assert undo.remember(session, trashed(range(90_000_000, 90_030_000))) == ""
        assert [entry["name"] for entry in session[undo.KEY]] == [second, third]

    def test_too_much_offers_no_undo(
        self, client: Client, images: list[Image], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(undo, "MOST_BYTES", 10)
        sent = {"image": images[0].uuid, "do": "favourite"}
        assert "undo" not in client.post("/selection/", sent, headers=JSON).json()
        assert "/undo/" not in client.post("/selection/", sent | {"do": "unfavourite"}, follow=True).content.decode()

    def test_what_an_earlier_version_kept_is_nothing_to_undo(self, user: User) -> None:
        old = {"name": "x", "at": undo.time(), "changes": [["visibility", {"ids": [1], "before": "private"}]]}
        with pytest.raises(NothingToUndo):
            undo.undo({"undo": [old]}, name="x", person=user)

    def test_each_by_itself(self, client: Client, user: User, images: list[Image], send: Send) -> None:
        first, second = send("favourite"), send("tag", tags="beach")
        undone(client, first)
        assert images[0].tags.exists()
        undone(client, second)
        assert not images[0].tags.exists()


class TestWhoMay:
    def test_nobody_elses_session_knows_it(self, client: Client, other_user: User, send: Send) -> None:
        address = send("delete")
        other = Client()
        other.force_login(other_user)
        assert other.post(address, headers=JSON).status_code == 400
        assert Client().post(address, headers=JSON).status_code == 401
        assert Client().post(address)["Location"].startswith(reverse("sign-in"))
        assert client.get(address).status_code == 405
        assert not Image.objects.exists()

    def test_ownership_is_asked_again(self, user: User, other_user: User) -> None:
        """As though somebody came by another's session."""
        image, album = add(user), album_create(owner=user, title="Iceland")
        album_add(album=album, images=only(image))
        removal = album_remove(album=album, images=only(image))
        images_trash(images=[image])
        for changes in (
            trashed([image.pk]),
            tagged({"beach": [image.pk]}),
            untagged("beach", [image.pk]),
            taken_out_of_album(album, removal),
            added_to_album(album, [image.pk], is_new=True),
            unfavoured([image.pk]),
            shown_to({"public": [image.pk]}, after="private"),
            words_set(image, before=words_of(image) | {"title": "Theirs"}),
        ):
            session: dict[str, Any] = {}
            name = undo.remember(session, changes)
            with pytest.raises(NothingToUndo):
                undo.undo(session, name=name, person=other_user)
        assert not Image.objects.exists()
        assert Album.objects.get() == album
        assert inside(album) == []
        assert not Favourite.objects.exists()
        image = Image.with_trash.get()
        assert (image.visibility, image.title) == (Visibility.PRIVATE, "")

    def test_a_heart_on_what_others_hide_by_now_does_not_come_back(self, user: User, other_user: User) -> None:
        image = add(other_user, visibility=Visibility.PUBLIC)
        favourites_add(person=user, images=only(image))
        session: dict[str, Any] = {}
        name = undo.remember(session, unfavoured(favourites_remove(person=user, images=only(image))))
        image_set_visibility(image=image, visibility=Visibility.PRIVATE)
        with pytest.raises(NothingToUndo):
            undo.undo(session, name=name, person=user)

    def test_the_form_needs_its_token(self, user: User) -> None:
        client = Client(enforce_csrf_checks=True)
        client.force_login(user)
        assert client.post(reverse("undo", args=["x"])).status_code == 403

    @pytest.mark.parametrize(
        "address", ["https://elsewhere.example/", "//elsewhere.example", "javascript:alert(1)", ""]
    )
    def test_it_leads_nowhere_else(self, client: Client, images: list[Image], address: str) -> None:
        response = client.post(reverse("undo", args=["x"]), {"next": address})
        assert response["Location"] == "/"


def test_what_was_shown_by_mistake_is_hidden_in_the_trash_too(user: User) -> None:
    image = add(user)
    session: dict[str, Any] = {}
    name = undo.remember(session, shown_to({"private": [image.pk]}, after="public"))
    image_set_visibility(image=image, visibility="public")
    images_trash(images=[image])
    assert "as it was" in undo.undo(session, name=name, person=user)
    assert Image.with_trash.get().visibility == Visibility.PRIVATE, "restored, it would be everybody's"


@pytest.mark.parametrize("role", ["view", "add", "manage"])
def test_who_manages_an_album_puts_back_what_others_added(user: User, other_user: User, role: str) -> None:
    image = add(user)
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=only(image))
    AlbumMember.objects.create(album=album, person=other_user, role=role)
    session: dict[str, Any] = {}
    name = undo.remember(session, taken_out_of_album(album, album_remove(album=album, images=only(image))))
    if role == "manage":
        assert "1 picture back in “Iceland”." in undo.undo(session, name=name, person=other_user)
    else:
        with pytest.raises(NothingToUndo):
            undo.undo(session, name=name, person=other_user)
    assert inside(album) == ([image.pk] if role == "manage" else [])


@pytest.mark.django_db(transaction=True)
def test_words_that_are_saved_at_that_moment_stay(user: User) -> None:
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time, and asks everything under its lock")
    image = add(user)
    before = words_of(image)
    image_set_words(image=image, title="Evening", notes="")
    image.refresh_from_db()
    session: dict[str, Any] = {}
    name = undo.remember(session, words_set(image, before=before))
    with transaction.atomic():
        image_set_words(image=image, title="Morning", notes="")
        undoing = InBackground(lambda: undo.undo(session, name=name, person=user))
        wait_until_blocked(undoing)
    assert isinstance(undoing.join().raised, NothingToUndo)
    assert Image.objects.get().title == "Morning"
