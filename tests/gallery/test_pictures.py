"""Files become upright sRGB pixels, whatever they were."""

import errno
import io
from typing import Any

import pytest
from PIL import ExifTags, ImageChops, ImageCms, ImageStat, TiffImagePlugin
from PIL import Image as PILImage

from gallery import pictures
from gallery.exceptions import UploadRefused
from tests.gallery.making import (
    QUARTERS,
    animation,
    encode,
    exif_of,
    gray_profile,
    near,
    noise,
    plain,
    png,
    quarters,
    srgb_profile,
    swapped_profile,
    upload,
)

T = PILImage.Transpose
# How a camera that is held so stores an upright picture: the inverse of what EXIF asks the viewer to do.
STORED = {
    1: None,
    2: T.FLIP_LEFT_RIGHT,
    3: T.ROTATE_180,
    4: T.FLIP_TOP_BOTTOM,
    5: T.TRANSPOSE,
    6: T.ROTATE_90,
    7: T.TRANSVERSE,
    8: T.ROTATE_270,
}


def opened(content: bytes, **options: Any) -> PILImage.Image:
    return pictures.open_picture(upload(content), **options)


def corners(picture: PILImage.Image) -> list[Any]:
    width, height = picture.size
    return [picture.getpixel((x, y)) for y in (height // 4, 3 * height // 4) for x in (width // 4, 3 * width // 4)]


def color_of(content: bytes) -> Any:
    picture = opened(content)
    return picture.getpixel((picture.width // 2, picture.height // 2))


class TestOrientation:
    @pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "AVIF", "TIFF"])
    @pytest.mark.parametrize("orientation", STORED)
    def test_pictures_stand_upright(self, orientation: int, format: str) -> None:
        method = STORED[orientation]
        held = quarters() if method is None else quarters().transpose(method)
        picture = opened(encode(held, format, exif=exif_of({ExifTags.Base.Orientation: orientation})))
        assert picture.size == (64, 48)
        assert all(near(seen, wanted) for seen, wanted in zip(corners(picture), QUARTERS, strict=True))

    def test_heic_is_turned_once(self) -> None:
        # The container turns the pixels itself; the EXIF value beside it must not turn them again.
        exif = exif_of({ExifTags.Base.Orientation: 6})
        content = encode(quarters().transpose(T.ROTATE_90), "HEIF", exif=exif.tobytes())
        assert opened(content).size == (64, 48)
        assert all(near(seen, wanted) for seen, wanted in zip(corners(opened(content)), QUARTERS, strict=True))

    def test_sideways_and_scaled_down(self) -> None:
        exif = exif_of({ExifTags.Base.Orientation: 6})
        held = quarters((1200, 1600))  # stored; 1600 x 1200 as shown
        picture = opened(encode(held, "JPEG", exif=exif), max_side=400)
        assert picture.size == (400, 300)


class TestColours:
    @pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF"])
    def test_every_format_comes_as_rgb(self, format: str) -> None:
        picture = opened(encode(quarters(), format))
        assert picture.mode == "RGB"
        assert all(near(seen, wanted) for seen, wanted in zip(corners(picture), QUARTERS, strict=True))

    @pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
    def test_the_embedded_profile_is_applied(self, format: str) -> None:
        assert near(color_of(encode(plain("red"), format, icc_profile=swapped_profile())), (0, 255, 0))

    def test_the_srgb_profile_changes_nothing(self) -> None:
        assert color_of(encode(plain((12, 200, 34)), icc_profile=srgb_profile())) == (12, 200, 34)

    @pytest.mark.parametrize("profile", [b"nonsense", srgb_profile()[:300], gray_profile()])
    def test_an_unusable_profile_counts_as_none(self, profile: bytes) -> None:
        assert near(color_of(encode(plain("red"), "JPEG", icc_profile=profile)), (255, 0, 0))

    def test_a_gray_picture_with_a_profile_of_either_kind(self) -> None:
        gray = plain(128, mode="L")
        assert color_of(encode(gray, icc_profile=gray_profile())) == (128, 128, 128)
        assert color_of(encode(gray, icc_profile=swapped_profile())) == (128, 128, 128)

    def test_cmyk(self) -> None:
        content = encode(plain((255, 0, 0, 0), mode="CMYK"), "JPEG")
        assert near(color_of(content), (0, 255, 255))

    def test_cmyk_with_a_profile_for_something_else(self) -> None:
        content = encode(plain((255, 0, 0, 0), mode="CMYK"), "JPEG", icc_profile=swapped_profile())
        assert near(color_of(content), (0, 255, 255))

    def test_lab(self) -> None:
        lab = ImageCms.profileToProfile(
            plain("red"), ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), outputMode="LAB"
        )
        assert lab is not None
        assert near(color_of(encode(lab, "TIFF")), (255, 0, 0))

    @pytest.mark.parametrize(("value", "shown"), [(0, 0), (300, 1), (32_768, 127), (65_535, 255)])
    def test_sixteen_bit_gray_keeps_its_tones(self, value: int, shown: int) -> None:
        content = png((2, 2), depth=16, color_type=0, rows=[value.to_bytes(2, "big") * 2] * 2)
        assert color_of(content) == (shown,) * 3
        tiff = encode(PILImage.new("I;16", (2, 2), value), "TIFF")
        assert color_of(tiff) == (shown,) * 3

    def test_sixteen_bit_colours(self) -> None:
        row = b"".join(value.to_bytes(2, "big") for value in (65_535, 32_768, 0)) * 2
        assert near(color_of(png((2, 2), depth=16, color_type=2, rows=[row] * 2)), (255, 128, 0), within=1)

    @pytest.mark.parametrize("mode", ["F", "I"])
    def test_measurements_span_from_dark_to_bright(self, mode: str) -> None:
        picture = PILImage.new(mode, (4, 1), 1_000)
        picture.putpixel((0, 0), -500)
        picture.putpixel((1, 0), 4_000)
        shown = opened(encode(picture, "TIFF"))
        assert [shown.getpixel((x, 0)) for x in range(3)] == [(0,) * 3, (255,) * 3, (85,) * 3]

    def test_an_even_measurement_is_black(self) -> None:
        assert color_of(encode(PILImage.new("F", (4, 4), 7.5), "TIFF")) == (0, 0, 0)

    @pytest.mark.parametrize("mode", list(TiffImagePlugin.SAVE_INFO))
    def test_whatever_mode_a_file_may_have(self, mode: str) -> None:
        picture = opened(encode(PILImage.new(mode, (300, 200)), "TIFF"), max_side=100)
        assert picture.size == (100, 67)
        assert picture.mode == ("RGBA" if mode in {"LA", "PA", "RGBA"} else "RGB")

    def test_bilevel_and_palette(self) -> None:
        assert color_of(encode(plain(1, mode="1"))) == (255, 255, 255)
        assert color_of(encode(plain("red").convert("P", palette=PILImage.Palette.ADAPTIVE))) == (255, 0, 0)


class TestTransparency:
    @pytest.mark.parametrize("format", ["PNG", "WEBP", "AVIF", "TIFF"])
    def test_it_is_kept(self, format: str) -> None:
        picture = opened(encode(plain((255, 0, 0, 128), mode="RGBA"), format))
        assert picture.mode == "RGBA"
        assert near(picture.getpixel((5, 5)), (255, 0, 0, 128))

    def test_of_gray_palette_and_keyed_pictures(self) -> None:
        assert opened(encode(plain((90, 10), mode="LA"))).getpixel((5, 5)) == (90, 90, 90, 10)
        assert opened(encode(plain(3, mode="P"), "GIF", transparency=3)).getpixel((5, 5))[3] == 0
        assert opened(encode(plain("red"), transparency=(255, 0, 0))).getpixel((5, 5))[3] == 0

    def test_it_survives_a_profile(self) -> None:
        content = encode(plain((255, 0, 0, 128), mode="RGBA"), icc_profile=swapped_profile())
        assert near(color_of(content), (0, 255, 0, 128), within=1)

    def test_an_opaque_alpha_channel_is_dropped(self) -> None:
        assert opened(encode(plain((255, 0, 0, 255), mode="RGBA"))).mode == "RGB"

    def test_flatten_puts_it_on_white(self) -> None:
        flat = pictures.flatten(plain((255, 0, 0, 0), mode="RGBA"))
        assert (flat.mode, flat.getpixel((5, 5))) == ("RGB", (255, 255, 255))
        assert pictures.flatten(plain("red")).getpixel((5, 5)) == (255, 0, 0)


class TestSize:
    @pytest.mark.parametrize("format", ["JPEG", "PNG"])
    @pytest.mark.parametrize(("size", "wanted"), [((1600, 1200), (400, 300)), ((300, 1000), (120, 400))])
    def test_the_long_side_comes_down(self, size: tuple[int, int], wanted: tuple[int, int], format: str) -> None:
        assert opened(encode(plain(size=size), format), max_side=400).size == wanted

    def test_nothing_is_enlarged(self) -> None:
        assert opened(encode(plain(size=(64, 48)), "JPEG"), max_side=400).size == (64, 48)

    def test_thin_pictures_keep_a_pixel(self) -> None:
        assert opened(encode(plain(size=(2_000, 1))), max_side=100).size == (100, 1)

    @pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "I;16", "F", "CMYK"])
    def test_large_ones_are_made_smaller_band_by_band(self, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
        whole = noise((1_003, 701)).convert("L").convert("RGBA" if mode == "RGBA" else mode if mode != "I;16" else "I")
        content = encode(whole.convert(mode) if mode == "I;16" else whole, "TIFF")
        at_once = opened(content, max_side=100)
        monkeypatch.setattr(pictures, "_LARGE_PIXELS", 1_000)
        monkeypatch.setattr(pictures, "_BAND_PIXELS", 10_000)
        in_bands = opened(content, max_side=100)
        assert (in_bands.size, in_bands.mode) == (at_once.size, at_once.mode) == ((100, 70), "RGB")
        difference = ImageStat.Stat(ImageChops.difference(in_bands, at_once))
        assert max(difference.mean) < 4


class TestRefusals:
    def test_a_broken_file(self) -> None:
        content = encode(noise(), "JPEG")
        with pytest.raises(UploadRefused, match="This JPEG file is damaged or cut short"):
            opened(content[: len(content) // 2])

    def test_the_disks_fault_is_not_the_files(self) -> None:
        class FailingDisk(io.BytesIO):
            def read(self, size: int | None = -1) -> bytes:
                if self.tell() > 1_000:
                    raise OSError(errno.EIO, "Input/output error")
                return super().read(min(500, size) if size and size > 0 else size)

        with pytest.raises(OSError, match="Input/output error"):
            pictures.open_picture(FailingDisk(encode(noise(), "JPEG")))


def test_nothing_but_pixels_is_left() -> None:
    exif = exif_of({0x010F: "Canon"}, gps={1: "N", 2: (1.0, 2.0, 3.0)})
    picture = opened(encode(plain(), "JPEG", exif=exif, icc_profile=srgb_profile(), comment=b"mine"))
    assert picture.info == {}
    assert dict(picture.getexif()) == {}


def test_the_first_frame_stands_for_an_animation() -> None:
    assert near(color_of(animation(3)), (0, 90, 200), within=4)
