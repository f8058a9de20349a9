"""The trash: what goes into it and comes out of it, and that nothing of it shows anywhere else."""

from datetime import timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery import purge, services
from gallery.albums import album_add, album_create, album_move, album_page, album_set_cover, albums_listed
from gallery.favourites import favourites_add
from gallery.models import AlbumImage, AuditEntry, Image, ImageTag, Rendition, User, Visibility
from gallery.selectors import image_neighbours, images_page
from gallery.services import image_describe, image_set_text, images_delete, users_delete
from gallery.tags import images_tag, images_untag, tag_delete, tag_rename, tags_of
from gallery.trash import images_restore, images_trash, purged_at, trash_of, trash_page
from tests.gallery.making import encode, plain, upload
from tests.gallery.test_selectors import NOON, add
from tests.gallery.test_views_library import page_of

pytestmark = pytest.mark.usefixtures("told")
JSON = {"Accept": "application/json"}


def lay(image: Image, days: float) -> None:
    """Let it have lain in the trash for so long."""
    Image.with_trash.filter(pk=image.pk).update(trashed_at=timezone.now() - timedelta(days=days))


class TestMoving:
    def test_there_and_back(self, user: User, told: Any) -> None:
        first, second = add(user), add(user)
        assert images_trash(images=[first], by=user) == 1
        assert list(Image.objects.all()) == [second]
        assert list(trash_of(user)) == [first]
        assert ("changed", [first.pk]) in told
        assert images_restore(images=Image.with_trash.all(), by=user) == 1
        assert ("restored", [first.pk]) in told
        assert set(Image.objects.all()) == {first, second}
        assert not trash_of(user).exists()

    def test_twice_is_once(self, user: User, told: Any) -> None:
        image = add(user)
        assert images_restore(images=[image]) == 0
        images_trash(images=[image])
        thrown_away = trash_of(user).get().trashed_at
        told.clear()
        assert images_trash(images=[image]) == 0
        assert trash_of(user).get().trashed_at == thrown_away
        assert told == []

    def test_the_audit_log_has_one_entry_for_each(self, user: User) -> None:
        images = [add(user), add(user)]
        images_trash(images=images, by=user)
        images_restore(images=images, by=user)
        images_trash(images=images)
        purge.trash_empty(owner=user)
        entries = AuditEntry.objects.order_by("pk").values_list("action", "actor_name", "details")
        two = {"number": 2}
        assert list(entries) == [
            ("image.trash", "ada", two),
            ("image.restore", "ada", two),
            ("image.trash", "", two),
            ("image.purge", "ada", two),
        ]

    def test_pages(self, user: User, other_user: User, django_assert_num_queries: Any) -> None:
        images = [add(user) for _ in range(5)]
        for age, image in enumerate(images):
            lay(image, age)
        lay(add(other_user), 0)
        with django_assert_num_queries(3):
            page = trash_page(owner=user, number=2, size=2)
        assert (page.images, page.total, page.number, page.pages) == (images[2:4], 5, 2, 3)
        assert trash_page(owner=user, number=9, size=2).images == images[4:]
        assert trash_page(owner=other_user, number=1, size=2).total == 1

    def test_it_says_when_a_picture_goes(self, user: User, settings: Any) -> None:
        image = add(user)
        assert purged_at(image) is None
        lay(image, 10)
        image = trash_of(user).get()
        settings.TRASH_DAYS = 30
        assert purged_at(image) == image.trashed_at + timedelta(days=30)  # type: ignore[operator]
        settings.TRASH_DAYS = 0
        assert purged_at(image) is None


class TestPurging:
    def test_what_is_due_goes_in_the_order_of_its_age(
        self, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.TRASH_DAYS = 30
        old, older, young, kept = add(user), add(user), add(user), add(user)
        lay(old, 31)
        lay(older, 32)
        lay(young, 29)
        monkeypatch.setattr(purge, "PURGED_PER_SWEEP", 1)
        assert purge.trash_purge_due() == 1
        assert set(Image.with_trash.all()) == {old, young, kept}
        assert purge.trash_purge_due() == 1
        assert purge.trash_purge_due() == 0
        assert set(Image.with_trash.all()) == {young, kept}

    def test_without_a_time_it_stays(self, user: User, settings: Any) -> None:
        settings.TRASH_DAYS = 0
        lay(add(user), 10_000)
        assert purge.trash_purge_due() == 0
        assert purge.trash_empty(owner=user) == 1

    def test_what_somebody_restores_meanwhile_stays(
        self, user: User, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.TRASH_DAYS = 30
        image, other = add(user), add(user)
        for each in (image, other):
            lay(each, 31)
        found = purge.in_chunks

        def restored_first(*args: Any) -> Any:
            chunks = list(found(*args))
            images_restore(images=[image])
            return chunks

        monkeypatch.setattr(purge, "in_chunks", restored_first)
        assert purge.trash_purge_due() == 1
        assert list(Image.with_trash.all()) == [image]

    def test_only_ones_own_and_only_what_is_in_the_trash(self, user: User, other_user: User) -> None:
        kept, gone, theirs = add(user), add(user), add(other_user)
        images_trash(images=[gone, theirs])
        assert purge.trash_purge(owner=user, images=Image.with_trash.all()) == 1
        assert set(Image.with_trash.all()) == {kept, theirs}

    def test_deleting_for_good_and_deleting_people_reach_into_the_trash(self, user: User) -> None:
        first, second = add(user), add(user)
        images_trash(images=[first, second])
        assert images_delete(images=[first]) == 1
        users_delete(users=[user])
        assert not Image.with_trash.exists()


class TestUploadingAgain:
    def test_a_picture_from_the_trash_comes_back(self, user: User) -> None:
        content = encode(plain())
        image = services.image_create(owner=user, file=upload(content), file_name="a.png").image
        images_tag(owner=user, images=Image.objects.all(), names=["beach"])
        images_trash(images=[image])
        creation = services.image_create(owner=user, file=upload(content), file_name="b.png")
        assert (creation.image, creation.created, creation.restored) == (image, False, True)
        assert Image.objects.get().tags.get().name == "beach"
        again = services.image_create(owner=user, file=upload(content), file_name="b.png")
        assert (again.created, again.restored) == (False, False)

    def test_the_page_says_so(self, client: Client, user: User) -> None:
        client.force_login(user)
        content = encode(plain())
        services.image_create(owner=user, file=upload(content), file_name="a.png")
        images_trash(images=Image.objects.all())
        page = client.post(reverse("upload"), {"pictures": upload(content, "a.png"), "visibility": "private"})
        assert "This picture was in your trash, and is back" in page.content.decode()


class TestWorkGoesOn:
    def test_what_is_said_of_a_picture_in_the_trash_is_kept(self, user: User) -> None:
        image = add(user)
        images_trash(images=[image])
        image_describe(image_id=image.pk, text="a dog", unsure=False, by_person=False)
        image_set_text(image_id=image.pk, text="STOP")
        images_restore(images=[image])
        image.refresh_from_db()
        assert (image.description, image.text_in_picture) == ("a dog", "STOP")

    def test_renditions_are_made(self, user: User) -> None:
        image = services.image_create(owner=user, file=upload(encode(plain())), file_name="a.png").image
        images_trash(images=[image])
        services.renditions_create(image=image, picture=plain())
        assert all(default_storage.exists(name) for name in Rendition.objects.values_list("file", flat=True))
        assert Rendition.objects.count() == 2


class TestNothingShows:
    def test_in_albums(self, user: User) -> None:
        album = album_create(owner=user, title="Iceland")
        first, second, third = (add(user, NOON + timedelta(days=day)) for day in range(3))
        album_add(album=album, images=Image.objects.all())
        album_set_cover(album=album, image=second)
        images_trash(images=[second])
        (listed,) = albums_listed(viewer=user)
        assert (listed.album.pictures, listed.front) == (2, first)
        assert album_page(album=album, after=0, size=10).images == [first, third]
        assert album.images.count() == 2
        album_move(album=album, image=third, earlier=True)  # before the one that shows, past the one that doesn't
        assert album_page(album=album, after=0, size=10).images == [third, first]
        images_restore(images=[second])
        (listed,) = albums_listed(viewer=user)
        assert (listed.album.pictures, listed.front) == (3, second)
        positions = AlbumImage.objects.values_list("position", flat=True)
        assert len(set(positions)) == 3

    def test_in_tags(self, user: User) -> None:
        first, second = add(user), add(user)
        images_tag(owner=user, images=Image.objects.all(), names=["beach"])
        images_tag(owner=user, images=Image.objects.filter(pk=second.pk), names=["dog"])
        images_trash(images=[second])
        assert [(tag.name, tag.pictures) for tag in tags_of(user)] == [("beach", 1)]
        images_restore(images=[second])
        counted = {tag.name: tag.pictures for tag in tags_of(user)}
        assert counted == {"beach": 2, "dog": 1}
        assert first.tags.count() == 1

    def test_but_tags_that_change_do_so_there_too(self, user: User) -> None:
        image = add(user)
        images_tag(owner=user, images=Image.objects.all(), names=["dog", "hound", "sea"])
        images_trash(images=[image])
        dog, _, sea = user.tags.order_by("key")
        tag_rename(tag=dog, name="hound")  # which the picture has as well
        tag_delete(tag=sea)
        images_restore(images=[image])
        image.refresh_from_db()
        assert (image.tag_words, image.tags.get().name) == ("hound", "hound")

    def test_in_lists_and_beside_others(self, client: Client, user: User) -> None:
        newest, gone, oldest = (add(user, NOON - timedelta(days=day), Visibility.PUBLIC) for day in range(3))
        favourites_add(person=user, images=Image.objects.all())
        images_trash(images=[gone])
        assert images_page(images=Image.objects.all(), cursor=None, size=5).images == [newest, oldest]
        assert image_neighbours(image=newest, images=Image.objects.all()) == (None, oldest)
        client.force_login(user)
        for url in ("/", "/public/"):
            assert str(gone.uuid) not in page_of(client, url)


class TestPage:
    def test_the_owner_sees_what_is_in_it_and_when_it_goes(
        self, client: Client, user: User, other_user: User, settings: Any
    ) -> None:
        settings.TRASH_DAYS = 30
        client.force_login(user)
        assert "The trash is empty" in page_of(client, "/trash/")
        mine, kept, theirs = add(user), add(user), add(other_user, visibility=Visibility.PUBLIC)
        images_trash(images=[mine, theirs])
        page = page_of(client, "/trash/")
        assert str(mine.uuid) in page
        assert str(kept.uuid) not in page
        assert str(theirs.uuid) not in page
        goes = timezone.localtime(timezone.now() + timedelta(days=30))
        assert f"goes on {goes.day} {goes:%B}" in page

    def test_more_pictures_take_no_more_statements(
        self, client: Client, user: User, django_assert_max_num_queries: Any
    ) -> None:
        client.force_login(user)
        images_trash(images=[add(user) for _ in range(20)])
        with django_assert_max_num_queries(8):
            page_of(client, "/trash/")
        with django_assert_max_num_queries(8):
            page_of(client, "/trash/empty/")

    def test_restoring_what_is_selected(self, client: Client, user: User, other_user: User) -> None:
        client.force_login(user)
        mine, other, theirs = add(user), add(user), add(other_user)
        images_trash(images=[mine, other, theirs])
        sent = {"image": [mine.uuid, theirs.uuid], "do": "restore"}
        answer = client.post("/trash/selection/", sent, headers=JSON)
        assert answer.json()["message"] == "1 picture back in your library."
        assert list(Image.objects.all()) == [mine]
        answer = client.post("/trash/selection/", sent, headers=JSON)
        assert (answer.status_code, answer.json()["message"]) == (400, "Select some pictures in your trash first.")

    def test_deleting_for_good_asks_first(self, client: Client, user: User, other_user: User) -> None:
        client.force_login(user)
        mine, kept, theirs = add(user), add(user), add(other_user)
        image_describe(image_id=mine.pk, text="a dog", unsure=False, by_person=True)
        images_trash(images=[mine, theirs])
        sent = {"image": [mine.uuid, kept.uuid, theirs.uuid], "do": "purge"}
        page = client.post("/trash/selection/", sent).content.decode()
        assert "Delete this picture for good?" in page
        assert "Captions that a person wrote go too: of 1 picture." in page
        assert Image.with_trash.count() == 3
        page = client.post("/trash/selection/", sent | {"sure": "on"}, follow=True).content.decode()
        assert "1 picture deleted for good." in page
        assert set(Image.with_trash.all()) == {kept, theirs}

    def test_emptying_asks_first(self, client: Client, user: User, other_user: User) -> None:
        client.force_login(user)
        images_trash(images=[add(user), add(user), theirs := add(other_user)])
        kept = add(user)
        assert "Empty the trash?" in page_of(client, "/trash/empty/")
        assert Image.with_trash.count() == 4
        page = client.post("/trash/empty/", follow=True).content.decode()
        assert "The trash is empty: 2 pictures deleted for good." in page
        assert set(Image.with_trash.all()) == {kept, theirs}

    def test_emptying_very_much_says_what_is_left(
        self, client: Client, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(purge, "PURGED_PER_REQUEST", 2)
        client.force_login(user)
        images_trash(images=[add(user) for _ in range(3)])
        page = client.post("/trash/empty/", follow=True).content.decode()
        assert "2 pictures deleted for good. 1 are left: empty the trash again." in page

    @pytest.mark.parametrize("number", ["0", "x", "999999", "²"])
    def test_any_page_number_shows_a_page(self, client: Client, user: User, number: str) -> None:
        client.force_login(user)
        images_trash(images=[image := add(user)])
        assert str(image.uuid) in page_of(client, f"/trash/?page={number}")


def test_a_tag_taken_off_a_picture_in_the_trash_is_off(user: User) -> None:
    image = add(user)
    images_tag(owner=user, images=Image.objects.all(), names=["dog"])
    images_trash(images=[image])
    assert images_untag(owner=user, images=Image.with_trash.all(), name="dog") == [image.pk]
    image = Image.with_trash.get()
    assert image.tag_words == ""
    assert not ImageTag.objects.exists()
