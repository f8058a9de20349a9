"""Undo of what was done with many pictures at once: whatever really changed, and nothing else."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gallery.favourites import favourites_add
from gallery.models import Favourite, Image, ImageTag, User, Visibility
from gallery.services import image_set_visibility, images_set_visibility
from gallery.tags import images_tag
from tests.gallery.test_selectors import add

JSON = {"Accept": "application/json"}
Do = Callable[..., str]


@pytest.fixture
def images(client: Client, user: User) -> list[Image]:
    """One for each visibility."""
    client.force_login(user)
    return [add(user, visibility=visibility) for visibility in Visibility]


@pytest.fixture
def do(client: Client, told: list[tuple[str, Any]]) -> Do:
    """Does something with pictures, as a script; the address that undoes it."""

    def do(name: str, images: list[Image], **said: Any) -> str:
        sent = {"image": [image.uuid for image in images], "do": name, **said}
        return str(client.post("/selection/", sent, headers=JSON).json().get("undo", ""))

    return do


def undone(client: Client, address: str) -> str:
    response = client.post(address, headers=JSON)
    assert response.status_code == 200
    return str(response.json()["message"])


def only(*images: Image) -> Any:
    return Image.objects.filter(pk__in=[image.pk for image in images])


def shown_to(images: list[Image]) -> list[str]:
    return [Image.with_trash.get(pk=image.pk).visibility for image in images]


class TestVisibility:
    def test_each_is_seen_by_whom_it_was(self, client: Client, images: list[Image], do: Do) -> None:
        address = do("visibility", images, visibility="public")
        assert shown_to(images) == ["public"] * 3
        assert undone(client, address) == "Who may see 2 pictures is as it was."
        assert shown_to(images) == ["private", "link", "public"]

    def test_what_was_said_since_stands(self, client: Client, images: list[Image], do: Do) -> None:
        address = do("visibility", images, visibility="public")
        image_set_visibility(image=images[0], visibility="link")
        assert undone(client, address) == "Who may see it is as it was. Anyone with the link."
        assert shown_to(images) == ["link", "link", "public"]

    def test_search_is_told_of_what_changed_alone(
        self, client: Client, images: list[Image], do: Do, told: list[tuple[str, Any]]
    ) -> None:
        told.clear()
        address = do("visibility", images, visibility="private")
        changed = sorted(image.pk for image in images[1:])
        assert [(name, sorted(ids)) for name, ids in told] == [("changed", changed)]
        told.clear()
        undone(client, address)
        assert sorted(told) == [("changed", [pk]) for pk in changed]
        told.clear()
        assert do("visibility", images[2:], visibility="public") == ""
        assert told == []

    def test_a_visibility_that_there_isnt(self, images: list[Image]) -> None:
        with pytest.raises(ValueError, match="everyone"):
            images_set_visibility(images=Image.objects.all(), visibility="everyone")
        assert shown_to(images) == ["private", "link", "public"]

    def test_more_than_fit_into_a_statement(self, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("gallery.services.AT_ONCE", 2)
        images = [add(user) for _ in range(5)]
        before = images_set_visibility(images=Image.objects.all(), visibility="public")
        assert before == {"private": [image.pk for image in images]}
        assert shown_to(images) == ["public"] * 5


class TestTags:
    def test_those_that_had_it_have_it_again(self, client: Client, user: User, images: list[Image], do: Do) -> None:
        images_tag(owner=user, images=only(*images[:2]), names=["beach", "sea"])
        images_tag(owner=user, images=only(images[2]), names=["sea"])
        before = set(ImageTag.objects.values_list("image", "tag__name"))
        address = do("untag", images, tags="Beach, sea, cat")
        assert not ImageTag.objects.exists()
        assert not only(*images).exclude(tag_words="").exists()
        assert undone(client, address) == "Tagged again: sea. Tagged again: Beach."
        assert set(ImageTag.objects.values_list("image", "tag__name")) == before

    def test_what_one_has_again_already_stays(self, client: Client, user: User, images: list[Image], do: Do) -> None:
        images_tag(owner=user, images=only(*images), names=["beach"])
        address = do("untag", images[:2], tags="beach")
        images_tag(owner=user, images=only(*images[:2]), names=["beach"])
        assert client.post(address, headers=JSON).status_code == 400
        assert ImageTag.objects.count() == 3


class TestFavourites:
    def test_those_that_were_are_again(
        self, client: Client, user: User, other_user: User, images: list[Image], do: Do
    ) -> None:
        theirs = add(other_user, visibility="public")
        favourites_add(person=user, images=only(images[0], theirs))
        favourites_add(person=other_user, images=only(theirs))
        address = do("unfavourite", [*images, theirs])
        assert Favourite.objects.get().person == other_user
        assert undone(client, address) == "2 pictures among your favourites again."
        assert set(user.favourites.values_list("image", flat=True)) == {images[0].pk, theirs.pk}

    def test_what_others_hide_by_now_stays_away(
        self, client: Client, user: User, other_user: User, images: list[Image], do: Do
    ) -> None:
        theirs = add(other_user, visibility="public")
        address = do("favourite", [images[0], theirs])
        image_set_visibility(image=theirs, visibility="private")
        assert undone(client, address) == "2 pictures no longer among your favourites."
        address = do("favourite", [images[0], theirs])
        assert Favourite.objects.get().image == images[0]
        assert undone(client, address) == "1 picture no longer among your favourites."


def test_deleting_leaves_what_others_own(client: Client, other_user: User, images: list[Image], do: Do) -> None:
    theirs = add(other_user, visibility="public")
    address = do("delete", [*images, theirs])
    assert Image.objects.get() == theirs
    assert undone(client, address) == "3 pictures back from the trash."
    assert Image.objects.count() == 4
