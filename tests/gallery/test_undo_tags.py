"""Tags that are renamed, merged and deleted: undone, all is as it was, but for what changed since."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gallery import undo
from gallery.exceptions import NothingToUndo
from gallery.models import Image, Tag, User
from gallery.services import images_delete
from gallery.tags import Renaming, images_tag, images_untag, tag_delete, tag_rename
from gallery.trash import images_trash
from gallery.undo import Change
from gallery.undo.tags import tag_deleted, tag_renamed
from tests.gallery.test_selectors import add
from tests.gallery.test_tags import tags
from tests.gallery.test_undo import only

pytestmark = pytest.mark.usefixtures("told")
Page = Callable[..., str]


def button(page: str) -> str:
    """The address that the page's Undo button sends to."""
    address = page.partition('action="/undo/')[2].partition('"')[0]
    assert address, page
    return f"/undo/{address}"


def taken_back(changes: list[Change], person: User) -> str:
    session: dict[str, Any] = {}
    return undo.undo(session, name=undo.remember(session, changes), person=person)


def left(changes: list[Change], person: User) -> None:
    with pytest.raises(NothingToUndo):
        taken_back(changes, person)


@pytest.fixture
def both(user: User) -> Image:
    """Has the two tags that become one."""
    image = add(user)
    images_tag(owner=user, images=only(image), names=["seaside", "Beach"])
    return image


@pytest.fixture
def one(user: User, both: Image) -> Image:
    """Has the one that goes into the other."""
    image = add(user)
    images_tag(owner=user, images=only(image), names=["seaside"])
    return image


@pytest.fixture
def other(user: User, both: Image) -> Image:
    """Has the one that stays."""
    image = add(user)
    images_tag(owner=user, images=only(image), names=["beach"])
    return image


@pytest.fixture
def page(client: Client, user: User) -> Page:
    """Does something on the page of tags, and presses Undo, which was on the page that follows."""
    client.force_login(user)

    def page(address: str, **said: str) -> str:
        shown = client.post(address, said, follow=True).content.decode()
        return client.post(button(shown), {"next": "/tags/"}, follow=True).content.decode()

    return page


def merge(user: User) -> Renaming:
    return tag_rename(tag=user.tags.get(key="seaside"), name="beach")


class TestPage:
    def test_another_name(self, page: Page, user: User) -> None:
        image = add(user)
        images_tag(owner=user, images=only(image), names=["Bech"])
        assert "The tag is called “Bech” again." in page("/tags/rename/", tag="bech", name="beach")
        assert tags(image) == ["Bech"]

    def test_two_that_became_one(self, page: Page, both: Image, one: Image, other: Image) -> None:
        said = page("/tags/rename/", tag="seaside", name="BEACH")
        assert "“seaside” and “Beach” are two tags again." in said
        assert (tags(both), tags(one), tags(other)) == (["Beach", "seaside"], ["seaside"], ["Beach"])

    def test_they_are_told_of(self, client: Client, user: User, both: Image) -> None:
        client.force_login(user)
        shown = client.post("/tags/rename/", {"tag": "seaside", "name": "BEACH"}, follow=True).content.decode()
        assert "“seaside” and “Beach” are one tag now: “BEACH”." in shown

    def test_deleting(self, page: Page, user: User, both: Image, one: Image) -> None:
        tag = user.tags.get(key="seaside")
        images_trash(images=[one])
        said = page("/tags/delete/", tag="seaside", sure="on")
        assert "The tag “seaside” is back on 2 pictures." in said
        assert tags(both) == ["Beach", "seaside"]
        assert Image.with_trash.get(pk=one.pk).tag_words == "seaside"
        assert user.tags.get(key="seaside") == tag

    def test_the_same_name_again_offers_no_undo(self, client: Client, user: User, both: Image) -> None:
        client.force_login(user)
        shown = client.post("/tags/rename/", {"tag": "beach", "name": "Beach"}, follow=True).content.decode()
        assert "/undo/" not in shown


class TestMeanwhile:
    def test_a_name_that_was_given_since_stays(self, user: User, both: Image) -> None:
        changes = tag_renamed(tag_rename(tag=user.tags.get(key="beach"), name="shore"))
        tag_rename(tag=user.tags.get(key="shore"), name="coast")
        left(changes, user)
        assert tags(both) == ["coast", "seaside"]

    def test_a_name_that_another_tag_has_by_now_makes_no_one_of_two(self, user: User, both: Image, one: Image) -> None:
        changes = tag_renamed(tag_rename(tag=user.tags.get(key="beach"), name="shore"))
        images_tag(owner=user, images=only(one), names=["beach"])
        left(changes, user)
        assert (tags(both), tags(one)) == (["seaside", "shore"], ["beach", "seaside"])

    def test_a_picture_that_lost_the_one_tag_gets_neither(
        self, user: User, both: Image, one: Image, other: Image
    ) -> None:
        changes = tag_renamed(merge(user))
        images_untag(owner=user, images=only(both), name="beach")
        late = add(user)
        images_tag(owner=user, images=only(late), names=["beach"])
        taken_back(changes, user)
        assert [tags(image) for image in (both, one, other, late)] == [[], ["seaside"], ["Beach"], ["Beach"]]

    def test_the_one_tag_was_renamed(self, user: User, one: Image, other: Image) -> None:
        changes = tag_renamed(merge(user))
        tag_rename(tag=user.tags.get(key="beach"), name="shore")
        assert taken_back(changes, user) == "“seaside” and “shore” are two tags again."
        assert (tags(one), tags(other)) == (["seaside"], ["shore"])

    def test_the_one_tag_was_given_the_old_name(self, user: User, one: Image, other: Image) -> None:
        changes = tag_renamed(merge(user))
        tag_rename(tag=user.tags.get(key="beach"), name="Seaside")
        left(changes, user)
        assert (tags(one), tags(other)) == (["Seaside"], ["Seaside"])

    def test_the_one_tag_was_deleted(self, user: User, one: Image) -> None:
        merged = tag_renamed(merge(user))
        deleted = tag_deleted(tag_delete(tag=user.tags.get(key="beach")))
        left(merged, user)
        assert tags(one) == []
        taken_back(deleted, user)
        taken_back(merged, user)
        assert tags(one) == ["seaside"]

    def test_pictures_that_were_given_the_deleted_tag_keep_it(self, user: User, both: Image, one: Image) -> None:
        changes = tag_deleted(tag_delete(tag=user.tags.get(key="seaside")))
        images_tag(owner=user, images=only(both), names=["SEASIDE"])
        assert "back on 1 picture." in taken_back(changes, user)
        assert (tags(both), tags(one)) == (["Beach", "SEASIDE"], ["SEASIDE"])

    def test_the_tag_came_back_and_was_renamed(self, user: User, one: Image) -> None:
        changes = tag_deleted(tag_delete(tag=user.tags.get(key="seaside")))
        taken_back(changes, user)
        tag_rename(tag=user.tags.get(key="seaside"), name="shore")
        taken_back(changes, user)
        assert tags(one) == ["seaside", "shore"]

    def test_pictures_that_are_gone_for_good(self, user: User, one: Image) -> None:
        changes = tag_deleted(tag_delete(tag=user.tags.get(key="seaside")))
        images_delete(images=Image.objects.all())
        left(changes, user)
        assert not user.tags.filter(key="seaside").exists()


class TestWhoMay:
    @pytest.mark.parametrize(
        "change",
        [
            lambda user: tag_renamed(tag_rename(tag=user.tags.get(key="beach"), name="shore")),
            lambda user: tag_renamed(merge(user)),
            lambda user: tag_deleted(tag_delete(tag=user.tags.get(key="seaside"))),
        ],
        ids=["renamed", "merged", "deleted"],
    )
    def test_nobody_by_anothers_session(
        self, user: User, other_user: User, both: Image, one: Image, change: Callable[[User], list[Change]]
    ) -> None:
        changes = change(user)
        before = [tags(image) for image in (both, one)]
        left(changes, other_user)
        assert [tags(image) for image in (both, one)] == before
        assert not Tag.objects.filter(owner=other_user).exists()

    def test_once(self, user: User, one: Image) -> None:
        changes = tag_deleted(tag_delete(tag=user.tags.get(key="seaside")))
        session: dict[str, Any] = {}
        name = undo.remember(session, changes)
        undo.undo(session, name=name, person=user)
        images_untag(owner=user, images=only(one), name="seaside")
        with pytest.raises(NothingToUndo, match="undone already"):
            undo.undo(session, name=name, person=user)
        assert tags(one) == []


def test_pictures_without_a_gap_are_remembered_as_one(user: User) -> None:
    images = [add(user) for _ in range(5)]
    tagged = [images[0], images[1], images[2], images[4]]
    images_tag(owner=user, images=only(*tagged), names=["dog"])
    (change,) = tag_deleted(tag_delete(tag=Tag.objects.get()))
    assert change.values["runs"] == f"{images[0].pk}-{images[2].pk} {images[4].pk}"
    taken_back([change], user)
    assert [tags(image) for image in images] == [["dog"]] * 3 + [[], ["dog"]]
