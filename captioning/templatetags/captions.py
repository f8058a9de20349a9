"""What the owner of a picture may do with its caption."""

from typing import Any

from django import template

from captioning.again import asking
from captioning.describers import LONGEST_BEGINNING, labels
from captioning.models import Caption
from captioning.selectors import captions_of, is_of_describer
from gallery.models import Image
from gallery.selectors import ImageWork

register = template.Library()


@register.inclusion_tag("captioning/_tools.html")
def caption_tools(image: Image, work: ImageWork) -> dict[str, Any]:
    """A form for the caption, everything that was said of the picture, and who may be asked to describe it again; one
    SQL statement."""
    said = list(captions_of(image))
    again = asking(said=said, work=work)
    return {
        "again": again,
        "image": image,
        "captions": said,
        "longest": Caption.LONGEST,
        "longest_beginning": LONGEST_BEGINNING,
        "may_hand_back": image.description_by_person and any(is_of_describer(each) for each in said),
    }


@register.simple_tag
def caption_describers() -> list[str]:
    """By whom many pictures can be described again; [] where there is the site's own captioner alone."""
    found = labels()
    return found if len(found) > 1 else []
