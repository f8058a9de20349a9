"""How many pictures albums and tags keep that they hold, whatever becomes of these."""

import hashlib
from collections.abc import Callable
from threading import Thread
from typing import Any, NamedTuple

import pytest
from django.core.files.base import ContentFile
from django.db import connection

from gallery.albums import album_add, album_create, album_put_back, album_remove
from gallery.albums_deleted import album_delete, album_restore
from gallery.counted import holders, recount
from gallery.models import Album, AlbumImage, Image, Tag, User
from gallery.services import image_create, images_delete, users_delete
from gallery.sharing import member_add, member_put_back, member_remove
from gallery.tags import images_tag, images_untag, tag_delete, tag_name_back, tag_rename, tag_restore, tags_part
from gallery.trash import images_restore, images_trash
from tests.gallery import recording
from tests.gallery.making import encode, plain
from tests.gallery.test_selectors import add

EVERY = Image.with_trash.all()


class World(NamedTuple):
    """Three pictures of one person and one of another's in an album; of the three, all are red and one is blue."""

    owner: User
    friend: User
    images: list[Image]
    album: Album

    @property
    def one(self) -> Any:
        return Image.with_trash.filter(pk=self.images[0].pk)

    @property
    def red(self) -> Tag:
        return Tag.objects.get(key="red")

    @property
    def blue(self) -> Tag:
        return Tag.objects.get(key="blue")

    def numbers(self) -> dict[str, int]:
        albums = Album.objects.values_list("title", "pictures")
        return dict(albums) | dict(Tag.objects.values_list("name", "pictures"))


@pytest.fixture
def world(user: User, other_user: User, told: Any) -> World:
    images = [add(user), add(user), add(user), add(other_user)]
    album = album_create(owner=user, title="Iceland")
    album_create(owner=user, title="Empty")
    member_add(album=album, by=user, username=other_user.username, role="add")
    album_add(album=album, images=EVERY)
    album_add(album=album, images=EVERY, by=other_user)
    world = World(user, other_user, images, album)
    images_tag(owner=user, images=EVERY, names=["red"])
    images_tag(owner=user, images=world.one, names=["blue"])
    return world


def remove_and_put_back(world: World) -> None:
    album_put_back(album=world.album, removal=album_remove(album=world.album, images=world.one))


def delete_and_restore_album(world: World) -> None:
    deleted = album_delete(album=world.album)
    assert deleted
    album_restore(deleted=deleted)


def remove_a_member_and_put_them_back(world: World) -> None:
    departure = member_remove(member=world.album.members.get(), by=world.owner)
    assert departure
    member_put_back(album=world.album, departure=departure, by=world.owner)


def upload_again_from_the_trash(world: World) -> None:
    content = encode(plain())
    world.one.update(sha256=hashlib.sha256(content).hexdigest())
    images_trash(images=world.one)
    assert image_create(owner=world.owner, file=ContentFile(content), file_name="it.jpg").restored


def trash_and_restore(world: World) -> None:
    images_trash(images=world.images)
    images_restore(images=world.images[1:])


def purge_from_the_trash(world: World) -> None:
    images_trash(images=world.one)
    images_delete(images=world.one)


def merge_and_part(world: World) -> None:
    renaming = tag_rename(tag=world.red, name="Blue")
    assert renaming.gone
    assert world.numbers()["Blue"] == 3
    tags_part(owner=world.owner, gone=renaming.gone, moved=renaming.moved, other=renaming.tag.pk)
    tag_name_back(owner=world.owner, pk=renaming.tag.pk, before="blue", after="Blue")


ALL = {"Iceland": 4, "Empty": 0, "red": 3, "blue": 1}
LESS_ONE = {"Iceland": 3, "Empty": 0, "red": 2, "blue": 0}
WAYS: dict[str, tuple[Callable[[World], object], dict[str, int]]] = {
    "nothing": (lambda world: None, ALL),
    "added again": (lambda world: album_add(album=world.album, images=EVERY), ALL),
    "removed": (lambda world: album_remove(album=world.album, images=world.one), ALL | {"Iceland": 3}),
    "put back": (remove_and_put_back, ALL),
    "album back": (delete_and_restore_album, ALL),
    "a member gone": (
        lambda world: member_remove(member=world.album.members.get(), by=world.owner), ALL | {"Iceland": 3}
    ),
    "a member back": (remove_a_member_and_put_them_back, ALL),
    "uploaded again": (upload_again_from_the_trash, ALL | {"Iceland": 3}),
    "in the trash": (lambda world: images_trash(images=world.one), LESS_ONE),
    "out of the trash": (trash_and_restore, LESS_ONE),
    "purged": (purge_from_the_trash, LESS_ONE),
    "deleted at once": (lambda world: images_delete(images=world.one), LESS_ONE),
    "a person gone": (lambda world: users_delete(users=[world.friend]), ALL | {"Iceland": 3}),
    "tagged again": (lambda world: images_tag(owner=world.owner, images=EVERY, names=["blue"]), ALL | {"blue": 3}),
    "untagged": (lambda world: images_untag(owner=world.owner, images=world.one, name="red"), ALL | {"red": 2}),
    "tags parted": (merge_and_part, ALL),
    "tag back": (lambda world: tag_restore(owner=world.owner, gone=tag_delete(tag=world.red)), ALL),
}  # fmt: skip


@pytest.mark.parametrize("way", WAYS)
def test_numbers_of_pictures(world: World, way: str) -> None:
    do, expected = WAYS[way]
    do(world)
    assert world.numbers() == expected


def test_what_holds_pictures(world: World) -> None:
    def holding(*images: Image) -> tuple[set[int], set[int]]:
        ids = [image.pk for image in images]
        return holders(Album, ids), holders(Tag, ids)

    assert holding(world.images[0]) == ({world.album.pk}, {world.red.pk, world.blue.pk})
    assert holding(world.images[3]) == ({world.album.pk}, set())
    assert holding() == (set(), set())


def test_a_number_that_was_wrong_is_right_after_the_next_change(world: World) -> None:
    AlbumImage.objects.filter(image=world.images[0]).delete()
    assert world.numbers()["Iceland"] == 4
    recount(Album, [world.album.pk])
    assert world.numbers()["Iceland"] == 3


@pytest.mark.django_db(transaction=True)
def test_who_counts_last_sees_what_others_changed_meanwhile(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor == "sqlite":
        pytest.skip("SQLite has one writer at a time")
    others = list[Thread]()

    def untag() -> None:
        try:
            images_untag(owner=world.owner, images=Image.objects.filter(pk=world.images[1].pk), name="red")
        finally:
            connection.close()

    def changed(**_: object) -> None:  # what is in the trash was counted, and isn't committed yet
        others.append(Thread(target=untag))
        others[0].start()
        others[0].join(timeout=0.5)  # until it waits for the tag

    monkeypatch.setattr(recording, "changed", changed)
    images_trash(images=world.one)
    others[0].join()
    assert world.numbers()["red"] == 1
