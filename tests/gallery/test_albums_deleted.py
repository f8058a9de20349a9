"""Albums in the trash: that nobody sees anything by them there, and that all of it comes back."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.albums import album_add, album_create, album_page, album_set_cover
from gallery.albums_deleted import album_delete, album_restore, deleted_albums_of
from gallery.links import link_create
from gallery.models import Album, AlbumImage, AlbumLink, AlbumMember, AuditEntry, DeletedAlbum, Image, User
from gallery.purge import trash_empty, trash_purge_due
from gallery.services import images_delete, users_delete
from gallery.sharing import member_add
from gallery.undo import KEY
from tests.gallery.test_selectors import add
from tests.gallery.test_views_library import page_of

pytestmark = pytest.mark.usefixtures("told")
EVERY = Image.objects.all()


@pytest.fixture
def album(user: User, other_user: User) -> Album:
    """With three pictures, the last of them a member's, and one link of each."""
    album = album_create(owner=user, title="Iceland")
    first, second = add(user), add(user)
    member_add(album=album, by=user, username="grace", role="manage")
    add(other_user)
    for person in (user, other_user):
        album_add(album=album, images=EVERY, by=person)
        link_create(album=album, by=person, label=person.username, password="open sesame", allows_download=True)
    album_set_cover(album=album, image=second)
    assert first.pk < second.pk
    return album


def rows(album: Album) -> list[Any]:
    """All that there is of an album."""
    return [
        Album.objects.filter(pk=album.pk).values().first(),
        *(list(model.objects.filter(album=album.pk).order_by("pk").values()) for model in (AlbumMember, AlbumLink)),
        list(AlbumImage.objects.filter(album=album.pk).order_by("position").values_list("image", "owner", "position")),
    ]


def deleted(album: Album) -> DeletedAlbum:
    found = album_delete(album=album, by=album.owner)
    assert found is not None
    return found


def test_it_comes_back_as_it_was(album: Album, user: User) -> None:
    before = rows(album)
    trashed = deleted(album)
    assert rows(album) == [None, [], [], []]
    back = album_restore(deleted=trashed, by=user)
    assert back is not None
    assert rows(back) == before
    assert not DeletedAlbum.objects.exists()
    assert album_restore(deleted=trashed, by=user) is None
    actions = AuditEntry.objects.order_by("pk").values_list("action", "target")
    assert list(actions)[-2:] == [("album.delete", "Iceland"), ("album.restore", "Iceland")]


def test_nobody_sees_anything_by_it_meanwhile(client: Client, album: Album, other_user: User) -> None:
    link = AlbumLink.objects.order_by("pk").first()
    assert link is not None
    address = reverse("link", args=[link.key])
    image = Image.objects.filter(owner=album.owner).latest("pk")
    trashed = deleted(album)
    assert client.get(address).status_code == 404
    for viewer in (other_user, AnonymousUser()):
        assert not Image.objects.reachable_by(viewer).filter(pk=image.pk).exists()
        assert not Album.objects.listed_for(viewer).exists()
    client.force_login(other_user)
    assert client.get(album.get_absolute_url()).status_code == 404
    assert "Iceland" not in page_of(client, "/trash/")
    client.post(reverse("album-restore"), {"album": trashed.pk})
    assert DeletedAlbum.objects.exists()
    album_restore(deleted=trashed)
    assert client.get(address).status_code == 200
    assert Image.objects.reachable_by(other_user).filter(pk=image.pk).exists()


def test_what_is_no_more_stays_away(album: Album, user: User, other_user: User) -> None:
    trashed = deleted(album)
    cover = Image.objects.filter(owner=user).latest("pk")
    images_delete(images=[cover])
    users_delete(users=[other_user])
    back = album_restore(deleted=trashed, by=user)
    assert back is not None
    assert back.cover is None
    assert list(back.images.values_list("owner", flat=True)) == [user.pk]
    assert not back.members.exists()
    assert [link.created_by for link in back.links.all()] == [user]


def test_pictures_in_the_trash_have_kept_their_places(album: Album, user: User) -> None:
    image = Image.objects.filter(owner=user).earliest("pk")
    Image.with_trash.filter(pk=image.pk).update(trashed_at=timezone.now())
    back = album_restore(deleted=deleted(album), by=user)
    assert back is not None
    assert image not in album_page(album=back, after=0, size=9).images
    Image.with_trash.filter(pk=image.pk).update(trashed_at=None)
    assert image == album_page(album=back, after=0, size=9).images[0]


def test_it_goes_for_good_with_its_time_and_its_owner(album: Album, user: User, settings: Any) -> None:
    settings.TRASH_DAYS = 30
    deleted(album)
    trash_purge_due()
    DeletedAlbum.objects.update(deleted_at=timezone.now() - timedelta(days=30))
    settings.TRASH_DAYS = 0
    trash_purge_due()
    assert DeletedAlbum.objects.exists()
    settings.TRASH_DAYS = 30
    trash_purge_due()
    assert not DeletedAlbum.objects.exists()
    for end in (trash_empty, lambda *, owner: users_delete(users=[owner])):
        deleted(album_create(owner=user, title="Norway"))
        end(owner=user)
        assert not DeletedAlbum.objects.exists()


def test_only_its_owner_deletes_and_restores(client: Client, album: Album, user: User, other_user: User) -> None:
    client.force_login(other_user)
    assert client.post(reverse("album-delete", args=[album.uuid])).status_code == 404
    trashed = deleted(album)
    answer = client.post(reverse("album-restore"), {"album": trashed.pk}, follow=True)
    assert "not in your trash any more" in answer.content.decode()
    assert client.post(reverse("album-restore"), {"album": "9" * 5_000}).status_code == 302
    client.logout()
    assert client.post(reverse("album-restore"), {"album": trashed.pk})["Location"].startswith("/sign-in/")
    assert not Album.objects.exists()


class TestPages:
    def test_undo_brings_it_back(self, client: Client, album: Album, user: User) -> None:
        client.force_login(user)
        before = rows(album)
        page = client.post(reverse("album-delete", args=[album.uuid]), follow=True).content.decode()
        assert "The album “Iceland” is in the trash" in page
        name = client.session[KEY][-1]["name"]
        assert reverse("undo", args=[name]) in page
        undone = client.post(reverse("undo", args=[name]), follow=True).content.decode()
        assert "The album “Iceland” is back." in undone
        assert rows(album) == before
        assert not DeletedAlbum.objects.exists()

    def test_the_trash_lists_it_and_brings_it_back(self, client: Client, album: Album, user: User) -> None:
        client.force_login(user)
        trashed = deleted(album)
        page = page_of(client, "/trash/")
        assert "The trash is empty" not in page
        assert "Iceland" in page
        assert "3 pictures" in page
        link = AlbumLink(**trashed.contents["links"][0])
        assert link.key not in page
        response = client.post(reverse("album-restore"), {"album": trashed.pk})
        assert response["Location"] == reverse("albums")
        assert Album.objects.get() == album
        assert "The trash is empty" in page_of(client, "/trash/")

    def test_emptying_the_trash_says_that_it_goes(self, client: Client, album: Album, user: User) -> None:
        client.force_login(user)
        deleted(album)
        page = page_of(client, reverse("trash-empty"))
        assert "1 album goes for good" in page
        client.post(reverse("trash-empty"), {"sure": "on"})
        assert not deleted_albums_of(user).exists()
