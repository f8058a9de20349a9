"""An exact index in memory: FAISS scans every vector, stored as float16.

At 100,000 x 512 a query takes a few milliseconds with recall 1.0, in half the memory and half the time of float32.
FAISS numbers its rows; the keys and payloads lie in numpy columns beside them, in the same order. (An IDMap2 would
keep the keys too, but then a filter is a set of ids to look up row by row instead of a bitmap of rows: measured, twice
the time of a filtered query.)
"""

import json
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import Any, ClassVar

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from search.backends.base import FieldKind, Filter, Hit, Point, Vector, VectorIndex
from search.backends.exceptions import IndexCorrupt, NotFinite
from search.backends.keys import KeyRows
from search.backends.locks import ReadWriteLock
from search.backends.payload import Mask, PayloadColumns
from search.backends.snapshot import read_arrays, write_arrays

Halves = npt.NDArray[np.float16]

faiss: Any = _faiss  # its stubs know the C++ signatures only, not what its Python layer accepts


class FaissIndex(VectorIndex):
    """See VectorIndex. `threads`: how many of them one FAISS call may use; a single query never needs more than one."""

    supports_snapshots: ClassVar[bool] = True

    def __init__(
        self,
        *,
        dimension: int,
        name: str = "points",
        fields: Mapping[str, FieldKind] | None = None,
        threads: int = 1,
    ) -> None:
        super().__init__(dimension=dimension, name=name, fields=fields)
        self._threads = threads
        self._lock = ReadWriteLock()
        self._vectors = _empty(dimension)
        self._keys = KeyRows()
        self._payload = PayloadColumns()

    def upsert(self, points: Sequence[Point]) -> None:
        latest = {point.key: point for point in points}
        points = [latest[key] for key in sorted(latest)]
        halves = self._as_halves(points)
        keys = np.array([point.key for point in points], np.int64)
        payloads = [point.payload for point in points]
        with self._lock.writing():
            rows, known = self._keys.find(keys)
            _view(self._vectors)[rows] = halves[known]
            self._payload.write(rows, list(compress(payloads, known)))

            self._vectors.add_sa_codes(_codes(halves[~known]))
            self._keys.append(keys[~known])
            self._payload.append(list(compress(payloads, ~known)))

    def delete(self, keys: Collection[int]) -> None:
        with self._lock.writing():
            rows = self._keys.rows_of(set(keys))
            if not len(rows):
                return
            sources, targets = self._keys.remove(rows)
            halves = _view(self._vectors)
            halves[targets] = halves[sources]
            self._vectors.remove_ids(faiss.IDSelectorRange(len(self._keys), len(halves)))
            self._payload.move(sources, targets, len(self._keys))

    def drop(self) -> None:
        with self._lock.writing():
            self._vectors, self._keys, self._payload = _empty(self.dimension), KeyRows(), PayloadColumns()

    def search(self, vector: Vector, *, limit: int, offset: int = 0, where: Filter | None = None) -> list[Hit]:
        query = self.as_rows([vector])
        limit += offset
        with self._lock.reading():
            mask = None if where is None else self._payload.mask(where, self._keys.rows_of)
            candidates = len(self._keys) if mask is None else int(np.count_nonzero(mask))
            if limit < 1 or not candidates:
                return []
            scores, rows = self._best(query, limit, candidates, mask)
            keys = self._keys.by_row[rows]
        order = np.lexsort((keys, -scores))[offset:limit]
        return [Hit(int(keys[i]), float(scores[i])) for i in order]

    def _best(
        self, query: npt.NDArray[np.float32], limit: int, candidates: int, mask: Mask | None
    ) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]:
        """The scores and rows of the best, with all that tie with the last of them: FAISS breaks ties as it likes."""
        faiss.omp_set_num_threads(self._threads)  # OpenMP keeps this for each thread apart
        parameters = None if mask is None else faiss.SearchParameters(sel=_selector(mask))
        wanted = limit + 1
        while True:
            wanted = min(wanted, candidates)
            (scores,), (rows,) = self._vectors.search(query, wanted, params=parameters)
            if wanted == candidates or scores[-1] < scores[limit - 1]:
                return scores, rows
            wanted *= 2

    def count(self) -> int:
        with self._lock.reading():
            return len(self._keys)

    def scroll(self, *, after: int = -1, limit: int) -> list[Point]:
        with self._lock.reading():
            rows = self._keys.after(after, limit)
            keys, halves, payloads = self._keys.by_row[rows], _view(self._vectors)[rows], self._payload.read(rows)
        return [Point(int(key), half, payload) for key, half, payload in zip(keys, halves, payloads, strict=True)]

    def save_snapshot(self, path: Path, *, label: str, generation: int) -> None:
        with self._lock.reading():
            keys, halves = self._keys.by_row.copy(), _view(self._vectors).copy()
            codes, entries = self._payload.dump()
        about = {"label": label, "generation": generation, "entries": entries}
        columns = {f"payload {field}": column for field, column in codes.items()}
        write_arrays(path, {"about": np.array(json.dumps(about)), "keys": keys, "vectors": halves, **columns})

    def load_snapshot(self, path: Path, *, label: str) -> int:
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        keys, halves = arrays["keys"], arrays["vectors"]
        if about["label"] != label or halves.shape != (len(keys), self.dimension):
            raise IndexCorrupt(f"{path} belongs to another index: {about['label']}.")
        codes = {field: arrays[f"payload {field}"] for field in about["entries"]}
        payload = PayloadColumns.restored(len(keys), codes, about["entries"])
        vectors = _empty(self.dimension)
        vectors.add_sa_codes(_codes(halves))
        with self._lock.writing():
            self._vectors, self._keys, self._payload = vectors, KeyRows(keys), payload
        return int(about["generation"])

    def _as_halves(self, points: Sequence[Point]) -> Halves:
        with np.errstate(over="ignore"):  # told as NotFinite below
            halves = self.as_rows(point.vector for point in points).astype(np.float16)
        if not np.isfinite(halves).all():
            raise NotFinite("A vector holds values beyond what float16 can store.")
        return halves


def _empty(dimension: int) -> Any:
    return faiss.IndexScalarQuantizer(dimension, faiss.ScalarQuantizer.QT_fp16, faiss.METRIC_INNER_PRODUCT)


def _view(vectors: Any) -> Halves:
    """FAISS's own memory of the vectors, (n, d); its codes are IEEE halves. Valid until rows are added or removed."""
    if not vectors.ntotal:
        return np.empty((0, vectors.d), np.float16)
    memory: npt.NDArray[np.uint8] = faiss.rev_swig_ptr(vectors.codes.data(), vectors.codes.size())
    return memory.view(np.float16).reshape(vectors.ntotal, vectors.d)


def _codes(halves: Halves) -> npt.NDArray[np.uint8]:
    return np.ascontiguousarray(halves).view(np.uint8)


def _selector(mask: Mask) -> Any:
    return faiss.IDSelectorBitmap(np.packbits(mask, bitorder="little"))
