"""What pages ask of the captioner."""

from dataclasses import dataclass

from PIL.Image import Image as Picture

from captioning import engine


@dataclass(frozen=True)
class Description:
    """What the captioner says of a picture that nobody keeps. `unsure`: not to be stated as fact."""

    text: str
    confidence: float
    unsure: bool


def picture_describe(*, picture: Picture) -> Description:
    """Describe an RGB picture without keeping anything. Raises an error of ml.errors where there is no model."""
    captioner = engine.get_captioner()
    (result,) = captioner.caption([picture])
    return Description(result.text, result.confidence, unsure=result.confidence < captioner.unsure_below)
