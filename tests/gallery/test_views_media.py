"""The bytes of pictures: what comes, and what is said with them."""

from collections.abc import Callable

import pytest
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from PIL import Image as PILImage

from gallery import services
from gallery.models import Image, User

MakeImage = Callable[..., Image]


@pytest.fixture
def picture(make_image: MakeImage, client: Client, user: User) -> Image:
    client.force_login(user)
    image = make_image("red", name="Grüße aus Köln.jpg")
    services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
    return image


def thumbnail_url(image: Image) -> str:
    return reverse("rendition", args=[image.uuid, "thumbnail"])


def test_a_rendition_is_cached_by_this_browser_alone(client: Client, picture: Image) -> None:
    response = client.get(thumbnail_url(picture))
    body = response.getvalue()
    assert body[:4] == b"RIFF"
    assert response["Content-Type"] == "image/webp"
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "private" in response["Cache-Control"]
    assert "public" not in response["Cache-Control"]
    assert "Cookie" in response["Vary"]
    assert int(response["Content-Length"]) == len(body)


def test_what_the_browser_has_is_not_sent_again(client: Client, picture: Image) -> None:
    first = client.get(thumbnail_url(picture))
    assert first.getvalue()
    for header, value in (("If-None-Match", first["ETag"]), ("If-Modified-Since", first["Last-Modified"])):
        again = client.get(thumbnail_url(picture), headers={header: value})
        assert again.status_code == 304
        assert again.content == b""
        assert again["ETag"] == first["ETag"]
        assert "private" in again["Cache-Control"]


def test_knowing_the_etag_opens_nothing(client: Client, picture: Image, other_user: User) -> None:
    first = client.get(thumbnail_url(picture))
    assert first.getvalue()
    client.force_login(other_user)
    assert client.get(thumbnail_url(picture), headers={"If-None-Match": first["ETag"]}).status_code == 404


def test_the_original_is_a_download_of_the_very_bytes(client: Client, picture: Image) -> None:
    response = client.get(reverse("original", args=[picture.uuid]))
    with picture.original.open("rb") as file:
        assert response.getvalue() == file.read()
    assert response["Content-Disposition"].startswith("attachment")
    assert "Gr%C3%BC%C3%9Fe%20aus%20K%C3%B6ln.jpg" in response["Content-Disposition"]
    assert response["Content-Type"] == "application/octet-stream"
    assert response["X-Content-Type-Options"] == "nosniff"


def test_head_says_the_same_without_the_bytes(client: Client, picture: Image) -> None:
    response = client.head(thumbnail_url(picture))
    assert response.status_code == 200
    assert int(response["Content-Length"]) > 0
    assert response.getvalue() == b""


@pytest.mark.parametrize("kind", ["original", "huge", "preview"])
def test_there_is_no_other_rendition(client: Client, make_image: MakeImage, user: User, kind: str) -> None:
    client.force_login(user)
    assert client.get(reverse("rendition", args=[make_image("blue").uuid, kind])).status_code == 404


def test_a_file_that_was_lost_is_a_404_and_is_logged(
    client: Client, picture: Image, caplog: pytest.LogCaptureFixture
) -> None:
    default_storage.delete(picture.original.name)
    assert client.get(reverse("original", args=[picture.uuid])).status_code == 404
    assert "not in the storage" in caplog.text
