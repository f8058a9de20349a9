"""Pictures as JPEGs in a size to take along, made when they are asked for and never stored.

One at a time in each process: making one of a large original takes a second and hundreds of megabytes, so that many at
once would take the site down.
"""

import io
import threading
from dataclasses import dataclass
from functools import lru_cache
from pathlib import PurePath

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import decoding, pictures
from gallery.exceptions import RendererBusy
from gallery.models import Image

# Pixels on the longer side.
SIDES = {"small": 400, "medium": 1280, "large": 2048, "huge": 4096}
LABELS = {
    "small": gettext_lazy("Small"),
    "medium": gettext_lazy("Medium"),
    "large": gettext_lazy("Large"),
    "huge": gettext_lazy("Very large"),
}
QUALITY = 88

_renderer = threading.Lock()


@dataclass(frozen=True)
class Size:
    """A size in which a picture can be had; width and height in pixels."""

    name: str
    width: int
    height: int

    @property
    def label(self) -> str:
        return str(LABELS[self.name])


def sizes_of(image: Image) -> tuple[Size, ...]:
    """The sizes of a picture, the largest first. None is larger than the original."""
    return _sizes((image.width, image.height))


@lru_cache(1_000)
def _sizes(size: tuple[int, int]) -> tuple[Size, ...]:
    """Those of pictures of this size: pages ask for each of theirs, and most are of the same few cameras."""
    sizes = {name: pictures.fit(size, side) for name, side in SIDES.items()}
    different = {each: name for name, each in reversed(sizes.items())}  # of those that are the same, the smallest
    return tuple(Size(name, *each) for each, name in different.items())


def jpeg_of(image: Image, *, size: Size) -> bytes:
    """The picture in this size: upright, in sRGB, without metadata; over white where it was see-through; the first
    frame of several.

    Raises RendererBusy while another is being made, UploadRefused where the original can't be read any more, and
    FileNotFoundError where it is gone.
    """
    if not _renderer.acquire(blocking=False):
        raise RendererBusy(_("Another picture is being prepared. Try again in a few seconds."))
    try:
        side = SIDES[size.name]
        with image.original.open("rb") as file:
            picture = pictures.shrink(pictures.flatten(decoding.open_picture(file, max_side=side)), side)
        buffer = io.BytesIO()
        picture.save(buffer, "JPEG", quality=QUALITY, optimize=True)
        return buffer.getvalue()
    finally:
        _renderer.release()


def name_of(image: Image, size: Size) -> str:
    """What the file is called on the person's machine."""
    return f"{PurePath(image.file_name).stem}-{size.name}.jpg"
