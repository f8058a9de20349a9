"""The backends that the conformance suite runs on. A new one joins by one line."""

from collections.abc import Callable

from search.backends.base import VectorIndex
from search.backends.faiss import FaissIndex

BACKENDS: dict[str, Callable[..., VectorIndex]] = {"faiss": FaissIndex}
