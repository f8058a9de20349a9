"""Which parts of a picture speak for a text.

Every encoder here does it in one way: each part of the picture is embedded as if it were all that there is, and what
counts is its cosine with the text. In a vision transformer the last layer that lets parts see each other is given one
part at a time, as in MaskCLIP (Zhou et al. 2022, https://arxiv.org/abs/2112.01071); attention to all of them would
place a thing where it isn't.
"""

import numpy as np
import numpy.typing as npt

from ml.interfaces import Embeddings

COMMON = 1.5
"""How much of what all texts have in common is taken from a text; chosen on Flickr8k dev by bench.heat."""
SPREAD = 0.1
"""Standard deviation of the smoothing, in shares of the picture's side; chosen on Flickr8k dev by bench.heat."""


def distinct(texts: Embeddings, others: Embeddings) -> Embeddings:
    """Texts, (m, d), less what they have in common with any other texts, (b, d): what to give to `similarity_maps`.

    Without that, the surroundings of a thing often speak more for it than the thing: they look like any picture.
    """
    apart: Embeddings = texts - COMMON * others.mean(axis=0)
    return apart


def similarity_maps(parts: Embeddings, texts: Embeddings, *, rows: int) -> npt.NDArray[np.float32]:
    """Products of texts, (m, d), with the parts of a picture, (rows * columns, d) in reading order, L2-normalised.

    Smoothed, since a part by itself is told unsurely: (m, rows, columns) float32.
    """
    maps = (texts @ parts.T).reshape(len(texts), rows, -1)
    smoothed: npt.NDArray[np.float32] = _neighbours(rows) @ maps @ _neighbours(maps.shape[2]).T
    return smoothed


def _neighbours(count: int) -> npt.NDArray[np.float32]:
    """How much each part of a row counts for each other, (count, count); every row sums to 1."""
    places = (np.arange(count, dtype=np.float32) + 0.5) / count
    weights = np.exp(-0.5 * ((places[:, None] - places) / SPREAD) ** 2)
    shares: npt.NDArray[np.float32] = weights / weights.sum(axis=1, keepdims=True)
    return shares
