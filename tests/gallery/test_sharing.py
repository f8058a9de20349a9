"""Albums shared with people: who sees them, who does what there, and that nothing is left to see afterwards."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db.models import F
from django.http import Http404
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.albums import album_add, album_create, album_page, album_put_back, album_remove
from gallery.exceptions import NotShared, TriedTooOften
from gallery.favourites import favourites_add
from gallery.links import link_create
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, AuditEntry, Image, Tries, User, Viewer
from gallery.services import image_set_visibility, users_delete
from gallery.sharing import MOST_NAMES, NAMES_SECONDS, listed_beside_own, member_add, member_remove, member_set_role
from gallery.tags import images_tag
from gallery.trash import images_trash
from tests.gallery.test_selectors import add
from tests.gallery.test_views_library import listed, page_of

EVERY = Image.objects.all()
PEOPLE = ["stranger", "other", "former", "viewer", "adder", "manager", "owner"]
SEES = {"viewer", "adder", "manager", "owner"}
MANAGES = {"manager", "owner"}

# what is asked for, of the album or the owner's private picture in it, and whose answer is that page
PAGES = {
    "album": SEES,
    "image": SEES,
    "image-state": SEES,
    "album-arrange": MANAGES,
    "album-share": MANAGES,
    "album-leave": SEES - {"owner"},
    "original": set(),  # the files of these pictures don't exist: nobody gets further than to a missing file
}
# what is sent, and who does something by it
POSTS: dict[str, tuple[dict[str, str], set[str]]] = {
    "album-rename": ({"title": "Theirs"}, MANAGES),
    "album-share": ({"username": "grace", "role": "view"}, MANAGES),
    "album-member": ({"member": "0"}, MANAGES),
    "album-links": ({"label": "Aunt"}, MANAGES),
    "album-delete": ({}, {"owner"}),
    "album-leave": ({}, SEES - {"owner"}),
    "image-favourite": ({"heart": "on"}, SEES),
    "image-visibility": ({"visibility": "public"}, {"owner"}),
    "image-words": ({"title": "Theirs"}, {"owner"}),
    "image-tags": ({"add": "theirs"}, {"owner"}),
    "image-delete": ({}, {"owner"}),
}


@pytest.fixture
def album(user: User) -> Album:
    return album_create(owner=user, title="Iceland")


@pytest.fixture
def picture(album: Album) -> Image:
    """A private one in the album."""
    image = add(album.owner)
    album_add(album=album, images=EVERY)
    return image


@pytest.fixture
def people(album: Album, other_user: User) -> dict[str, User]:
    found = {name: User.objects.create_user(name) for name in ("former", "viewer", "adder", "manager")}
    roles = {"former": "manage", "viewer": "view", "adder": "add", "manager": "manage"}
    for name, role in roles.items():
        member_add(album=album, by=album.owner, username=name, role=role)
    member_remove(member=AlbumMember.objects.get(person=found["former"]), by=album.owner)
    return {**found, "other": User.objects.create_user("other"), "owner": album.owner}


def who(people: dict[str, User], name: str) -> Viewer:
    return people.get(name, AnonymousUser())


def signed_in(client: Client, people: dict[str, User], name: str) -> Client:
    if name in people:
        client.force_login(people[name])
    return client


def address(name: str, image: Image) -> str:
    return reverse(name, args=[(image.albums.get() if name.startswith("album") else image).uuid])


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("name", PAGES)
def test_who_sees_what(client: Client, people: dict[str, User], picture: Image, name: str, person: str) -> None:
    response = signed_in(client, people, person).get(address(name, picture))
    expected = {200} if person in PAGES[name] else {302, 404} if person == "stranger" else {404}
    assert response.status_code in expected


@pytest.mark.parametrize("person", PEOPLE)
@pytest.mark.parametrize("name", POSTS)
def test_who_does_what(client: Client, people: dict[str, User], picture: Image, name: str, person: str) -> None:
    said, doers = POSTS[name]
    response = signed_in(client, people, person).post(address(name, picture), said)
    assert response.status_code == (302 if person in doers or person == "stranger" else 404)
    if person not in MANAGES:
        assert Album.objects.get().title == "Iceland"
        assert not AlbumLink.objects.exists()


@pytest.mark.parametrize("person", PEOPLE)
def test_who_is_listed_what(people: dict[str, User], album: Album, picture: Image, person: str) -> None:
    viewer = who(people, person)
    sees = person in SEES
    assert Image.objects.listed_for(viewer).exists() == sees
    assert Image.objects.reachable_by(viewer).exists() == sees
    assert Image.objects.shared_with(viewer).exists() == (sees and person != "owner")
    assert Album.objects.listed_for(viewer).exists() == sees
    assert Album.objects.addable_by(viewer).exists() == (person in {"adder", "manager", "owner"})
    if isinstance(viewer, User):
        assert listed_beside_own(viewer).exists() == (sees and person != "owner")


@pytest.mark.parametrize("person", PEOPLE)
def test_who_adds_pictures_of_their_own(
    client: Client, people: dict[str, User], album: Album, picture: Image, person: str
) -> None:
    if person not in people:
        return
    own = add(people[person])
    signed_in(client, people, person).post(reverse("image-albums", args=[own.uuid]), {"album": album.uuid})
    may_add = person in {"adder", "manager", "owner"}
    assert album.images.filter(pk=own.pk).exists() == may_add
    for name in SEES if may_add else {person}:  # the owner of the album, too, sees what others put in
        assert Image.objects.listed_for(people[name]).filter(pk=own.pk).exists()
    assert album_add(album=album, images=Image.objects.filter(pk=picture.pk), by=people[person]) == []


def test_others_pictures_are_told_by_their_owners(people: dict[str, User], album: Album, picture: Image) -> None:
    by = {"owner": picture.pk}
    for name in ("adder", "manager"):
        by[name] = add(people[name]).pk
        album_add(album=album, images=EVERY, by=people[name])
    removal = album_remove(album=album, images=EVERY)
    assert not Image.objects.shared_with(people["viewer"]).exists()
    album_put_back(album=album, removal=removal)
    for name in SEES:
        others = sorted(pk for owner, pk in by.items() if owner != name)
        assert sorted(pk for (pk,) in listed_beside_own(people[name])) == others
        assert sorted(Image.objects.shared_with(people[name]).values_list("pk", flat=True)) == others
        assert set(Image.objects.listed_for(people[name]).values_list("pk", flat=True)) == set(by.values())
    assert not AlbumImage.objects.exclude(owner=F("image__owner")).exists()


def test_a_members_page_shows_neither_the_place_nor_the_tools(
    client: Client, people: dict[str, User], album: Album, picture: Image
) -> None:
    Image.objects.filter(pk=picture.pk).update(latitude=64.1, longitude=-21.9, title="Geyser", notes="At noon")
    images_tag(owner=album.owner, images=EVERY, names=["steam"])
    client.force_login(people["viewer"])
    page = page_of(client, picture.get_absolute_url())
    assert all(words in page for words in ("Geyser", "At noon", "steam"))
    assert "64.1" not in page
    assert reverse("original", args=[picture.uuid]) not in page
    assert reverse("image-delete", args=[picture.uuid]) not in page


def test_the_owner_is_told_by_which_albums_others_see_it(
    client: Client, people: dict[str, User], album: Album, picture: Image
) -> None:
    client.force_login(album.owner)
    album_add(album=album_create(owner=album.owner, title="My own"), images=EVERY)
    page = page_of(client, picture.get_absolute_url())
    assert "In “Iceland” others see it: it is shared with 3 people." in page
    assert "In “My own” others" not in page


def test_pictures_leave_with_who_added_them(people: dict[str, User], album: Album, picture: Image) -> None:
    theirs = add(people["adder"])
    album_add(album=album, images=EVERY, by=people["adder"])
    Album.objects.filter(pk=album.pk).update(cover=theirs)
    removal = album_remove(album=album, images=Image.objects.filter(pk=theirs.pk))
    album_put_back(album=album, removal=removal)
    assert album.images.count() == 2
    member_remove(member=AlbumMember.objects.get(person=people["adder"]), by=people["adder"])
    album.refresh_from_db()
    assert (list(album.images.all()), album.cover) == ([picture], None)
    assert Image.objects.filter(pk=theirs.pk).exists()
    assert album_put_back(album=album, removal=removal) == []
    assert album_add(album=album, images=EVERY, by=people["adder"]) == []


def test_who_may_only_look_any_more_still_takes_theirs_out(
    client: Client, people: dict[str, User], album: Album
) -> None:
    theirs = add(people["adder"])
    album_add(album=album, images=EVERY, by=people["adder"])
    member_set_role(member=AlbumMember.objects.get(person=people["adder"]), by=album.owner, role="view")
    client.force_login(people["adder"])
    client.post(reverse("image-albums", args=[theirs.uuid]), {"out": album.uuid})
    assert not album.images.exists()


@pytest.mark.usefixtures("told")
def test_pictures_in_the_trash_and_out_of_the_album_are_seen_no_more(
    people: dict[str, User], album: Album, picture: Image
) -> None:
    def sees() -> bool:
        return Image.objects.reachable_by(people["viewer"]).exists()

    assert sees()
    images_trash(images=EVERY)
    assert not sees()
    assert album_page(album=album, after=0, size=9).images == []
    Image.with_trash.update(trashed_at=None)
    assert sees()
    album_remove(album=album, images=EVERY)
    assert not sees()


@pytest.mark.usefixtures("told")
def test_albums_go_with_their_owner_and_members_with_their_pictures(
    people: dict[str, User], album: Album, picture: Image
) -> None:
    add(people["adder"])
    album_add(album=album, images=EVERY, by=people["adder"])
    users_delete(users=[people["adder"]])
    assert list(album.images.all()) == [picture]
    users_delete(users=[album.owner])
    assert not AlbumMember.objects.exists()


def test_a_shared_picture_that_somebody_hearted_by_link_is_listed(user: User, other_user: User) -> None:
    image = add(user, visibility="link")
    assert not Image.objects.listed_for(other_user).exists()
    favourites_add(person=other_user, images=EVERY)
    assert Image.objects.listed_for(other_user).get() == image
    assert [pk for (pk,) in listed_beside_own(other_user)] == [image.pk]
    image_set_visibility(image=image, visibility="private")
    assert not Image.objects.listed_for(other_user).exists()
    assert not listed_beside_own(other_user).exists()


def test_people_are_found_by_their_names_and_once(people: dict[str, User], album: Album) -> None:
    for name in ("nobody", "viewer", "VIEWER", "ada", ""):
        with pytest.raises(NotShared):
            member_add(album=album, by=album.owner, username=name, role="view")
    User.objects.filter(username="other").update(is_active=False)
    with pytest.raises(NotShared):
        member_add(album=album, by=album.owner, username="other", role="view")
    assert member_add(album=album, by=album.owner, username=" Grace ", role="add").person.username == "grace"
    gone = Album(pk=album.pk, owner=people["owner"])
    album.delete()
    with pytest.raises(Http404):
        member_add(album=gone, by=people["owner"], username="former", role="view")


def test_nobody_is_taken_for_somebody_of_nearly_their_name(people: dict[str, User], album: Album) -> None:
    User.objects.create_user("Zoe")
    other = User.objects.create_user("zoe")
    with pytest.raises(NotShared):
        member_add(album=album, by=album.owner, username="ZOE", role="view")
    assert member_add(album=album, by=album.owner, username="zoe", role="view").person == other


def test_names_can_not_be_tried_without_end(people: dict[str, User], album: Album) -> None:
    manager = people["manager"]
    for number in range(MOST_NAMES):
        with pytest.raises(NotShared, match="Nobody here"):
            member_add(album=album, by=manager, username=f"name{number}", role="view")
    for name in ("other", "nobody"):  # no longer told apart
        with pytest.raises(TriedTooOften):
            member_add(album=album, by=manager, username=name, role="view")
    assert member_add(album=album, by=album.owner, username="other", role="view")
    Tries.objects.update(since=timezone.now() - timedelta(seconds=NAMES_SECONDS))
    assert member_add(album=album, by=manager, username="grace", role="view")


def test_names_that_somebody_has_use_up_no_tries(people: dict[str, User], album: Album) -> None:
    for _ in range(MOST_NAMES + 1):
        with pytest.raises(NotShared, match="sees the album already"):
            member_add(album=album, by=album.owner, username="viewer", role="view")


def test_links_of_who_may_no_longer_share_are_revoked(people: dict[str, User], album: Album) -> None:
    manager = AlbumMember.objects.get(person=people["manager"])
    link_create(album=album, by=people["manager"], label="Aunt")
    kept = link_create(album=album, by=album.owner)
    member_set_role(member=manager, by=album.owner, role="add")
    assert AlbumLink.objects.get() == kept
    member_set_role(member=manager, by=album.owner, role="manage")
    link_create(album=album, by=people["manager"])
    member_remove(member=manager, by=album.owner)
    assert AlbumLink.objects.get() == kept


def test_what_is_shared_is_on_record(people: dict[str, User], album: Album) -> None:
    AuditEntry.objects.all().delete()
    member = member_add(album=album, by=people["manager"], username="grace", role="view")
    member_set_role(member=member, by=album.owner, role="add")
    member_set_role(member=member, by=album.owner, role="add")  # as it was
    member_remove(member=member, by=album.owner)
    entries = AuditEntry.objects.order_by("pk").values_list("actor_name", "action", "target", "details")
    assert list(entries) == [
        ("manager", "album.share", "Iceland", {"person": "grace", "role": "view"}),
        ("ada", "album.role", "Iceland", {"person": "grace", "role": "add"}),
        ("ada", "album.unshare", "Iceland", {"person": "grace"}),
    ]


class TestPages:
    def test_share_change_and_remove(self, client: Client, album: Album, picture: Image, other_user: User) -> None:
        client.force_login(album.owner)
        url = reverse("album-share", args=[album.uuid])
        said = {"username": "grace", "role": "add"}
        assert "grace sees the album now." in client.post(url, said, follow=True).content.decode()
        assert "grace sees the album already." in client.post(url, said, follow=True).content.decode()
        assert "Say with whom" in client.post(url, {}, follow=True).content.decode()
        assert "Nobody here has" in client.post(url, {"username": "<b>"}, follow=True).content.decode()
        member = AlbumMember.objects.get()
        changed = reverse("album-member", args=[album.uuid])
        page = client.post(changed, {"member": member.pk, "role": "manage"}, follow=True).content.decode()
        assert '<option value="manage" selected>' in page
        client.post(changed, {"member": member.pk, "role": "king"})
        client.post(changed, {"member": "x", "remove": "on"})
        assert AlbumMember.objects.get().role == "manage"
        page = client.post(changed, {"member": member.pk, "remove": "on"}, follow=True).content.decode()
        assert "grace doesn’t see the album any more." in page
        assert not AlbumMember.objects.exists()

    def test_members_of_other_albums_are_out_of_reach(self, client: Client, album: Album, other_user: User) -> None:
        theirs = album_create(owner=other_user, title="Theirs")
        member = member_add(album=theirs, by=other_user, username="ada", role="view")
        client.force_login(album.owner)
        client.post(reverse("album-member", args=[album.uuid]), {"member": member.pk, "remove": "on"})
        assert AlbumMember.objects.exists()

    def test_shared_albums_are_listed_apart_and_left(
        self, client: Client, people: dict[str, User], album: Album, picture: Image
    ) -> None:
        client.force_login(people["viewer"])
        page = page_of(client, "/albums/")
        assert "Shared with you" in page
        assert "by ada" in page
        page = page_of(client, album.get_absolute_url())
        assert listed(page) == [str(picture.uuid)]
        assert "an album of ada" in page
        assert "data-selecting" in page
        assert 'value="out"' not in page
        url = reverse("album-leave", args=[album.uuid])
        assert "You won’t see it any more" in page_of(client, url)
        client.post(url)
        assert client.get(album.get_absolute_url()).status_code == 404
        assert "Shared with you" not in page_of(client, "/albums/")

    def test_a_manager_who_gives_up_managing_is_led_away(
        self, client: Client, people: dict[str, User], album: Album
    ) -> None:
        client.force_login(people["manager"])
        member = AlbumMember.objects.get(person=people["manager"])
        url = reverse("album-member", args=[album.uuid])
        response = client.post(url, {"member": member.pk, "role": "view"})
        assert response["Location"] == album.get_absolute_url()

    def test_no_more_statements_for_more_people_and_links(
        self, client: Client, album: Album, picture: Image, django_assert_max_num_queries: Any
    ) -> None:
        client.force_login(album.owner)
        for number in range(4):
            User.objects.create_user(f"person{number}")
            member_add(album=album, by=album.owner, username=f"person{number}", role="add")
            link_create(album=album, by=album.owner)
        for url in (reverse("album-share", args=[album.uuid]), album.get_absolute_url(), "/albums/"):
            with django_assert_max_num_queries(12):
                assert client.get(url).status_code == 200
