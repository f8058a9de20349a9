"""How many pictures albums and tags hold, whatever lies in the trash."""

from collections.abc import Callable
from typing import Any

from gallery.albums import album_add, album_create, albums_listed
from gallery.counted import pictures_in
from gallery.models import Image, User
from gallery.tags import images_tag, tags_counted
from gallery.trash import images_restore, images_trash


def test_the_trash_counts_for_nothing(user: User, make_image: Callable[..., Image]) -> None:
    images = [make_image(color) for color in ("red", "green", "blue")]
    everything = Image.objects.filter(owner=user)
    album, empty = album_create(owner=user, title="Iceland"), album_create(owner=user, title="Empty")
    album_add(album=album, images=everything)
    images_tag(owner=user, images=everything, names=["sea"])
    images_tag(owner=user, images=Image.objects.filter(pk=images[0].pk), names=["red"])

    def numbers() -> tuple[dict[str, int], dict[str, int]]:
        listed = {each.album.title: each.pictures for each in albums_listed(viewer=user)}
        tags: list[Any] = list(tags_counted(user))
        assert [pictures_in(each) for each in (album, empty, *tags)] == [
            listed["Iceland"], listed["Empty"], *(tag.pictures for tag in tags)
        ]  # fmt: skip
        return listed, {tag.name: tag.pictures for tag in tags}

    assert numbers() == ({"Iceland": 3, "Empty": 0}, {"sea": 3, "red": 1})
    images_trash(images=images[:2], by=user)
    assert numbers() == ({"Iceland": 1, "Empty": 0}, {"sea": 1})
    images_restore(images=Image.with_trash.filter(pk=images[0].pk), by=user)
    assert numbers() == ({"Iceland": 2, "Empty": 0}, {"sea": 2, "red": 1})
