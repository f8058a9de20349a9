"""What pages ask of captions."""

from dataclasses import dataclass

from django.db.models import QuerySet
from PIL.Image import Image as Picture

from captioning import engine
from captioning.models import Caption
from gallery.models import Image


@dataclass(frozen=True)
class Description:
    """What the captioner says of a picture that nobody keeps. `unsure`: not to be stated as fact."""

    text: str
    confidence: float
    unsure: bool


def captions_of(*, image: Image) -> QuerySet[Caption]:
    """Everything that was ever said of a picture: the current caption first, then the newest."""
    return Caption.objects.filter(image=image).select_related("author").order_by("-is_current", "-created_at", "-id")


def current_caption(*, image: Image) -> Caption | None:
    """What is said of a picture now."""
    return Caption.objects.filter(image=image, is_current=True).select_related("author").first()


def picture_describe(*, picture: Picture) -> Description:
    """Describe an RGB picture without keeping anything. Raises an error of ml.errors where there is no model."""
    captioner = engine.get_captioner()
    (result,) = captioner.caption([picture])
    return Description(result.text, result.confidence, unsure=result.confidence < captioner.unsure_below)
