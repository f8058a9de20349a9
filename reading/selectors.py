"""What pages ask of the text in a picture."""

from dataclasses import dataclass
from math import atan2, degrees, hypot

from gallery.models import Image
from reading.models import Reading

Point = tuple[float, float]


@dataclass(frozen=True)
class PlacedLine:
    """A line of text and its box, in pixels of the picture, which stands on (x, y) and is turned clockwise by `angle`
    degrees. Measured from there, its letters stand on `baseline`."""

    text: str
    x: float
    y: float
    width: float
    height: float
    angle: float
    baseline: float
    font_size: float


def lines_of(image: Image) -> list[PlacedLine]:
    """The lines of a picture where they stand in it; [] where there are none, or it was not read yet."""
    if not image.text_in_picture:
        return []
    reading = Reading.objects.filter(image=image).first()
    return [_placed(line["text"], line["corners"], image) for line in reading.lines] if reading else []


def _placed(text: str, corners: list[Point], image: Image) -> PlacedLine:
    top_left, _, bottom_right, bottom_left = ((x * image.width, y * image.height) for x, y in corners)
    along = bottom_right[0] - bottom_left[0], bottom_right[1] - bottom_left[1]
    height = hypot(bottom_left[0] - top_left[0], bottom_left[1] - top_left[1])
    angle = degrees(atan2(along[1], along[0]))
    # of a font's height, about a fifth hangs below the line
    numbers = (*bottom_left, hypot(*along), height, angle, -0.2 * height, 0.8 * height)
    return PlacedLine(text, *(round(number, 1) for number in numbers))
