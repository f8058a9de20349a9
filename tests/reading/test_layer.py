"""The text on the page of its picture: a layer of letters over it, and beside it to copy."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from PIL import Image as PILImage

from gallery import services as gallery_services
from gallery.models import Image, User
from ml.interfaces import ModelInfo, TextLine
from reading import selectors, services

MakeImage = Callable[..., Image]

INFO = ModelInfo(name="one", revision="1", weights_hash="1" * 64, preprocessing="none")


@pytest.fixture
def image(make_image: MakeImage, client: Client, user: User) -> Image:
    """64 x 48 pixels, with a preview, of whoever looks."""
    client.force_login(user)
    image = make_image("red")
    gallery_services.renditions_create(image=image, picture=PILImage.new("RGB", (64, 48), "red"))
    return image


def write(image: Image, *lines: tuple[str, Any]) -> Image:
    services.text_record(image_id=image.pk, lines=[TextLine(text, 0.9, box) for text, box in lines], info=INFO)
    image.refresh_from_db()
    return image


def page_of(client: Client, image: Image) -> str:
    return client.get(image.get_absolute_url()).content.decode()


@pytest.mark.parametrize(
    ("corners", "placed"),
    [
        (((0.25, 0.5), (0.75, 0.5), (0.75, 0.75), (0.25, 0.75)), (16, 36, 32, 12, 0)),  # level
        (((0.75, 0.25), (0.75, 0.75), (0.5, 0.75), (0.5, 0.25)), (32, 12, 24, 16, 90)),  # downwards
        (((0.75, 0.75), (0.25, 0.75), (0.25, 0.5), (0.75, 0.5)), (48, 24, 32, 12, 180)),  # upside down
    ],
)
def test_a_line_stands_in_pixels_of_the_picture(image: Image, corners: Any, placed: tuple[float, ...]) -> None:
    (line,) = selectors.lines_of(write(image, ("OPEN", corners)))
    assert (line.x, line.y, line.width, line.height, line.angle) == placed
    assert -line.height < line.baseline < 0 < line.font_size < line.height


BOX = ((0.25, 0.5), (0.75, 0.5), (0.75, 0.75), (0.25, 0.75))


def test_the_page_has_the_lines_over_the_picture_and_beside_it(client: Client, image: Image) -> None:
    write(image, ("<b>GRAND", BOX), ("HOTEL", BOX))
    page = page_of(client, image)
    layer = page.partition('<svg class="text-layer"')[2].partition("</svg>")[0]
    assert 'viewBox="0 0 64 48"' in layer
    assert 'aria-hidden="true"' in layer
    assert 'transform="translate(16.0 36.0) rotate(0.0)"' in layer
    assert [part.partition("</text>")[0].partition(">")[2] for part in layer.split("<text")[1:]] == [
        "&lt;b&gt;GRAND",
        "HOTEL",
    ]
    assert "&lt;b&gt;GRAND\nHOTEL</p>" in page
    assert "style=" not in page


@pytest.mark.parametrize("was_read", [True, False])
def test_a_page_without_text_has_neither(client: Client, image: Image, was_read: bool) -> None:
    if was_read:
        write(image)
    page = page_of(client, image)
    assert "text-layer" not in page
    assert "data-copy-text" not in page


def test_a_picture_without_a_preview_has_the_text_beside_it_alone(
    client: Client, make_image: MakeImage, image: Image
) -> None:
    page = page_of(client, write(make_image("blue"), ("OPEN", BOX)))
    assert "text-layer" not in page
    assert "OPEN</p>" in page
