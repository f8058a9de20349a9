"""A fake text reader for tests and demos: it reads the names of colours, needs no weights, and answers at once."""

from collections.abc import Sequence

from PIL.Image import Image

from ml import colours
from ml.interfaces import ModelInfo, TextLine


class FakeReader:
    """A TextReader to which each half of a picture, the upper and the lower, says its colour; white says nothing."""

    info = ModelInfo(name="fake", revision="1", weights_hash="0" * 64, preprocessing=f"average-{colours.SIDE}")

    def read(self, images: Sequence[Image]) -> list[list[TextLine]]:
        """Name the most frequent colour of each half: RED, BLUE."""
        return [[line for half in (0, 1) if (line := _read(image, half)).text != "WHITE"] for image in images]


def _read(image: Image, half: int) -> TextLine:
    middle = colours.SIDE // 2
    shares = colours.layout(image)[half * middle : (half + 1) * middle].mean(axis=(0, 1))
    main = int(shares.argmax())
    top, bottom = half / 2 + 0.1, half / 2 + 0.4
    corners = ((0.1, top), (0.9, top), (0.9, bottom), (0.1, bottom))
    return TextLine(colours.NAMES[main].upper(), float(shares[main]), corners)
