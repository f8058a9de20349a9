"""Tags: whose they are, when two names are one, and that they go with their pictures and people."""

import pytest

from gallery.models import Image, ImageTag, Tag, User
from gallery.services import images_delete, users_delete
from gallery.tags import images_tag, images_untag, tag_delete, tag_rename, tags_of
from tests.gallery.test_selectors import add

EVERY = Image.objects.all()


def tags(image: Image) -> list[str]:
    """The picture's tags, which the words that searches look up always tell as well."""
    names = list(image.tags.order_by("key").values_list("name", flat=True))
    assert Image.objects.values_list("tag_words", flat=True).get(pk=image.pk) == "\n".join(names)
    return names


def test_names_are_tidied_and_compared_whatever_their_capitals(user: User) -> None:
    image = add(user)
    images_tag(owner=user, images=EVERY, names=["  New\tYork ", "new york", "CAFE\u0301", "café", "Straße"])
    images_tag(owner=user, images=EVERY, names=["STRASSE"])
    assert tags(image) == ["CAFÉ", "New York", "Straße"]


def test_only_ones_own_pictures_are_tagged_and_untagged(user: User, other_user: User) -> None:
    mine, theirs = add(user), add(other_user)
    for owner in (user, other_user):
        images_tag(owner=owner, images=EVERY, names=["Beach"])
    assert Tag.objects.count() == 2
    images_untag(owner=user, images=EVERY, name="BEACH")
    assert (tags(mine), tags(theirs)) == ([], ["Beach"])
    assert not tags_of(user).exists()  # which no picture has any more
    images_untag(owner=user, images=EVERY, name="never was")


def test_tags_with_their_numbers_of_pictures(user: User, other_user: User) -> None:
    first, _ = add(user), add(user)
    images_tag(owner=user, images=EVERY, names=["dog"])
    images_tag(owner=user, images=Image.objects.filter(pk=first.pk), names=["beach"])
    assert [(tag.name, tag.pictures) for tag in tags_of(user)] == [("beach", 1), ("dog", 2)]
    assert not tags_of(other_user).exists()


def test_a_tag_gets_another_name_in_other_capitals_too(user: User) -> None:
    image = add(user)
    images_tag(owner=user, images=EVERY, names=["bech"])
    tag = tag_rename(tag=Tag.objects.get(), name="beach").tag
    assert tag_rename(tag=tag, name=" Beach ").tag.pk == tag.pk
    assert tags(image) == ["Beach"]


def test_two_tags_of_one_name_become_one(user: User, other_user: User) -> None:
    both, one = add(user), add(user)
    images_tag(owner=user, images=EVERY, names=["seaside"])
    images_tag(owner=user, images=Image.objects.filter(pk=both.pk), names=["beach"])
    add(other_user)
    images_tag(owner=other_user, images=EVERY, names=["beach"])
    tag_rename(tag=user.tags.get(key="seaside"), name="Beach")
    assert tags(both) == tags(one) == ["Beach"]
    assert (user.tags.count(), other_user.tags.get().name) == (1, "beach")


def test_a_tag_that_is_gone_gets_no_other_name(user: User) -> None:
    add(user)
    images_tag(owner=user, images=EVERY, names=["dog"])
    tag = Tag.objects.get()
    tag_delete(tag=Tag.objects.get())
    tag_rename(tag=tag, name="cat")
    assert not Tag.objects.exists()


def test_a_tag_is_deleted_and_its_pictures_stay(user: User) -> None:
    image = add(user)
    images_tag(owner=user, images=EVERY, names=["dog", "cat"])
    tag_delete(tag=Tag.objects.get(key="dog"))
    assert tags(image) == ["cat"]


@pytest.mark.usefixtures("told")
def test_tags_go_with_pictures_and_with_people(user: User) -> None:
    images = [add(user), add(user)]
    images_tag(owner=user, images=EVERY, names=["dog"])
    images_delete(images=images[:1])
    assert ImageTag.objects.get().image == images[1]
    users_delete(users=[user])
    assert not Tag.objects.exists()
