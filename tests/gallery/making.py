"""What the tests of the gallery make from nothing: picture files, and a full disk."""

import errno
import io
import struct
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from PIL import ExifTags, ImageCms
from PIL import Image as PILImage

from gallery.storage import DurableFileSystemStorage

QUARTERS = ((255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0))


@contextmanager
def full_disk() -> Iterator[None]:
    """The store of pictures has no room meanwhile."""

    def full(*args: Any) -> str:
        raise OSError(errno.ENOSPC, "No space left on device")

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(DurableFileSystemStorage, "_save", full)
        yield


def encode(picture: PILImage.Image, format: str = "PNG", **options: Any) -> bytes:
    if format == "HEIF":
        import pillow_heif

        pillow_heif.register_heif_opener()
    buffer = io.BytesIO()
    picture.save(buffer, format, **options)
    return buffer.getvalue()


def plain(color: Any = "red", size: tuple[int, int] = (64, 48), mode: str = "RGB") -> PILImage.Image:
    return PILImage.new(mode, size, color)


def quarters(size: tuple[int, int] = (64, 48)) -> PILImage.Image:
    """Red, green, blue and yellow: top left, top right, bottom left, bottom right."""
    small = PILImage.new("RGB", (2, 2))
    small.putdata(QUARTERS)
    return small.resize(size, PILImage.Resampling.NEAREST)


def noise(size: tuple[int, int] = (160, 120)) -> PILImage.Image:
    """Something that compresses badly, so that half of a file is half of a picture."""
    return PILImage.merge("RGB", [PILImage.effect_noise(size, 80) for _ in range(3)])


def animation(frames: int = 3, format: str = "GIF", size: tuple[int, int] = (64, 48), **options: Any) -> bytes:
    pictures = [plain((40 * index % 256, 90, 200), size) for index in range(frames)]
    return encode(pictures[0], format, save_all=True, append_images=pictures[1:], **options)


def exif_of(
    base: dict[int, Any] | None = None, details: dict[int, Any] | None = None, gps: dict[int, Any] | None = None
) -> PILImage.Exif:
    exif = PILImage.Exif()
    exif.update(base or {})
    exif.get_ifd(ExifTags.IFD.Exif).update(details or {})
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(gps or {})
    return exif


def png(
    size: tuple[int, int], *, depth: int, color_type: int, rows: Sequence[bytes], extra: Sequence[bytes] = ()
) -> bytes:
    """A PNG written by hand, for what Pillow doesn't write (or wouldn't)."""
    header = struct.pack(">IIBBBBB", *size, depth, color_type, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    chunks = [png_chunk(b"IHDR", header), *extra, png_chunk(b"IDAT", pixels), png_chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def png_chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """A profile by which red means green and green means red."""
    return srgb_profile().replace(b"rXYZ", b"____").replace(b"gXYZ", b"rXYZ").replace(b"____", b"gXYZ")


def gray_profile() -> bytes:
    profile = bytearray(srgb_profile())
    profile[16:20] = b"GRAY"
    return bytes(profile).replace(b"rTRC", b"kTRC")


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in entries.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def upload(content: bytes, name: str = "picture.jpg") -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content)


def near(actual: Any, wanted: Sequence[int], *, within: int = 12) -> bool:
    """Whether two colours are the same but for lossy coding."""
    return all(abs(a - w) <= within for a, w in zip(actual, wanted, strict=True))
