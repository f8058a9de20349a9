"""Pictures with enough in them to tell one from another, and what becomes of them in people's hands."""

import io
from collections.abc import Callable
from typing import Any

import numpy as np
from django.core.files.base import ContentFile
from PIL import Image as PILImage
from PIL import ImageOps

from gallery import services
from gallery.models import Image, User

Photograph = PILImage.Image


def photograph(seed: int, size: tuple[int, int] = (320, 240), color: str = "red") -> Photograph:
    """Soft spots of one colour, the same ones for one seed."""
    spots = np.random.default_rng(seed).integers(0, 256, (6, 8), dtype=np.uint8)
    grey = PILImage.fromarray(spots).resize(size, PILImage.Resampling.BICUBIC)
    return ImageOps.colorize(grey, "black", "white", mid=color)


def take_in(picture: Photograph, owner: User, *, name: str = "photo.jpg", quality: int = 90, **facts: Any) -> Image:
    """A picture as the gallery has it once its renditions are made; `facts` are set on its row."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=quality)
    image = services.image_create(owner=owner, file=ContentFile(buffer.getvalue(), name=name), file_name=name).image
    services.renditions_create(image=image, picture=picture)
    if facts:
        Image.objects.filter(pk=image.pk).update(**facts)
        image.refresh_from_db()
    return image


def cut(picture: Photograph, share: float) -> Photograph:
    """Without so much of its width and height, evenly off all sides."""
    left, top = (round(side * share / 2) for side in picture.size)
    return picture.crop((left, top, picture.width - left, picture.height - top))


Edit = Callable[[Photograph], Photograph]
EDITS: dict[str, Edit] = {
    "smaller": lambda picture: picture.resize((120, 90)),
    "cut": lambda picture: cut(picture, 0.08),
    "cut at the right": lambda picture: picture.crop((0, 0, round(picture.width * 0.9), picture.height)),
    "with a border": lambda picture: ImageOps.expand(picture, 12, "white"),
    "grey": lambda picture: ImageOps.grayscale(picture).convert("RGB"),
    "brighter": lambda picture: picture.point(lambda value: min(255, round(value * 1.2))),
    "mirrored": ImageOps.mirror,
    "turned a little": lambda picture: cut(picture.rotate(2, PILImage.Resampling.BICUBIC), 0.06),
}
