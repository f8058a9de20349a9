"""Which kinds of file are pictures here, told by their first bytes; names and extensions prove nothing."""

from dataclasses import dataclass

from django.utils.functional import Promise
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from PIL import ExifTags, TiffImagePlugin
from PIL import Image as PILImage

from gallery.exceptions import UploadRefused


@dataclass(frozen=True)
class Format:
    """`name` is Pillow's. `animates`: several frames are an animation (not pages, or pictures side by side)."""

    name: str
    label: str
    extension: str
    animates: bool = False


FORMATS = {
    kind.name: kind
    for kind in (
        Format("JPEG", "JPEG", "jpg"),
        Format("PNG", "PNG", "png", animates=True),
        Format("WEBP", "WebP", "webp", animates=True),
        Format("GIF", "GIF", "gif", animates=True),
        Format("AVIF", "AVIF", "avif", animates=True),
        Format("HEIF", "HEIC", "heic"),
        Format("TIFF", "TIFF", "tif"),
    )
}
_LABELS = [kind.label for kind in FORMATS.values()]

_SIGNATURES = {
    b"\xff\xd8\xff": "JPEG",
    b"\x89PNG\r\n\x1a\n": "PNG",
    b"GIF87a": "GIF",
    b"GIF89a": "GIF",
    b"II*\0": "TIFF",
    b"MM\0*": "TIFF",
    b"II+\0": "TIFF",
    b"MM\0+": "TIFF",
}
_UNSUPPORTED = {
    b"BM": _("BMP pictures"),
    b"8BPS": _("Photoshop files"),
    b"%PDF": _("PDF files"),
    b"\0\0\x01\0": _("icons"),
    b"\0\0\0\x0cjP  ": _("JPEG 2000 pictures"),
    b"\0\0\0\x0cJXL ": _("JPEG XL pictures"),
    b"\xff\x0a": _("JPEG XL pictures"),
    b"PK\x03\x04": _("archives"),
    b"\x1aE\xdf\xa3": _("videos"),
}
_RAW = _("camera raw files")
_HEIF_BRANDS = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}


def identify(head: bytes) -> Format:
    """The format of a file that starts with `head` (64 bytes or more, or the whole file).

    Raises UploadRefused when it isn't one of FORMATS, naming those that are.
    """
    for signature, name in _SIGNATURES.items():
        if head.startswith(signature):
            return FORMATS[name]
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return FORMATS["WEBP"]
    if head[4:8] == b"ftyp":
        return _iso_media(head)
    if b"<svg" in head.lower():
        raise _unsupported(_("SVG drawings"))
    for signature, label in _UNSUPPORTED.items():
        if head.startswith(signature):
            raise _unsupported(label)
    raise UploadRefused(gettext("This file is not a picture that we know.") + " " + _supported())


def _iso_media(head: bytes) -> Format:
    """AVIF, HEIC, videos and more share one container; the brands in its first box tell them apart (ISO 14496-12)."""
    major, compatible = head[8:12], head[16 : int.from_bytes(head[:4], "big")]
    brands = {major} | {compatible[i : i + 4] for i in range(0, len(compatible), 4)}
    if brands & {b"avif", b"avis"}:
        return FORMATS["AVIF"]
    if major in _HEIF_BRANDS:
        return FORMATS["HEIF"]
    raise _unsupported(_RAW if major == b"crx " else _("videos"))


def refuse_raw(picture: PILImage.Image) -> None:
    """Most camera raw files are TIFF files whose first page is a tiny preview, which would pass for the picture.

    Raises UploadRefused for them: they name a DNG version, or call their first page a reduced one (TIFF 6.0, tag 254).
    """
    if isinstance(picture, TiffImagePlugin.TiffImageFile):
        tags = picture.tag_v2
        if ExifTags.Base.DNGVersion in tags or tags.get(ExifTags.Base.NewSubfileType, 0) & 1:
            raise _unsupported(_RAW)


def _unsupported(label: Promise) -> UploadRefused:
    kind = str(label)
    sentence = gettext("%(kind)s are not supported.") % {"kind": kind[0].upper() + kind[1:]}
    return UploadRefused(f"{sentence} {_supported()}")


def _supported() -> str:
    return gettext("Supported are %(formats)s and %(last)s.") % {
        "formats": ", ".join(_LABELS[:-1]),
        "last": _LABELS[-1],
    }
