"""The smaller WebP copies in which pictures are shown: upright, in sRGB, without metadata."""

from typing import NamedTuple

from django.core.files.base import ContentFile
from PIL import Image as PILImage

from gallery import decoding, pictures, webp
from gallery.exceptions import NotNow, UploadRefused
from gallery.models import Image, Rendition

THUMBNAIL_SIDE = 400
PREVIEW_SIDE = 1280
# Past these, an animation is previewed by its first frame: frames are held in memory while they are encoded.
ANIMATION_SIDE = 800
ANIMATION_FRAMES = 300
ANIMATION_PIXELS = 40_000_000


class Made(NamedTuple):
    """An unsaved Rendition without a file name, and its file."""

    row: Rendition
    content: "ContentFile[bytes]"


def render_all(*, image: Image, picture: PILImage.Image) -> list[Made]:
    """Every rendition of `image`, from its first frame as `decoding.open_picture` returns it."""
    size = (image.width, image.height)
    preview = pictures.shrink(picture, PREVIEW_SIDE, of=size)
    thumbnail = pictures.shrink(preview, THUMBNAIL_SIDE, of=size)
    animation = _animate(image) if image.frames > 1 else None
    return [
        _made(image, Rendition.Kind.THUMBNAIL, thumbnail.size, webp.encode(thumbnail)),
        animation or _made(image, Rendition.Kind.PREVIEW, preview.size, webp.encode(preview, effort=webp.LEAST_EFFORT)),
    ]


def rendition_pixels(rendition: Rendition) -> PILImage.Image:
    """A stored rendition in RGB; of an animation its first frame."""
    with rendition.file.open("rb") as file:
        return pictures.flatten(pictures.open_picture(file))


def _animate(image: Image) -> Made | None:
    """A moving preview, or None for an animation that is too long, or can't be made one."""
    width, height = pictures.fit((image.width, image.height), ANIMATION_SIDE)
    if image.frames > ANIMATION_FRAMES or image.frames * width * height > ANIMATION_PIXELS:
        return None
    try:
        with image.original.open("rb") as file:
            moving = decoding.animate(file, max_side=ANIMATION_SIDE)
    except NotNow:
        raise
    except UploadRefused:  # its first frame could be opened, and is better than nothing
        return None
    return _made(image, Rendition.Kind.PREVIEW, moving.size, moving.content)


def _made(image: Image, kind: Rendition.Kind, size: tuple[int, int], encoded: bytes) -> Made:
    row = Rendition(image=image, kind=kind, width=size[0], height=size[1], byte_size=len(encoded))
    return Made(row, ContentFile(encoded))
