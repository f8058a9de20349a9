"""A fake encoder for tests and demos: it knows colours and nothing else, needs no weights, and answers at once.

"red" finds red pictures, "blue left" those that are blue on the left. A text without a colour is near to no picture.
"""

import re
from collections.abc import Sequence
from zlib import crc32

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

from ml import colours
from ml.encoders.similarity import similarity_maps
from ml.interfaces import Embeddings, ModelInfo

_HALF = colours.SIDE // 2
_EVERYTHING = slice(None)
_AREAS = {  # each has one number for each colour
    "left": (_EVERYTHING, slice(None, _HALF)),
    "right": (_EVERYTHING, slice(_HALF, None)),
    "top": (slice(None, _HALF), _EVERYTHING),
    "bottom": (slice(_HALF, None), _EVERYTHING),
    "everywhere": (_EVERYTHING, _EVERYTHING),
}
_OTHER_WORDS = 9  # what is left of the 64 dimensions after 5 areas of 11 colours
_OTHER_WORDS_WEIGHT = 0.2


class FakeEncoder:
    """An ImageTextEncoder of 64 dimensions; the same input gives the same output on every machine."""

    info = ModelInfo(name="fake", revision="1", weights_hash="0" * 64, preprocessing=f"average-{colours.SIDE}")
    dimension = len(_AREAS) * len(colours.NAMES) + _OTHER_WORDS
    match_floor: float | None = 0.4

    def encode_images(self, images: Sequence[Image]) -> Embeddings:
        """Embed pictures by the share of each colour in the whole and in each half: (n, 64)."""
        return self._embed([_picture(image) for image in images])

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts by their colours and places; other words only tell texts apart: (n, 64)."""
        return self._embed([_text(text) for text in texts])

    def similarity_maps(self, image: Image, texts: Embeddings) -> npt.NDArray[np.float32]:
        """How much the colour of each of 16 x 16 parts is that of each of m texts, (m, 64): (m, 16, 16)."""
        parts = colours.layout(image).reshape(colours.SIDE**2, len(colours.NAMES))
        everywhere = [np.concatenate([*([part] * len(_AREAS)), np.zeros(_OTHER_WORDS)]) for part in parts]
        return similarity_maps(self._embed(everywhere), texts, rows=colours.SIDE)

    def _embed(self, rows: Sequence[Embeddings]) -> Embeddings:
        vectors = np.array(rows, dtype=np.float32).reshape(len(rows), self.dimension)
        normalised: Embeddings = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
        return normalised


def _picture(image: Image) -> Embeddings:
    layout = colours.layout(image)
    shares = [layout[area].mean(axis=(0, 1)) for area in _AREAS.values()]
    return np.concatenate([*shares, np.zeros(_OTHER_WORDS)])


def _text(text: str) -> Embeddings:
    words = re.findall(r"\w+", text.lower().replace("grey", "gray")) or [""]
    named = [colours.NAMES.index(word) for word in words if word in colours.NAMES]
    places = [place for place, area in enumerate(_AREAS) if area in words] or range(len(_AREAS))
    areas = np.zeros((len(_AREAS), len(colours.NAMES)), dtype=np.float32)
    for place in places:
        areas[place, named] = 1.0
    others = np.zeros(_OTHER_WORDS, dtype=np.float32)
    for word in words:
        if word not in colours.NAMES and word not in _AREAS:
            others[crc32(word.encode()) % _OTHER_WORDS] += _OTHER_WORDS_WEIGHT
    if not named and not others.any():  # only places: still a vector of length one
        others[0] = 1.0
    return np.concatenate([areas.ravel(), others])
