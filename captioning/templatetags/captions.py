"""What the owner of a picture may do with its caption."""

from typing import Any

from django import template

from captioning.models import Caption
from captioning.selectors import captions_of, is_of_describer
from gallery.models import Image

register = template.Library()


@register.inclusion_tag("captioning/_tools.html")
def caption_tools(image: Image) -> dict[str, Any]:
    """A form for the caption, and everything that was said of the picture; one SQL statement."""
    said = list(captions_of(image))
    return {
        "image": image,
        "captions": said,
        "longest": Caption.LONGEST,
        "may_hand_back": image.description_by_person and any(is_of_describer(each) for each in said),
    }
