"""Albums: what is in them, in which order, and that they go with their people and never with their pictures."""

from collections.abc import Collection
from threading import Thread

import pytest
from django.db import OperationalError, connection, transaction

from gallery.albums import (
    ListedAlbum,
    album_add,
    album_create,
    album_move,
    album_page,
    album_place,
    album_remove,
    album_rename,
    album_set_cover,
    albums_listed,
)
from gallery.albums_deleted import album_delete
from gallery.models import Album, AlbumImage, Image, ImageQuerySet, User
from gallery.services import images_delete, users_delete
from tests.gallery import recording
from tests.gallery.test_selectors import add

EVERY = Image.objects.all()


@pytest.fixture
def album(user: User) -> Album:
    return album_create(owner=user, title="  Iceland\t2024 ")


def only(*images: Image) -> ImageQuerySet:
    return Image.objects.filter(pk__in=[image.pk for image in images])


def inside(album: Album) -> list[Image]:
    return album_page(album=album, after=0, size=50).images


def listed(user: User) -> list[ListedAlbum]:
    return albums_listed(viewer=user)


def test_titles_are_tidied(album: Album) -> None:
    assert (album.title, album.key) == ("Iceland 2024", "iceland 2024")
    album_rename(album=album, title=" ÍSLAND")
    album.refresh_from_db()
    assert (album.title, album.key) == ("ÍSLAND", "ísland")


def test_own_pictures_are_put_at_the_end_once(album: Album, user: User, other_user: User) -> None:
    first, second, third = add(user), add(user), add(user)
    add(other_user)
    assert album_add(album=album, images=only(third)) == [third.pk]
    assert len(album_add(album=album, images=EVERY)) == 2
    assert album_add(album=album, images=EVERY) == []
    assert inside(album) == [third, first, second]


def test_a_picture_may_be_in_several_and_stays_when_they_go(album: Album, user: User) -> None:
    image = add(user)
    other = album_create(owner=user, title="Iceland 2024")
    for each in (album, other):
        album_add(album=each, images=EVERY)
    album_delete(album=album)
    assert list(image.albums.all()) == [other]


def test_pictures_change_places(album: Album, user: User) -> None:
    first, second, third = add(user), add(user), add(user)
    album_add(album=album, images=EVERY)
    album_remove(album=album, images=only(second))
    album_add(album=album, images=only(second))
    album_move(album=album, image=second, earlier=True)
    assert inside(album) == [first, second, third]
    album_move(album=album, image=first, earlier=False)
    assert inside(album) == [second, first, third]
    album_move(album=album, image=second, earlier=True)
    album_move(album=album, image=third, earlier=False)
    album_move(album=album, image=add(user), earlier=True)  # which isn't in it
    assert inside(album) == [second, first, third]


def test_a_picture_takes_the_place_of_another(album: Album, user: User) -> None:
    first, second, third, fourth = (add(user) for _ in range(4))
    album_add(album=album, images=EVERY)
    album_place(album=album, image=fourth, other=second)
    assert inside(album) == [first, fourth, second, third]
    album_place(album=album, image=first, other=fourth)
    assert inside(album) == [fourth, first, second, third]
    album_place(album=album, image=first, other=third)
    assert inside(album) == [fourth, second, third, first]
    album_place(album=album, image=second, other=second)
    elsewhere = add(user)
    album_place(album=album, image=elsewhere, other=first)
    album_place(album=album, image=first, other=elsewhere)
    assert inside(album) == [fourth, second, third, first]


def test_pages_of_an_album(album: Album, user: User) -> None:
    images = [add(user) for _ in range(5)]
    album_add(album=album, images=EVERY)
    album_remove(album=album, images=only(images[2]))
    first = album_page(album=album, after=0, size=2)
    second = album_page(album=album, after=int(first.next_cursor or 0), size=2)
    assert (first.images, second.images, second.next_cursor) == (images[:2], images[3:], None)


def test_the_cover_else_the_first_stands_in_front(album: Album, user: User) -> None:
    first, second = add(user), add(user)
    assert [(each.album.pictures, each.front) for each in listed(user)] == [(0, None)]
    album_add(album=album, images=EVERY)
    assert [(each.album.pictures, each.front) for each in listed(user)] == [(2, first)]
    album_set_cover(album=album, image=add(user))  # which isn't in it
    assert listed(user)[0].front == first
    album_set_cover(album=album, image=second)
    assert listed(user)[0].front == second
    album_remove(album=album, images=only(second))
    assert listed(user)[0].front == first


def test_the_last_changed_comes_first_and_others_are_not_listed(album: Album, user: User, other_user: User) -> None:
    newer = album_create(owner=user, title="Newer")
    album_create(owner=other_user, title="Theirs")
    assert [each.album for each in listed(user)] == [newer, album]
    add(user)
    album_add(album=album, images=EVERY)
    assert [each.album for each in listed(user)] == [album, newer]


@pytest.mark.usefixtures("told")
def test_pictures_and_people_are_deleted_with_their_places(album: Album, user: User) -> None:
    first, second = add(user), add(user)
    album_add(album=album, images=EVERY)
    album_set_cover(album=album, image=first)
    images_delete(images=[first])
    album.refresh_from_db()
    assert (inside(album), album.cover) == ([second], None)
    users_delete(users=[user])
    assert not Album.objects.exists()
    assert not AlbumImage.objects.exists()


def test_nothing_is_put_in_an_album_that_is_gone(album: Album, user: User) -> None:
    image = add(user)
    Album.objects.filter(pk=album.pk).delete()
    assert album_add(album=album, images=EVERY) == []
    album_rename(album=album, title="Gone")
    album_set_cover(album=album, image=image)
    album_remove(album=album, images=EVERY)
    assert not Album.objects.exists()


@pytest.mark.usefixtures("told")
@pytest.mark.django_db(transaction=True)
def test_deletion_locks_albums_before_places_as_all_do(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    album = album_create(owner=user, title="Iceland")
    cover = add(user)
    album_add(album=album, images=EVERY)
    album_set_cover(album=album, image=cover)
    refused = list[OperationalError]()

    def change_elsewhere() -> None:
        try:
            with transaction.atomic():
                Album.objects.select_for_update(nowait=True).get()
        except OperationalError as error:
            refused.append(error)
        finally:
            connection.close()

    def forget(*, image_ids: Collection[int]) -> None:  # before anything is deleted
        thread = Thread(target=change_elsewhere)
        thread.start()
        thread.join()

    monkeypatch.setattr(recording, "forget", forget)
    images_delete(images=[cover])
    assert len(refused) == 1
