"""What pictures are shown as."""

import io
import math
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as PILImage
from PIL import ImageChops, ImageStat

from gallery import pictures, renditions, webp
from gallery.models import Image, User
from gallery.services import image_create
from tests.gallery.making import (
    QUARTERS,
    animation,
    encode,
    exif_of,
    near,
    plain,
    quarters,
    swapped_profile,
    upload,
)

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def render(user: User) -> Any:
    """Uploads a file and gives its renditions, opened, by kind."""

    def render(content: bytes) -> dict[str, PILImage.Image]:
        image = image_create(owner=user, file=upload(content), file_name="picture").image
        return {made.row.kind: PILImage.open(made.content) for made in render_all(image)}

    return render


def render_all(image: Image) -> list[renditions.Made]:
    with image.original.open("rb") as file:
        return renditions.render_all(image=image, picture=pictures.open_picture(file, max_side=pictures.WORKING_SIDE))


def frames_of(picture: PILImage.Image) -> list[tuple[int, Any]]:
    """(milliseconds, colour in the middle) of each frame."""
    frames = []
    for index in range(getattr(picture, "n_frames", 1)):
        picture.seek(index)
        picture.load()
        color = picture.convert("RGBA").getpixel((picture.width // 2, picture.height // 2))
        frames.append((picture.info.get("duration", 0), color))
    return frames


def test_large_pictures_are_scaled_down(render: Any) -> None:
    made = render(encode(plain(size=(3_200, 2_400)), "JPEG"))
    assert {kind: (picture.size, picture.format) for kind, picture in made.items()} == {
        "thumbnail": ((400, 300), "WEBP"),
        "preview": ((1280, 960), "WEBP"),
    }


def test_small_pictures_are_not_enlarged(render: Any) -> None:
    assert {picture.size for picture in render(encode(plain(size=(64, 48)))).values()} == {(64, 48)}


def test_no_metadata_is_shown(render: Any) -> None:
    exif = exif_of({0x010F: "Canon"}, {0x9003: "2020:01:01 00:00:00"}, {1: "N", 2: (1.0, 2.0, 3.0)})
    options = {"exif": exif, "icc_profile": swapped_profile(), "comment": b"secret", "xmp": b"<x:xmpmeta secret/>"}
    made = render(encode(plain("red", (500, 400)), "JPEG", **options))
    for picture in made.values():
        assert dict(picture.getexif()) == {}
        assert not {"exif", "icc_profile", "xmp", "comment"} & set(picture.info)
        assert near(picture.convert("RGB").getpixel((9, 9)), (0, 255, 0))  # the profile was applied, not lost


def test_they_stand_upright(render: Any) -> None:
    held = quarters((640, 480)).transpose(PILImage.Transpose.ROTATE_90)
    made = render(encode(held, "JPEG", exif=exif_of({0x0112: 6})))
    assert made["thumbnail"].size == (400, 300)
    corners = [made["thumbnail"].getpixel((x, y)) for y in (75, 225) for x in (100, 300)]
    assert all(near(seen, wanted) for seen, wanted in zip(corners, QUARTERS, strict=True))


def test_transparency_is_kept(render: Any) -> None:
    for picture in render(encode(plain((255, 0, 0, 100), (600, 500), "RGBA"))).values():
        assert picture.mode == "RGBA"
        assert near(picture.getpixel((50, 50)), (255, 0, 0, 100), within=6)


@pytest.mark.parametrize("format", ["JPEG", "GIF", "AVIF", "HEIF", "TIFF"])
def test_of_every_format(render: Any, format: str) -> None:
    assert render(encode(plain("blue"), format))["preview"].format == "WEBP"


class TestAnimation:
    @pytest.mark.parametrize("format", ["GIF", "WEBP", "PNG"])
    def test_the_thumbnail_stands_still_and_the_preview_moves(self, render: Any, format: str) -> None:
        made = render(animation(3, format, duration=120, loop=0))
        assert getattr(made["thumbnail"], "n_frames", 1) == 1
        frames = frames_of(made["preview"])
        assert [duration for duration, _ in frames] == [120, 120, 120]
        wanted = [(40 * index, 90, 200, 255) for index in range(3)]
        assert all(near(color, want, within=16) for (_, color), want in zip(frames, wanted, strict=True))
        assert made["preview"].info["loop"] == 0

    def test_each_frame_keeps_its_time(self, render: Any) -> None:
        made = render(animation(3, duration=[50, 1_000, 200], loop=0))
        assert [duration for duration, _ in frames_of(made["preview"])] == [50, 1_000, 200]

    def test_hurried_frames_are_shown_as_browsers_do(self, render: Any) -> None:
        made = render(animation(3, duration=0, loop=0))
        assert [duration for duration, _ in frames_of(made["preview"])] == [100, 100, 100]

    def test_what_played_once_plays_once(self, render: Any) -> None:
        assert render(animation(3, duration=100))["preview"].info["loop"] == 1

    def test_it_is_scaled_down(self, render: Any) -> None:
        made = render(animation(2, size=(1_200, 900), duration=100))
        assert (made["preview"].size, made["preview"].n_frames) == ((800, 600), 2)

    def test_a_long_one_stands_still(self, render: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(renditions, "ANIMATION_FRAMES", 4)
        assert getattr(render(animation(5))["preview"], "n_frames", 1) == 1

    def test_a_heavy_one_stands_still(self, render: Any, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(renditions, "ANIMATION_PIXELS", 10_000)
        assert getattr(render(animation(5))["preview"], "n_frames", 1) == 1

    def test_transparency_in_motion(self, render: Any) -> None:
        frames = [plain((255, 0, 0, alpha), mode="RGBA") for alpha in (0, 255)]
        content = encode(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100, disposal=1)
        shown = frames_of(render(content)["preview"])
        assert [color[3] for _, color in shown] == [0, 255]


def test_the_bytes_are_counted(user: User) -> None:
    image = image_create(owner=user, file=upload(encode(plain())), file_name="x").image
    for made in render_all(image):
        assert made.row.byte_size == len(made.content.read())
        assert made.row.image == image
        made.content.seek(0)
        assert PILImage.open(io.BytesIO(made.content.read())).size == (made.row.width, made.row.height)


def test_the_quicker_preview_is_as_near_to_the_picture() -> None:
    """Quality is not what the least effort saves at."""
    folder = Path(pytest.importorskip("skimage").__file__).parent / "data"
    for name in ("astronaut.png", "coffee.png", "rocket.jpg"):
        photo = PILImage.open(folder / name).convert("RGB")
        quick, usual = webp.encode(photo, effort=webp.LEAST_EFFORT), webp.encode(photo)
        assert error_of(quick, photo) <= 1.01 * error_of(usual, photo)


def error_of(content: bytes, photo: PILImage.Image) -> float:
    """The root of the mean square, of 255."""
    shown = PILImage.open(io.BytesIO(content)).convert("RGB")
    return math.sqrt(sum(value**2 for value in ImageStat.Stat(ImageChops.difference(shown, photo)).rms))
