"""What people share by albums is found by those who may see it, at once, and not any more as soon as they may not."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery.albums import album_add, album_create, album_remove
from gallery.favourites import favourites_add
from gallery.links import link_create
from gallery.models import Album, AlbumMember, Image, User
from gallery.services import image_describe
from gallery.sharing import member_add, member_remove
from gallery.tags import images_tag
from gallery.trash import images_trash
from search import changes, index
from search.query.answer import search_images
from search.suggest import suggestions

Embedded = Callable[..., Image]
EVERY = Image.objects.all()
QUERIES = [
    "red",
    "a zebra",
    "tag:stripes",
    'album:"On safari"',
    "is:shared-with-me",
    "-is:public",
    "by:ada",
    "camera:x-t3",
]

SUGGESTED = {"zebra", "tag:stripes", 'album:"On safari"', "by:ada", "camera:X-T3"}


@pytest.fixture
def zebra(embedded: Embedded, user: User) -> Image:
    """A private picture of ada's in an album that grace sees, and another one that nobody else sees."""
    image = embedded("red", name="one.jpg")
    image_describe(image_id=image.pk, text="a zebra on the run", unsure=False, by_person=True)
    Image.objects.update(camera_model="X-T3")
    images_tag(owner=user, images=EVERY, names=["stripes"])
    album_add(album=album_create(owner=user, title="On safari"), images=EVERY)
    embedded((250, 0, 0), name="two.jpg")
    return image


@pytest.fixture
def membership(zebra: Image, other_user: User) -> AlbumMember:
    album = Album.objects.get()
    return member_add(album=album, by=album.owner, username="grace", role="view")


def found(viewer: Any, query: str) -> list[int]:
    return [hit.image.pk for hit in search_images(viewer=viewer, query=query).hits]


def suggested(viewer: Any, text: str) -> set[str]:
    return {each.label for each in suggestions(viewer=viewer, text=text)}


def sees_nothing(client: Client, viewer: User, zebra: Image) -> None:
    client.force_login(viewer)
    for query in [*QUERIES, f"~:{zebra.uuid}"]:
        result = search_images(viewer=viewer, query=query)
        assert (result.hits, result.total) == ([], 0)
    for text in ("zeb", "tag:str", "album:on", "by:a", "camera:x"):
        assert not suggested(viewer, text) & SUGGESTED
    for name in ("image", "image-state", "looks", "heat"):
        assert client.get(reverse(name, args=[zebra.uuid]), {"q": "red"}).status_code == 404
    assert client.get(reverse("image-states"), {"image": str(zebra.uuid)}).json() == {"images": {}}


@pytest.mark.parametrize("query", QUERIES)
def test_what_is_shared_is_found(membership: AlbumMember, zebra: Image, query: str) -> None:
    result = search_images(viewer=membership.person, query=query)
    assert [hit.image for hit in result.hits] == [zebra]
    assert result.total == 1


def test_it_is_suggested(membership: AlbumMember) -> None:
    viewer = membership.person
    typed = ("zeb", "tag:str", "album:on", "by:a", "camera:x")
    assert set().union(*(suggested(viewer, text) for text in typed)) >= SUGGESTED


def test_it_can_be_compared_with(membership: AlbumMember, zebra: Image, embedded: Embedded) -> None:
    own = embedded("red", owner=membership.person, name="own.jpg")
    assert set(found(membership.person, f"~:{zebra.uuid}")) == {own.pk, zebra.pk}


def test_before_it_is_shared_nothing_is_seen(client: Client, zebra: Image, other_user: User) -> None:
    sees_nothing(client, other_user, zebra)


def test_who_is_removed_sees_nothing_any_more(client: Client, membership: AlbumMember, zebra: Image) -> None:
    assert found(membership.person, "red")
    member_remove(member=membership, by=zebra.owner)
    sees_nothing(client, membership.person, zebra)


def test_what_is_taken_out_is_not_found_any_more(client: Client, membership: AlbumMember, zebra: Image) -> None:
    assert found(membership.person, "red")
    album_remove(album=membership.album, images=EVERY)
    for query in QUERIES:
        assert found(membership.person, query) == []


def test_what_is_in_the_trash_is_not_found(client: Client, membership: AlbumMember, zebra: Image) -> None:
    assert found(membership.person, "red")
    images_trash(images=[zebra])
    for query in QUERIES:
        assert found(membership.person, query) == []


def test_albums_that_are_deleted_share_nothing(client: Client, membership: AlbumMember, zebra: Image) -> None:
    assert found(membership.person, "red")
    membership.album.delete()
    sees_nothing(client, membership.person, zebra)


def test_what_others_add_is_found_by_the_owner_until_they_leave(
    membership: AlbumMember, zebra: Image, embedded: Embedded
) -> None:
    AlbumMember.objects.update(role="add")
    theirs = embedded((0, 0, 255), owner=membership.person, name="theirs.jpg")
    album_add(album=membership.album, images=EVERY, by=membership.person)
    assert theirs.pk in found(zebra.owner, "blue")
    assert found(zebra.owner, "is:shared-with-me") == [theirs.pk]
    assert found(membership.person, "is:shared-with-me") == [zebra.pk]
    member_remove(member=membership, by=membership.person)
    assert theirs.pk not in found(zebra.owner, "blue")


def test_links_make_nothing_searchable(zebra: Image, other_user: User, client: Client) -> None:
    link_create(album=Album.objects.get(), by=zebra.owner, is_public=True)
    sees_nothing(client, other_user, zebra)


def test_a_favourite_by_link_is_found_by_who_hearted_it(embedded: Embedded, user: User, other_user: User) -> None:
    image = embedded("green", visibility="link")
    assert found(other_user, "green") == []
    favourites_add(person=other_user, images=EVERY)
    assert found(other_user, "is:favourite") == [image.pk]
    assert found(other_user, "green") == [image.pk]
    Image.objects.update(visibility="private")
    assert found(other_user, "is:favourite") == []


def test_more_than_the_index_is_told_is_found_all_the_same(
    membership: AlbumMember, zebra: Image, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_SHARED", 0)
    assert found(membership.person, "red") == [zebra.pk]


@pytest.mark.usefixtures("on_qdrant")
def test_a_server_finds_it_too(membership: AlbumMember, zebra: Image, embedded: Embedded) -> None:
    index.get_indexes(wait=True)
    assert found(membership.person, "red") == [zebra.pk]
    member_remove(member=membership, by=zebra.owner)
    assert found(membership.person, "red") == []
