"""What every encoder and captioner can do, whatever stands behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

if TYPE_CHECKING:  # a server may fork after it imported this
    import torch

Embeddings = npt.NDArray[np.float32]
"""(n, d) float32, every row L2-normalised."""


@dataclass(frozen=True)
class ModelInfo:
    """Identifies exactly what produced a caption or a vector.

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


class Captioner(Protocol):
    """Describes pictures in a sentence."""

    @property
    def info(self) -> ModelInfo: ...

    @property
    def unsure_below(self) -> float:
        """Confidence under which a caption should not be stated as fact; chosen on a development set."""

    def caption(self, images: Sequence[Image]) -> list[CaptionResult]:
        """Describe RGB pictures of any size, one result a picture, in their order."""


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
