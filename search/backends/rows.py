"""Vectors in rows numbered from 0, as float16 in FAISS's own memory, and their exact scan."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

Halves = npt.NDArray[np.float16]
Floats = npt.NDArray[np.float32]
Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.int64]

faiss: Any = _faiss  # its stubs know the C++ signatures only, not what its Python layer accepts


class VectorRows:
    """The vectors, (n, dimension). Not safe between threads while one of them writes."""

    def __init__(self, dimension: int) -> None:
        self._dimension = dimension
        self._index = self._made(())

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def halves(self) -> Halves:
        """FAISS's own memory of the vectors, (n, dimension): to read, to write, valid until rows come or go."""
        if not len(self):
            return np.empty((0, self._dimension), np.float16)
        memory: npt.NDArray[np.uint8] = faiss.rev_swig_ptr(self._index.codes.data(), self._index.codes.size())
        return memory.view(np.float16).reshape(len(self), self._dimension)

    def append(self, halves: Halves) -> None:
        """Add rows at the end."""
        self._index.add_sa_codes(np.ascontiguousarray(halves).view(np.uint8))  # its codes are IEEE halves

    def truncate(self, size: int) -> None:
        """Keep the first `size` rows."""
        self._index.remove_ids(faiss.IDSelectorRange(size, len(self)))

    def search(self, query: Floats, wanted: int, mask: Mask | None = None) -> tuple[Floats, Rows]:
        """Scores and rows of the `wanted` best for a query, (dimension,), best first; `mask`: which rows may be found.
        There must be that many."""
        parameters = None if mask is None else faiss.SearchParameters(sel=selector(mask))
        (scores,), (rows,) = self._index.search(query[None], wanted, params=parameters)
        return scores, rows

    def refined(self, index: Any, query: Floats, wanted: int, parameters: Any) -> tuple[Floats, Rows]:
        """Scores and rows, best first, of at most `wanted` that look best to another index of the same rows. The scores
        are those of `search` to the last bit, since FAISS makes both by the same code; numpy's product would not."""
        both = faiss.IndexRefine(index, self._index)
        parameters = faiss.IndexRefineSearchParameters(k_factor=1.0, base_index_params=parameters)
        (scores,), (rows,) = both.search(query[None], wanted, params=parameters)
        found = rows >= 0
        return scores[found], rows[found]

    def _made(self, halves: Halves | tuple[()]) -> Any:
        index = faiss.IndexScalarQuantizer(self._dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)
        if len(halves):
            index.add_sa_codes(np.ascontiguousarray(halves).view(np.uint8))
        return index


def selector(mask: Mask) -> Any:
    """The rows (or lists) of a mask, as FAISS takes them."""
    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))


@contextmanager
def at_most(threads: int) -> Iterator[None]:
    """What this thread asks of FAISS inside may use so many threads. OpenMP keeps the number for each thread apart; it
    is put back, since torch, where it was loaded first, goes by the same one."""
    before = faiss.omp_get_max_threads()
    faiss.omp_set_num_threads(threads)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(before)
