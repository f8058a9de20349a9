"""How vectors lie in the table: float16, little-endian, L2-normalised."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from search.exceptions import BadVector

Stored = bytes | memoryview

_STORED = np.dtype("<f2")


def pack(vector: npt.NDArray[np.floating[Any]], *, dimension: int) -> bytes:
    """The bytes that keep a vector, (d,) float of any length but 0. Raises BadVector."""
    exact = np.asarray(vector, dtype=np.float32)
    if exact.shape != (dimension,):
        raise BadVector(f"A vector has shape {exact.shape}; the model makes ({dimension},).")
    length = np.linalg.norm(exact)
    if not np.isfinite(length) or length == 0.0:
        raise BadVector("A vector holds values that are not finite, or has no direction.")
    # Normalised before it is rounded: afterwards the rounding would turn the vector.
    return (exact / length).astype(_STORED).tobytes()


def unpack(stored: Stored, *, dimension: int) -> npt.NDArray[np.float16]:
    """The vector, (d,) float16, that `pack` kept. Raises BadVector."""
    if len(stored) != dimension * _STORED.itemsize:
        raise BadVector(f"A stored vector has {len(stored)} bytes; {dimension} numbers need {2 * dimension}.")
    vector: npt.NDArray[np.float16] = np.frombuffer(stored, dtype=_STORED)
    if not np.isfinite(vector).all():
        raise BadVector("A stored vector holds values that are not finite.")
    return vector


def unpack_all(stored: Sequence[Stored], *, dimension: int) -> npt.NDArray[np.float16] | None:
    """The vectors, (n, d) float16, in their order; None where one of them is damaged, which `unpack` then tells."""
    if any(len(each) != dimension * _STORED.itemsize for each in stored):
        return None
    vectors: npt.NDArray[np.float16] = np.frombuffer(b"".join(stored), dtype=_STORED).reshape(-1, dimension)
    return vectors if np.isfinite(vectors).all() else None
