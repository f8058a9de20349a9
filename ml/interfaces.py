"""What every encoder and captioner can do, whatever stands behind it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

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
