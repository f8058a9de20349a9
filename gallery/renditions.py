"""The smaller WebP copies in which pictures are shown: upright, in sRGB, without metadata."""

import io
from typing import NamedTuple

from django.core.files.base import ContentFile
from PIL import Image as PILImage

from gallery import pictures
from gallery.models import Image, Rendition

THUMBNAIL_SIDE = 400
PREVIEW_SIDE = 1600
QUALITY = 80
# WebP's effort, 0 to 6: at 2 files are 3 to 5 % larger than at 4, and take half the time (previews of photos: 90 to
# 190 ms against 130 to 440).
EFFORT = 2

# Past these, an animation is previewed by its first frame: frames are held in memory while they are encoded.
ANIMATION_SIDE = 800
ANIMATION_FRAMES = 300
ANIMATION_PIXELS = 40_000_000
# Browsers show frames that claim 10 ms or less for 100 ms; so do we.
SHORTEST_FRAME = 10
DEFAULT_FRAME = 100


class Made(NamedTuple):
    """An unsaved Rendition without a file name, and its file."""

    row: Rendition
    content: "ContentFile[bytes]"


def render_all(*, image: Image, picture: PILImage.Image) -> list[Made]:
    """Every rendition of `image`, from its first frame as `pictures.open_picture` returns it."""
    preview = pictures.shrink(picture, PREVIEW_SIDE)
    thumbnail = pictures.shrink(preview, THUMBNAIL_SIDE)
    animation = _animate(image) if image.frames > 1 else None
    return [
        _made(image, Rendition.Kind.THUMBNAIL, thumbnail.size, _encode(thumbnail)),
        animation or _made(image, Rendition.Kind.PREVIEW, preview.size, _encode(preview)),
    ]


def rendition_pixels(rendition: Rendition) -> PILImage.Image:
    """A stored rendition in RGB; of an animation its first frame."""
    with rendition.file.open("rb") as file:
        return pictures.flatten(pictures.open_picture(file))


def _animate(image: Image) -> Made | None:
    """A moving preview, or None for an animation that is too long."""
    width, height = pictures.fit((image.width, image.height), ANIMATION_SIDE)
    if image.frames > ANIMATION_FRAMES or image.frames * width * height > ANIMATION_PIXELS:
        return None
    frames: list[PILImage.Image] = []
    durations: list[int] = []
    with image.original.open("rb") as file:
        source, kind = pictures.open_source(file)
        loop = int(source.info.get("loop", 1))
        for frame in pictures.decode_fully(source, kind):
            frames.append(pictures.render(frame, max_side=ANIMATION_SIDE))
            duration = round(frame.info.get("duration", 0))
            durations.append(duration if duration > SHORTEST_FRAME else DEFAULT_FRAME)
    encoded = _encode(frames[0], save_all=True, append_images=frames[1:], duration=durations, loop=loop)
    return _made(image, Rendition.Kind.PREVIEW, frames[0].size, encoded)


def _encode(picture: PILImage.Image, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=EFFORT, **options)
    return buffer.getvalue()


def _made(image: Image, kind: Rendition.Kind, size: tuple[int, int], encoded: bytes) -> Made:
    row = Rendition(image=image, kind=kind, width=size[0], height=size[1], byte_size=len(encoded))
    return Made(row, ContentFile(encoded))
