"""What is let in, what is known of it, and what the others are told."""

import io
from datetime import UTC, datetime, timedelta, timezone
from fractions import Fraction
from typing import Any

import pytest
from django.utils import timezone as django_timezone
from PIL import ExifTags, PngImagePlugin

from gallery.exceptions import UploadRefused
from gallery.validators import clean_file_name, digest_upload, inspect_upload
from tests.gallery.making import animation, encode, exif_of, noise, plain, png, png_chunk, upload

SUPPORTED = "Supported are JPEG, PNG, WebP, GIF, AVIF, HEIC and TIFF."
FORMATS = {"JPEG": "JPEG", "PNG": "PNG", "WEBP": "WebP", "GIF": "GIF", "AVIF": "AVIF", "HEIF": "HEIC", "TIFF": "TIFF"}
DATE = ExifTags.Base.DateTimeOriginal
OFFSET = ExifTags.Base.OffsetTimeOriginal


def inspect(content: bytes, name: str = "picture.jpg") -> Any:
    return inspect_upload(upload(content), name)


def refusal(content: bytes) -> str:
    with pytest.raises(UploadRefused) as caught:
        inspect(content)
    return str(caught.value)


class TestAccepted:
    @pytest.mark.parametrize("format", FORMATS)
    def test_every_supported_format_by_content(self, format: str) -> None:
        facts = inspect(encode(plain(size=(64, 48)), format), "misleading.txt")
        assert (facts.format, facts.width, facts.height, facts.frames) == (format, 64, 48, 1)
        assert facts.file_name == "misleading.txt"

    def test_bytes_are_identified(self) -> None:
        content = encode(plain())
        digest = digest_upload(upload(content))
        assert (digest.byte_size, len(digest.sha256)) == (len(content), 64)
        assert digest != digest_upload(upload(content + b"\0"))

    def test_a_sideways_picture_is_measured_as_shown(self) -> None:
        facts = inspect(encode(plain(size=(64, 48)), "JPEG", exif=exif_of({ExifTags.Base.Orientation: 6})))
        assert (facts.width, facts.height, facts.orientation) == (48, 64, 6)

    @pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
    def test_frames_of_animations_are_counted(self, format: str) -> None:
        assert inspect(animation(5, format)).frames == 5

    @pytest.mark.parametrize("format", ["TIFF", "MPO"])
    def test_pages_and_companion_pictures_are_no_animation(self, format: str) -> None:
        facts = inspect(animation(3, format))
        assert (facts.frames, facts.format) == (1, {"MPO": "JPEG"}.get(format, format))

    def test_a_picture_at_the_limit(self, settings: Any) -> None:
        content = encode(plain(size=(100, 50)))
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": len(content), "pixels": 5_000, "side": 100}
        assert inspect(content).width == 100

    def test_a_png_with_megabytes_of_text(self) -> None:
        text = PngImagePlugin.PngInfo()
        text.add_text("History", "a" * 5_000_000, zip=True)
        assert inspect(encode(plain(), pnginfo=text)).format == "PNG"

    def test_a_large_picture_below_our_limit_doesnt_trip_pillows(self) -> None:
        assert inspect(encode(plain(0, (10_000, 10_000), "1"))).width == 10_000


class TestRefused:
    def test_an_empty_file(self) -> None:
        assert refusal(b"") == "This file is empty."

    @pytest.mark.parametrize("content", [b"just some words\n" * 50, b"\0" * 2_000, b"R", b"RIFF\0\0\0\0WAVEfmt "])
    def test_what_is_no_picture(self, content: bytes) -> None:
        assert refusal(content) == f"This file is not a picture that we know. {SUPPORTED}"

    @pytest.mark.parametrize(
        ("content", "label"),
        [
            (encode(plain(), "BMP"), "BMP pictures"),
            (encode(plain(), "JPEG2000"), "JPEG 2000 pictures"),
            (encode(plain(), "ICO"), "Icons"),
            (encode(plain(), "PDF"), "PDF files"),
            (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG drawings"),
            (b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41", "Videos"),
            (b"\0\0\0\x18ftypcrx \0\0\0\1crx isom", "Camera raw files"),
            (encode(plain(), "TIFF", tiffinfo={ExifTags.Base.NewSubfileType: 1}), "Camera raw files"),
        ],
    )
    def test_pictures_of_other_formats(self, content: bytes, label: str) -> None:
        assert refusal(content) == f"{label} are not supported. {SUPPORTED}"

    @pytest.mark.parametrize(("format", "label"), FORMATS.items())
    @pytest.mark.parametrize("part", [0.05, 0.5, 0.9])
    def test_what_is_cut_short(self, format: str, label: str, part: float) -> None:
        content = encode(noise(), format)
        assert refusal(content[: int(part * len(content))]) == f"This {label} file is damaged or cut short."

    @pytest.mark.parametrize("missing", [3, 40, 4_000])
    @pytest.mark.parametrize("mode", ["RGB", "L", "CMYK"])
    @pytest.mark.parametrize("progressive", [True, False])
    def test_jpegs_of_every_kind_cut_short(self, mode: str, progressive: bool, missing: int) -> None:
        content = encode(noise().convert(mode), "JPEG", progressive=progressive)
        assert refusal(content[:-missing]) == "This JPEG file is damaged or cut short."

    @pytest.mark.parametrize("format", ["GIF", "PNG", "WEBP", "AVIF"])
    def test_an_animation_cut_short_after_its_first_frame(self, format: str) -> None:
        frames = [noise() for _ in range(4)]
        content = encode(frames[0], format, save_all=True, append_images=frames[1:])
        assert refusal(content[: int(0.6 * len(content))]).endswith("file is damaged or cut short.")

    def test_too_many_bytes(self, settings: Any) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 1_000_000}
        assert refusal(b"\xff" * 1_200_000) == "This file has 1.2 MB; the limit is 1 MB."

    def test_just_too_many_bytes_reads_so(self, settings: Any) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 1_000_000}
        assert refusal(b"\xff" * 1_000_001) == "This file has 1.1 MB; the limit is 1 MB."

    def test_a_bomb_is_not_decoded(self) -> None:
        # The header alone promises 169 megapixels; decoding would fail otherwise, since there are none.
        bomb = png((13_000, 13_000), depth=8, color_type=2, rows=[])
        assert refusal(bomb) == "This picture has 169 megapixels; the limit is 120."

    def test_too_wide_and_too_high(self, settings: Any) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"side": 1_000}
        assert refusal(encode(plain(size=(1_001, 2)))) == "This picture is 1,001 pixels wide; the limit is 1,000."
        assert refusal(encode(plain(size=(2, 1_001)))) == "This picture is 1,001 pixels high; the limit is 1,000."

    def test_too_many_frames(self, settings: Any) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"frames": 4}
        assert refusal(animation(5)) == "This animation has more than 4 frames, which is the limit."

    def test_too_many_pixels_over_all_frames(self, settings: Any) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"animation_pixels": 100_000}
        assert refusal(animation(5, size=(200, 150))) == (
            "The frames of this animation have more than 0.1 megapixels together, which is the limit."
        )

    def test_a_bomb_of_text_inside_a_png(self) -> None:
        text = PngImagePlugin.PngInfo()
        text.add_text("Comment", "a" * 70_000_000, zip=True)
        assert refusal(encode(plain(), pnginfo=text)) == "This PNG file is damaged or cut short."

    def test_a_broken_checksum(self) -> None:
        content = encode(plain())
        assert refusal(content.replace(b"IDAT", b"IDAT\xff", 1)) == "This PNG file is damaged or cut short."


class TestMetadata:
    def facts(self, **exif: Any) -> Any:
        return inspect(encode(plain(), "JPEG", exif=exif_of(**exif)))

    def test_camera_and_date(self, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        facts = self.facts(base={0x010F: "FUJIFILM", 0x0110: "X-T5"}, details={DATE: "2024:07:01 12:30:00"})
        assert facts.camera == ("FUJIFILM", "X-T5")
        assert facts.taken_at == datetime(2024, 7, 1, 10, 30, tzinfo=UTC)

    def test_the_cameras_own_offset_counts(self) -> None:
        facts = self.facts(details={DATE: "2024:07:01 12:30:00", OFFSET: "-05:00"})
        assert facts.taken_at == datetime(2024, 7, 1, 17, 30, tzinfo=UTC)
        assert facts.taken_at.tzinfo == timezone(timedelta(hours=-5))

    def test_a_nonsense_offset_is_passed_over(self) -> None:
        facts = self.facts(details={DATE: "2024:07:01 12:30:00", OFFSET: "noon"})
        assert facts.taken_at == datetime(2024, 7, 1, 12, 30, tzinfo=UTC)

    @pytest.mark.parametrize(
        "text",
        ["0000:00:00 00:00:00", "    :  :     :  :  ", "", "yesterday", "2024:13:40 25:61:00", "0001:01:01 00:00:00"],
    )
    def test_nonsense_dates(self, text: str) -> None:
        assert self.facts(details={DATE: text}).taken_at is None

    def test_a_date_to_come(self) -> None:
        later = django_timezone.now() + timedelta(days=30)
        assert self.facts(details={DATE: later.strftime("%Y:%m:%d %H:%M:%S")}).taken_at is None

    def test_camera_names_are_cleaned(self) -> None:
        facts = self.facts(base={0x010F: "  Canon\0rubbish\x07", 0x0110: "x" * 300})
        assert facts.camera == ("Canon", "x" * 100)

    def test_places_are_signed_degrees(self) -> None:
        facts = self.facts(gps={1: "S", 2: (33.0, 51.0, 24.0), 3: "W", 4: (151.0, 12.0, 36.0)})
        assert facts.gps == pytest.approx((-33.856667, -151.21), abs=1e-6)

    @pytest.mark.parametrize(
        "gps",
        [
            {1: "N", 2: (91.0, 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)},
            {1: "N", 2: (1.0, 0.0, 0.0), 3: "E", 4: (181.0, 0.0, 0.0)},
            {1: "X", 2: (1.0, 0.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)},
            {1: "N", 2: (0.0, 0.0, 0.0), 3: "E", 4: (0.0, 0.0, 0.0)},
            {1: "N", 2: (1.0, 0.0), 3: "E", 4: (1.0, 0.0, 0.0)},
            {1: "N", 2: (1.0, 0.0, 0.0)},
            {1: "N", 2: (Fraction(1), 0.0, 0.0), 3: "", 4: (1.0, 0.0, 0.0)},
        ],
    )
    def test_places_that_are_none(self, gps: dict[int, Any]) -> None:
        assert self.facts(gps=gps).gps is None

    @pytest.mark.parametrize("orientation", [0, 9, 77])
    def test_nonsense_orientations(self, orientation: int) -> None:
        assert self.facts(base={0x0112: orientation}).orientation == 1

    @pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
    @pytest.mark.parametrize("block", [b"", b"garbage", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff\x01\x12"])
    def test_a_broken_block_never_costs_the_picture(self, block: bytes) -> None:
        facts = inspect(encode(plain(), "JPEG", exif=b"Exif\0\0" + block))
        assert (facts.orientation, facts.taken_at, facts.gps) == (1, None, None)

    @pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
    def test_a_broken_block_at_the_end_of_a_png(self) -> None:
        content = encode(plain())
        broken = png_chunk(b"eXIf", b"MM\0*\0\0\0\x08\0\x01\x01\x12")
        end = content.index(b"IEND") - 4
        assert inspect(content[:end] + broken + content[end:]).orientation == 1


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("holiday.jpg", "holiday.jpg"),
        ("../../etc/passwd", "passwd"),
        (r"C:\Users\me\Île de Ré ☀.jpg", "Île de Ré ☀.jpg"),
        ("a\0b\n\x7fc.jpg", "abc.jpg"),
        ("photo\u202egpj.exe", "photogpj.exe"),
        ("caf\u0065\u0301.jpg", "café.jpg"),
        ("bad\udce9.jpg", "bad.jpg"),
        ("", "picture.png"),
        ("..", "picture.png"),
        ("folder/", "picture.png"),
    ],
)
def test_file_names_are_cleaned(given: str, kept: str) -> None:
    assert clean_file_name(given, extension="png") == kept


def test_long_file_names_keep_their_extension() -> None:
    name = clean_file_name("ü" * 400 + ".jpeg")
    assert (len(name), name[-6:]) == (255, "ü.jpeg")
    assert len(clean_file_name("x" * 400)) == 255
    assert len(clean_file_name("a." + "x" * 400)) == 255


def test_files_without_a_name_or_a_folder_of_their_own() -> None:
    """What `manage.py` and the tests of others give: any file object."""
    assert inspect_upload(io.BytesIO(encode(plain())), "x.png").width == 64
