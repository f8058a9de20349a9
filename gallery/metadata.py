"""What the camera wrote beside the pixels: EXIF, read with distrust.

Cameras, phones and editors write every kind of nonsense here, so whatever can't be read counts as absent: a broken
block never costs a picture.
"""

import math
import struct
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from datetime import timezone as fixed_offset
from typing import Any, NamedTuple

from django.utils import timezone
from PIL import ExifTags
from PIL import Image as PILImage

# What Pillow's lazy EXIF parser raises on blocks that are cut short, mistyped, or point outside of themselves.
UNREADABLE = (
    OSError,
    SyntaxError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    struct.error,
)
FIRST_PHOTOGRAPH = 1826
LONGEST_NAME = 100


class Camera(NamedTuple):
    """Maker and model as the camera states them; "" where it doesn't."""

    make: str = ""
    model: str = ""


NO_CAMERA = Camera()


class Position(NamedTuple):
    """Degrees; north and east are positive."""

    latitude: float
    longitude: float


@dataclass(frozen=True)
class Metadata:
    """`orientation` is the EXIF value, 1 to 8, that the decoded pixels still need (1 where the decoder has applied it
    already, as it does for TIFF and HEIC)."""

    taken_at: datetime | None = None
    camera: Camera = NO_CAMERA
    orientation: int = 1
    gps: Position | None = None


def read_metadata(picture: PILImage.Image) -> Metadata:
    """Everything that we keep of the EXIF of a decoded picture. Never raises for what a file may hold."""
    try:
        exif = picture.getexif()
        base = dict(exif)
    except UNREADABLE:
        return Metadata()
    details = _directory(exif, ExifTags.IFD.Exif)
    return Metadata(
        taken_at=_taken_at(details),
        camera=Camera(_name(base.get(ExifTags.Base.Make)), _name(base.get(ExifTags.Base.Model))),
        orientation=_orientation(base.get(ExifTags.Base.Orientation)),
        gps=_position(_directory(exif, ExifTags.IFD.GPSInfo)),
    )


def read_orientation(picture: PILImage.Image) -> int:
    """The EXIF orientation, 1 to 8, that the decoded pixels still need."""
    try:
        return _orientation(picture.getexif().get(ExifTags.Base.Orientation))
    except UNREADABLE:
        return 1


def _directory(exif: PILImage.Exif, tag: int) -> dict[int, Any]:
    try:
        return dict(exif.get_ifd(tag))
    except UNREADABLE:
        return {}


def _orientation(value: object) -> int:
    return value if isinstance(value, int) and 1 <= value <= 8 else 1  # noqa: PLR2004


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value if isinstance(value, str) else ""


def _name(value: object) -> str:
    """One line of printable text: up to the first NUL (what follows is left over from a longer name)."""
    text = _text(value).partition("\0")[0]
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_NAME].rstrip()


def _taken_at(details: Mapping[int, Any]) -> datetime | None:
    """When the shutter opened. Without an offset, the camera's clock is taken to show this site's TIME_ZONE."""
    text = _text(details.get(ExifTags.Base.DateTimeOriginal)).strip(" \0")
    try:
        taken_at = datetime.strptime(text, "%Y:%m:%d %H:%M:%S")  # noqa: DTZ007 (made aware below)
        offset = _offset(_text(details.get(ExifTags.Base.OffsetTimeOriginal)).strip(" \0"))
        aware = timezone.make_aware(taken_at, offset or timezone.get_default_timezone())
        plausible = aware.year >= FIRST_PHOTOGRAPH and aware <= timezone.now() + timedelta(days=1)
    except (ValueError, OverflowError):
        return None
    return aware if plausible else None


def _offset(text: str) -> fixed_offset | None:
    """`+02:00` as a zone; None where the text is no offset."""
    try:
        delta = datetime.strptime(text, "%z").utcoffset()
    except ValueError:
        return None
    return None if delta is None else fixed_offset(delta)


def _position(directory: Mapping[int, Any]) -> Position | None:
    try:
        latitude = _degrees(directory[ExifTags.GPS.GPSLatitude], directory[ExifTags.GPS.GPSLatitudeRef], "NS", bound=90)
        longitude = _degrees(
            directory[ExifTags.GPS.GPSLongitude], directory[ExifTags.GPS.GPSLongitudeRef], "EW", bound=180
        )
    except UNREADABLE:
        return None
    # Exactly 0, 0 is what a receiver without a fix writes.
    return Position(latitude, longitude) if latitude or longitude else None


def _degrees(parts: Any, hemisphere: object, signs: str, *, bound: int) -> float:
    """Degrees, minutes and seconds as one signed number. Raises ValueError when they name no place on Earth."""
    degrees, minutes, seconds = (float(part) for part in parts)
    value = degrees + minutes / 60 + seconds / 3600
    sign = _text(hemisphere).strip(" \0").upper()
    if len(sign) != 1 or sign not in signs or not math.isfinite(value) or not 0 <= value <= bound:
        raise ValueError(f"no such place: {parts} {hemisphere!r}")
    return -value if sign == signs[1] else value
