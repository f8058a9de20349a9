"""Sizes to take along: which there are, what they hold, and what they can't do to the site."""

import io
from collections.abc import Callable

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.test import Client
from django.urls import reverse
from PIL import Image as PILImage

from gallery import pictures, renditions, services, sized
from gallery.models import Image, User, Visibility

MakeImage = Callable[..., Image]


@pytest.fixture
def large(make_jpeg: Callable[..., bytes], user: User) -> Image:
    exif = PILImage.Exif()
    exif[0x0112] = 6  # to be turned by a quarter
    exif[0x010F] = "Maker"
    file = ContentFile(make_jpeg("red", size=(1500, 900), exif=exif), name="Abend am Meer.jpg")
    return services.image_create(
        owner=user, file=file, file_name="Abend am Meer.jpg", visibility=Visibility.PUBLIC
    ).image


def url(image: Image, size: str) -> str:
    return reverse("download", args=[image.uuid, size])


@pytest.mark.parametrize(
    ("width", "height", "sizes"),
    [
        (6000, 4000, [("huge", 4096), ("large", 2048), ("medium", 1280), ("small", 400)]),
        (1500, 900, [("large", 1500), ("medium", 1280), ("small", 400)]),
        (400, 300, [("small", 400)]),
        (20, 10, [("small", 20)]),
    ],
)
def test_no_size_is_larger_than_the_original(width: int, height: int, sizes: list[tuple[str, int]]) -> None:
    assert [(size.name, size.width) for size in sized.sizes_of(Image(width=width, height=height))] == sizes


def test_a_size_is_an_upright_jpeg_without_metadata(client: Client, large: Image) -> None:
    response = client.get(url(large, "medium"))
    body = response.getvalue()
    with PILImage.open(io.BytesIO(body)) as picture:
        assert (picture.format, picture.size) == ("JPEG", (768, 1280))
        assert not picture.getexif()
    assert b"Maker" not in body
    assert response["Content-Type"] == "image/jpeg"
    assert "Abend%20am%20Meer-medium.jpg" in response["Content-Disposition"].replace('"', "") or (
        "Abend am Meer-medium.jpg" in response["Content-Disposition"]
    )
    assert response["X-Content-Type-Options"] == "nosniff"
    assert "private" in response["Cache-Control"]


def test_what_the_browser_has_is_not_made_again(client: Client, large: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    first = client.get(url(large, "small"))
    assert first.getvalue()
    monkeypatch.setattr(sized.decoding, "open_picture", None)
    again = client.get(url(large, "small"), headers={"If-None-Match": first["ETag"]})
    assert again.status_code == 304


@pytest.mark.parametrize("size", ["huge", "original", "thumbnail", "400"])
def test_other_sizes_are_not_there(client: Client, large: Image, size: str) -> None:
    assert client.get(url(large, size)).status_code == 404


def test_one_at_a_time(client: Client, large: Image) -> None:
    with sized._renderer:
        busy = client.get(url(large, "small"))
    assert busy.status_code == 503
    assert int(busy["Retry-After"]) > 0
    assert "no-store" in busy["Cache-Control"]
    assert "Try again in a few seconds" in busy.content.decode()
    assert client.get(url(large, "small")).getvalue()[:2] == b"\xff\xd8"


def test_a_failure_leaves_the_renderer_free(client: Client, large: Image) -> None:
    default_storage.delete(large.original.name)
    assert client.get(url(large, "small")).status_code == 404
    assert sized._renderer.acquire(blocking=False)
    sized._renderer.release()


def test_the_page_offers_them_and_the_original_to_the_owner(
    client: Client, large: Image, user: User, other_user: User
) -> None:
    for viewer, is_offered in ((other_user, False), (user, True)):
        client.force_login(viewer)
        page = client.get(large.get_absolute_url()).content.decode()
        assert url(large, "medium") in page
        assert url(large, "huge") not in page
        assert (reverse("original", args=[large.uuid]) in page) is is_offered


def test_see_through_becomes_white(client: Client, user: User) -> None:
    buffer = io.BytesIO()
    PILImage.new("RGBA", (50, 40), (255, 0, 0, 0)).save(buffer, "PNG")
    file = ContentFile(buffer.getvalue(), name="glass.png")
    image = services.image_create(owner=user, file=file, file_name="glass.png").image
    client.force_login(user)
    with PILImage.open(io.BytesIO(client.get(url(image, "small")).getvalue())) as picture:
        assert picture.convert("RGB").getpixel((25, 20)) == (255, 255, 255)


def test_the_grid_knows_the_largest_size_where_there_is_more_to_see(
    client: Client, large: Image, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(user)
    monkeypatch.setattr(renditions, "PREVIEW_SIDE", 1_500)
    for side, is_offered in ((800, True), (900, False)):
        large.renditions.all().delete()
        with large.original.open("rb") as file:
            services.renditions_create(image=large, picture=pictures.open_picture(file, max_side=side * 5 // 3))
        page = client.get("/").content.decode()
        assert (f'data-large="{url(large, "large")}"' in page) is is_offered
        assert f'data-preview="{reverse("rendition", args=[large.uuid, "preview"])}"' in page


def test_the_grid_offers_the_original_to_its_owner_and_the_largest_size_to_others(
    client: Client, large: Image, user: User, other_user: User
) -> None:
    with large.original.open("rb") as file:
        services.renditions_create(image=large, picture=pictures.open_picture(file, max_side=1500))
    original = reverse("original", args=[large.uuid])
    states = f"{reverse('image-states')}?image={large.uuid}"
    for viewer, address in ((None, url(large, "large")), (other_user, url(large, "large")), (user, original)):
        if viewer:
            client.force_login(viewer)
        said = f'data-download="{address}"'
        assert said in client.get("/public/").content.decode()
        assert said in client.get(large.get_absolute_url()).content.decode()
        assert said in client.get(states).json()["images"][str(large.uuid)]["card"]
