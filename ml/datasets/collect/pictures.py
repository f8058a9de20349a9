"""Whether what a host sent is a picture: told by its first bytes, measured before it is decoded, then decoded."""

import hashlib
import io
from collections.abc import Callable
from dataclasses import dataclass
from typing import IO

from PIL import GifImagePlugin, ImageFile, JpegImagePlugin, PngImagePlugin, WebPImagePlugin
from PIL import Image as PILImage

from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import Limits

_Opener = Callable[[IO[bytes]], ImageFile.ImageFile]

# Only the decoder that the first bytes name is asked, and not through `PIL.Image.open`: its own guard against bombs
# is one number for the whole process, and warns where we decide.
_FORMATS: tuple[tuple[bytes, bytes, str, _Opener], ...] = (
    (b"\xff\xd8\xff", b"", "jpg", JpegImagePlugin.jpeg_factory),
    (b"\x89PNG\r\n\x1a\n", b"", "png", PngImagePlugin.PngImageFile),
    (b"GIF8", b"", "gif", GifImagePlugin.GifImageFile),
    (b"RIFF", b"WEBP", "webp", WebPImagePlugin.WebPImageFile),
)
_PAGE = (b"<!doctype", b"<html", b"<head", b"<body", b"<script", b"<?xml", b"<svg", b"<!--", b"{", b"[")


@dataclass(frozen=True)
class Picture:
    """A picture that was decoded once, and is kept as it came."""

    body: bytes
    extension: str  #: jpg, png, webp or gif
    size: tuple[int, int]  #: width and height, in pixels

    @property
    def digest(self) -> bytes:
        """16 bytes of its SHA-256."""
        return hashlib.sha256(self.body).digest()[:16]


def check(body: bytes, limits: Limits) -> Picture:
    """The picture that the bytes are. Raises Dropped where they are none, or none of a fit size."""
    extension, opener = _identify(body)
    try:
        image = opener(io.BytesIO(body))
        with image:
            width, height = size = image.size
            if width * height > limits.max_pixels:
                raise Dropped("too many pixels", f"{width:,} x {height:,} pixels")
            if min(size) < limits.min_side:
                raise Dropped("too small", f"{width:,} x {height:,} pixels")
            # At an eighth of its size a JPEG is found to be cut short just as well, in a third of the time.
            image.draft(None, (width // 8, height // 8))
            image.load()
    except Dropped:
        raise
    except (PILImage.DecompressionBombError, PILImage.DecompressionBombWarning) as error:
        raise Dropped("too many pixels", str(error)[:200]) from error
    except Exception as error:  # whatever a stranger's file does to a decoder is the file's fault
        raise Dropped("broken picture", f"{type(error).__name__}: {error}"[:200]) from error
    return Picture(body, extension, size)


def _identify(body: bytes) -> tuple[str, _Opener]:
    for start, at_eight, extension, opener in _FORMATS:
        if body.startswith(start) and body[8:].startswith(at_eight):
            return extension, opener
    if body.lstrip(b"\xef\xbb\xbf \t\r\n")[:16].lower().startswith(_PAGE):
        raise Dropped("not a picture", f"begins with {body.strip()[:40].decode('utf-8', 'replace')}")
    if not body.strip():
        raise Dropped("not a picture", "nothing was sent")
    raise Dropped("unknown format", f"begins with {body[:12].hex(' ')}")
