"""What is shared no longer is gone at once: from browsers, archives on their way, and when it is uploaded again."""

from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser
from django.test import Client
from django.urls import reverse
from PIL import Image as PILImage

from gallery.albums import album_add, album_create
from gallery.links import link_create
from gallery.models import Album, AlbumMember, Image, User
from gallery.services import image_set_visibility, renditions_create
from gallery.sharing import member_add, member_remove
from gallery.trash import images_trash

STRANGER = AnonymousUser()


@pytest.fixture
def picture(make_image: Any) -> Image:
    image: Image = make_image("red", visibility="public")
    renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
    return image


def seen(viewer: Any) -> bool:
    return Image.objects.reachable_by(viewer).exists()


class TestUploadedAgain:
    @pytest.mark.parametrize(("before", "now"), [("public", "private"), ("link", "private"), ("private", "public")])
    def test_it_is_for_whom_it_is_uploaded_now(self, make_image: Any, before: str, now: str) -> None:
        image = make_image(visibility=before)
        images_trash(images=[image])
        assert make_image(visibility=now) == image
        assert Image.objects.get().visibility == now
        assert seen(STRANGER) == (now == "public")

    def test_one_that_was_not_in_the_trash_stays_as_it_is(self, make_image: Any) -> None:
        make_image(visibility="public")
        make_image(visibility="private")
        assert Image.objects.get().visibility == "public"

    @pytest.mark.parametrize("shared", ["by name", "by a link", "with nobody"])
    def test_it_is_in_no_album_that_others_see(
        self, make_image: Any, user: User, other_user: User, shared: str
    ) -> None:
        image, album = make_image(), album_create(owner=user, title="Iceland")
        album_add(album=album, images=Image.objects.all())
        if shared == "by name":
            member_add(album=album, by=user, username="grace", role="view")
        elif shared == "by a link":
            link_create(album=album, by=user)
        images_trash(images=[image])
        make_image()
        assert not seen(other_user)
        assert album.images.exists() == (shared == "with nobody")

    def test_nor_in_one_of_somebody_else(self, make_image: Any, user: User, other_user: User) -> None:
        album = album_create(owner=other_user, title="Iceland")
        member_add(album=album, by=other_user, username="ada", role="add")
        image = make_image()
        album_add(album=album, images=Image.objects.all(), by=user)
        images_trash(images=[image])
        make_image()
        assert not seen(other_user)


class TestBrowsers:
    def addresses(self, picture: Image) -> list[str]:
        return [
            reverse("rendition", args=[picture.uuid, "preview"]),
            reverse("rendition", args=[picture.uuid, "thumbnail"]),
            reverse("download", args=[picture.uuid, "small"]),
        ]

    def fetch(self, client: Client, url: str, **headers: str) -> Any:
        response: Any = client.get(url, headers=headers)
        response.getvalue()
        return response

    def test_ask_anew_for_what_is_somebody_elses(self, client: Client, picture: Image, other_user: User) -> None:
        client.force_login(other_user)
        etags = {}
        for url in self.addresses(picture):
            response = self.fetch(client, url)
            assert response["Cache-Control"] == "private, no-cache"
            etags[url] = response["ETag"]
            assert self.fetch(client, url, if_none_match=etags[url]).status_code == 304
        image_set_visibility(image=picture, visibility="private")
        for url, etag in etags.items():
            assert self.fetch(client, url, if_none_match=etag).status_code == 404
        client.force_login(picture.owner)
        for url in self.addresses(picture):
            assert self.fetch(client, url)["Cache-Control"] == "private, max-age=3600"

    def test_find_nothing_of_an_album_that_is_shared_no_longer(
        self, client: Client, picture: Image, user: User, other_user: User
    ) -> None:
        image_set_visibility(image=picture, visibility="private")
        album: Album = album_create(owner=user, title="Iceland")
        album_add(album=album, images=Image.objects.all())
        member_add(album=album, by=user, username="grace", role="view")
        client.force_login(other_user)
        archive = reverse("album-archive", args=[album.uuid])
        for url in (*self.addresses(picture), archive):
            assert self.fetch(client, url).status_code == 200
        member_remove(member=AlbumMember.objects.get(), by=user)
        for url in (*self.addresses(picture), archive, reverse("image", args=[picture.uuid])):
            assert self.fetch(client, url).status_code == 404
