"""A fake captioner for tests and demos: it names colours, needs no weights, and answers at once."""

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from ml import colours
from ml.interfaces import CaptionResult, Look, ModelInfo


class FakeCaptioner:
    """A Captioner that says "a mostly red picture"; its confidence is the share of that colour."""

    info = ModelInfo(name="fake", revision="1", weights_hash="0" * 64, preprocessing=f"average-{colours.SIDE}")
    unsure_below = 0.5

    def caption(self, images: Sequence[Image], *, begin: str = "") -> list[CaptionResult]:
        """Name the most frequent colour of each picture."""
        return [_describe(image, begin) for image in images]

    def looks(self, image: Image, text: str) -> tuple[Look, ...]:
        """Look where a colour is while naming it, and everywhere while saying anything else: (16, 16) each."""
        layout = colours.layout(image)
        everywhere = np.ones(layout.shape[:2], np.float32)
        named = {name: layout[:, :, number] for number, name in enumerate(colours.NAMES) if layout[:, :, number].any()}
        found = [(word, named.get(word, everywhere)) for word in text.split()]
        return tuple(Look(word, where / where.sum()) for word, where in found)


def _describe(image: Image, begin: str) -> CaptionResult:
    shares = colours.layout(image).mean(axis=(0, 1))
    main = int(shares.argmax())
    return CaptionResult(f"{begin} a mostly {colours.NAMES[main]} picture".strip(), float(shares[main]))
