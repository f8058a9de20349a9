"""What every encoder, captioner and text reader can do, whatever stands behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

if TYPE_CHECKING:  # a server may fork after it imported this
    import torch

Embeddings = npt.NDArray[np.float32]
"""(n, d) float32, every row L2-normalised."""


@dataclass(frozen=True)
class ModelInfo:
    """Identifies exactly what produced a caption, a vector or a line of text.

    Two models with equal info give the same output for the same input; when one field differs, vectors of one must
    not be compared with vectors of the other.
    """

    name: str
    revision: str
    weights_hash: str
    preprocessing: str

    @property
    def key(self) -> str:
        """Short and unique, fit for a database column: `builtin@1-3f2a90c1d7e4`."""
        return f"{self.name}@{self.revision}-{self.weights_hash[:12]}"


@dataclass(frozen=True)
class CaptionResult:
    """A caption in lower case without final punctuation, and how sure the model is of it, in [0, 1]."""

    text: str
    confidence: float


@dataclass(frozen=True)
class Look:
    """A word of a caption, and where in the picture it was found."""

    word: str
    attention: npt.NDArray[np.float32]
    """(rows, columns), rows from the top, sums to 1."""


Corner = tuple[float, float]
"""(x, y) in shares of the picture's width and height, each in [0, 1], from its top left."""


@dataclass(frozen=True)
class TextLine:
    """A line of text in a picture, how sure the reader is of it, in [0, 1], and where it stands."""

    text: str
    confidence: float
    corners: tuple[Corner, Corner, Corner, Corner]
    """Clockwise from where the line begins: its top left, as one reads it."""


class ImageTextEncoder(Protocol):
    """Places pictures and texts in one space, where cosine similarity means that they belong together."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def dimension(self) -> int:
        """d, the length of an embedding."""

    @property
    def match_floor(self) -> float | None:
        """Cosine below which a text and a picture rarely belong together; None where nobody measured it."""

    def encode_images(self, images: Sequence[Image]) -> Embeddings:
        """Embed RGB pictures of any size: (n, d)."""

    def encode_texts(self, texts: Sequence[str]) -> Embeddings:
        """Embed texts: (n, d). Text beyond the model's length is cut."""


@runtime_checkable
class SpatialEncoder(Protocol):
    """An encoder that can also tell which parts of a picture speak for a text."""

    def similarity_maps(self, image: Image, texts: Embeddings) -> npt.NDArray[np.float32]:
        """How much each part of an RGB picture is like each of m texts, (m, d): (m, rows, columns), rows from the top.

        The parts are a grid over the whole picture. Only the values of one map can be compared with each other. For
        what sets a text apart, see ml.encoders.similarity.distinct.
        """


class Captioner(Protocol):
    """Describes pictures in a sentence."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def unsure_below(self) -> float:
        """Confidence under which a caption should not be stated as fact; chosen on a development set."""

    def caption(self, images: Sequence[Image], *, begin: str = "") -> list[CaptionResult]:
        """Describe RGB pictures of any size, one result a picture, in their order.

        Each caption begins with the words `begin`. Raises errors.BadBeginning where it can't go on from them.
        """


@runtime_checkable
class LookingCaptioner(Protocol):
    """A captioner that can also tell where it looks for the words of a caption."""

    def looks(self, image: Image, text: str) -> tuple[Look, ...]:
        """Where it looks in an RGB picture while it says the words of `text`, which need not be its own, in order."""


class TextReader(Protocol):
    """Reads what is written in pictures."""

    @property
    def info(self) -> ModelInfo: ...

    def read(self, images: Sequence[Image]) -> list[list[TextLine]]:
        """Read RGB pictures of any size: the lines of each, in reading order; none where nothing can be read."""


class ImageTower(Protocol):
    """A frozen convolutional network, which turns pictures into feature maps."""

    @property
    def info(self) -> ModelInfo:
        """Two towers with equal info give the same maps for the same pictures."""

    @property
    def grid(self) -> int:
        """Cells a side of a map; the whole picture is squashed to that square, so that each cell is a part of it."""

    @property
    def channels(self) -> int:
        """Features of a cell."""

    def feature_maps(self, images: Sequence[Image]) -> "torch.Tensor":
        """Encode pictures of any size: (n, grid * grid, channels) float32, cells in reading order."""
