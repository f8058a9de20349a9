"""What was taken out of the trash goes back into it, unless somebody else did something with it meanwhile."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery import undo
from gallery.albums import album_add, album_create
from gallery.albums_deleted import album_delete, album_restore, deleted_albums_of
from gallery.exceptions import NothingToUndo
from gallery.models import Album, AuditEntry, DeletedAlbum, Image, User
from gallery.services import images_delete
from gallery.trash import images_restore, images_trash, trash_of
from gallery.undo.trash import album_restored, restored
from tests.gallery.test_selectors import add
from tests.gallery.test_undo import JSON, inside, only, undone
from tests.gallery.test_undo_tags import button, left, taken_back

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def images(client: Client, user: User) -> list[Image]:
    """Three in the trash, for ten days by now."""
    client.force_login(user)
    images = [add(user) for _ in range(3)]
    images_trash(images=images)
    Image.with_trash.update(trashed_at=timezone.now() - timedelta(days=10))
    return images


@pytest.fixture
def album(client: Client, user: User) -> Album:
    client.force_login(user)
    album = album_create(owner=user, title="Iceland")
    album_add(album=album, images=only(add(user)))
    return album


class TestPictures:
    def test_by_a_script(self, client: Client, user: User, images: list[Image]) -> None:
        sent = {"image": [image.uuid for image in images[:2]], "do": "restore"}
        answer = client.post("/trash/selection/", sent, headers=JSON).json()
        assert Image.objects.count() == 2
        assert undone(client, answer["undo"]) == "2 pictures back in the trash."
        assert set(trash_of(user)) == set(images)

    def test_on_the_page_and_once(self, client: Client, user: User, images: list[Image]) -> None:
        sent = {"image": images[0].uuid, "do": "restore"}
        page = client.post("/trash/selection/", sent, follow=True).content.decode()
        address = button(page)
        assert "1 picture back in the trash." in client.post(address, {"next": "/trash/"}, follow=True).content.decode()
        images_restore(images=[images[0]])
        assert client.post(address, headers=JSON).status_code == 400
        assert list(Image.objects.all()) == [images[0]]

    def test_their_days_are_counted_anew(self, client: Client, user: User, images: list[Image]) -> None:
        images_restore(images=images[:1])
        taken_back(restored([images[0].pk]), user)
        again, *others = trash_of(user)
        assert again.trashed_at > timezone.now() - timedelta(hours=1)  # type: ignore[operator]
        assert all(each.trashed_at < timezone.now() - timedelta(days=9) for each in others)  # type: ignore[operator]
        assert AuditEntry.objects.order_by("pk").last().action == "image.trash"  # type: ignore[union-attr]

    def test_one_that_was_deleted_again_since_stays_as_it_is(self, user: User, images: list[Image]) -> None:
        images_restore(images=images[:2])
        images_trash(images=images[:1])
        (before,) = trash_of(user).filter(pk=images[0].pk).values_list("trashed_at", flat=True)
        assert taken_back(restored([image.pk for image in images[:2]]), user) == "1 picture back in the trash."
        assert trash_of(user).get(pk=images[0].pk).trashed_at == before

    def test_not_those_of_others_nor_what_is_gone(self, user: User, other_user: User, images: list[Image]) -> None:
        images_restore(images=images)
        changes = restored([image.pk for image in images])
        left(changes, other_user)
        assert Image.objects.count() == 3
        images_delete(images=images)
        left(changes, user)


class TestAlbums:
    def test_on_the_page(self, client: Client, user: User, album: Album) -> None:
        trashed = album_delete(album=album)
        said = {"album": trashed.pk if trashed else 0}
        page = client.post(reverse("album-restore"), said, follow=True).content.decode()
        page = client.post(button(page), {"next": "/albums/"}, follow=True).content.decode()
        assert "The album “Iceland” is back in the trash." in page
        assert not Album.objects.exists()
        assert Image.objects.count() == 1

    def test_what_came_into_it_since_comes_back_with_it(self, user: User, album: Album) -> None:
        late = add(user)
        album_add(album=album, images=only(late))
        before = inside(album)
        taken_back(album_restored(album), user)
        album_restore(deleted=deleted_albums_of(user).get())
        assert inside(album) == before

    def test_once_and_by_its_owner(self, user: User, other_user: User, album: Album) -> None:
        changes = album_restored(album)
        left(changes, other_user)
        assert Album.objects.get() == album
        session: dict[str, Any] = {}
        name = undo.remember(session, changes)
        undo.undo(session, name=name, person=user)
        with pytest.raises(NothingToUndo):
            undo.undo(session, name=name, person=user)
        left(changes, user)
        assert DeletedAlbum.objects.count() == 1
