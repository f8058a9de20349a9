"""The text in a picture, as a layer over it."""

from typing import Any

from django import template

from gallery.models import Image
from reading.selectors import lines_of

register = template.Library()


@register.inclusion_tag("reading/_layer.html")
def text_layer(image: Image) -> dict[str, Any]:
    """An SVG of the picture's size with its lines where they stand; nothing where there are none."""
    return {"image": image, "lines": lines_of(image)}
