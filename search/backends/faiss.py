"""An index in memory: FAISS scans every vector, stored as float16, and past a threshold only those near the query.

At 100,000 x 512 the exact scan takes a few milliseconds with recall 1.0, in half the memory and half the time of
float32. FAISS numbers its rows; the keys and payloads lie in numpy columns beside them, in the same order. (An IDMap2
would keep the keys too, but then a filter is a set of ids to look up row by row instead of a bitmap of rows: measured,
twice the time of a filtered query.) See search.backends.ivf for what makes large ones quick.
"""

import json
import logging
import threading
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from itertools import compress
from pathlib import Path
from typing import ClassVar

import numpy as np

from search.backends import ivf
from search.backends.base import FieldKind, Filter, Hit, Point, Vector, VectorIndex
from search.backends.exceptions import IndexCorrupt, NotFinite
from search.backends.ivf import InvertedLists
from search.backends.keys import KeyRows
from search.backends.locks import ReadWriteLock
from search.backends.payload import PayloadColumns
from search.backends.rows import Floats, Halves, Mask, Rows, VectorRows, at_most
from search.backends.snapshot import read_arrays, write_arrays

# Rows that `maintain` copies at once while nobody may write.
PIECE = 8_192
# Changes that are few enough to be carried over while nobody may search.
FEW = 1_000
# Queries, stored vectors and as many asked ones, on which recall is measured.
QUERIES = 128
# The asked ones count from so many on.
ENOUGH_QUERIES = 16

logger = logging.getLogger(__name__)


class FaissIndex(VectorIndex):
    """See VectorIndex. `threads`: how many of them one FAISS call may use; a single query never needs more than one.
    `ivf_threshold`: from how many points on `maintain` makes answers quicker than a scan of all, at a recall@10 of
    0.97; where the vectors don't allow that, it stays with the scan."""

    supports_snapshots: ClassVar[bool] = True

    def __init__(
        self,
        *,
        dimension: int,
        name: str = "points",
        fields: Mapping[str, FieldKind] | None = None,
        threads: int = 1,
        ivf_threshold: int = 200_000,
    ) -> None:
        super().__init__(dimension=dimension, name=name, fields=fields)
        self._threads = threads
        self._ivf_threshold = max(1, ivf_threshold)
        self._lock = ReadWriteLock()
        self._maintaining = threading.Lock()
        self._asked: deque[Floats] = deque(maxlen=QUERIES)
        self._replace(VectorRows(dimension), KeyRows(), PayloadColumns())

    def _replace(
        self, rows: VectorRows, keys: KeyRows, payload: PayloadColumns, lists: InvertedLists | None = None
    ) -> None:
        self._rows, self._keys, self._payload, self._lists = rows, keys, payload, lists
        # Rows written while `maintain` makes new lists; None: it makes none, or for nothing.
        self._written: list[Rows] | None = None
        # Rows changed since the last maintenance, and after how many the next is due.
        self._changes, self._due = 0, _soon(len(keys)) if lists and lists.probes else 0

    def upsert(self, points: Sequence[Point]) -> None:
        latest = {point.key: point for point in points}
        points = [latest[key] for key in sorted(latest)]
        halves = self._as_halves(points)
        keys = np.array([point.key for point in points], np.int64)
        payloads = [point.payload for point in points]
        with at_most(self._threads), self._lock.writing():
            rows, known = self._keys.find(keys)
            differ = (self._rows.halves[rows] != halves[known]).any(axis=1)
            self._rows.halves[rows[differ]] = halves[known][differ]
            fresh = np.arange(len(self._keys), len(self._keys) + np.count_nonzero(~known))
            self._rows.append(halves[~known])
            self._keys.append(keys[~known])
            self._after_writing(np.concatenate([rows[differ], fresh]))
            # Last, since a number of too many bits ends it here; the same points without it then make it good.
            self._payload.append(list(compress(payloads, ~known)))
            self._payload.write(rows, list(compress(payloads, known)))

    def delete(self, keys: Collection[int]) -> None:
        with at_most(self._threads), self._lock.writing():
            rows = self._keys.rows_of(set(keys))
            if len(rows):
                sources, targets = self._keys.remove(rows)
                self._rows.halves[targets] = self._rows.halves[sources]
                self._rows.truncate(len(self._keys))
                self._payload.move(sources, targets, len(self._keys))
                self._after_writing(targets, gone=len(rows))

    def drop(self) -> None:
        with self._lock.writing():
            self._replace(VectorRows(self.dimension), KeyRows(), PayloadColumns())

    def search(self, vector: Vector, *, limit: int, offset: int = 0, where: Filter | None = None) -> list[Hit]:
        (query,) = self.as_rows([vector])
        self._asked.append(query)
        limit += offset
        with at_most(self._threads), self._lock.reading():
            mask = None if where is None else self._payload.mask(where, self._keys.rows_of)
            candidates = len(self._keys) if mask is None else int(np.count_nonzero(mask))
            if limit < 1 or not candidates:
                return []
            scores, rows = self._best(query, limit, candidates, mask)
            keys = self._keys.by_row[rows]
        order = np.lexsort((keys, -scores))[offset:limit]
        return list(map(Hit, keys[order].tolist(), scores[order].tolist()))

    def _best(self, query: Floats, limit: int, candidates: int, mask: Mask | None) -> tuple[Floats, Rows]:
        """The scores and rows of the best, with all that tie with the last of them: FAISS breaks ties as it likes."""
        found = self._nearby(query, min(limit, candidates), candidates, mask)
        if found is not None:
            return found
        wanted = limit + 1
        while True:
            wanted = min(wanted, candidates)
            scores, rows = self._rows.search(query, wanted, mask)
            if wanted == candidates or scores[-1] < scores[limit - 1]:
                return scores, rows
            wanted *= 2

    def _nearby(self, query: Floats, limit: int, candidates: int, mask: Mask | None) -> tuple[Floats, Rows] | None:
        """As `_best`, from the nearest lists alone, of more of them where they hold too few, as under a filter that
        passes what is far from the query; None where there are no lists, or that takes too many."""
        lists = None if self.is_exact else self._lists
        probes = lists and lists.probes_for(limit, candidates / len(self._keys))
        wanted = min(ivf.spared(limit), candidates)
        while lists and probes and probes <= lists.most_probes:
            scores, rows = lists.best(self._rows, query, wanted, probes=probes, mask=mask)
            if len(rows) < wanted:
                probes *= 2
            elif wanted == candidates or scores[-1] < scores[limit - 1]:
                return scores, rows
            else:
                wanted = min(2 * wanted, candidates)
        return None

    def count(self, where: Filter | None = None) -> int:
        with self._lock.reading():
            if where is None:
                return len(self._keys)
            return int(np.count_nonzero(self._payload.mask(where, self._keys.rows_of)))

    def scroll(self, *, after: int = -1, limit: int) -> list[Point]:
        with self._lock.reading():
            rows = self._keys.after(after, limit)
            keys, halves, payloads = self._keys.by_row[rows], self._rows.halves[rows], self._payload.read(rows)
        return [Point(int(key), half, payload) for key, half, payload in zip(keys, halves, payloads, strict=True)]

    def vectors(self, keys: Collection[int]) -> Vector:
        with self._lock.reading():
            found: Vector = self._rows.halves[self._keys.rows_of(keys)]
        return found

    @property
    def is_exact(self) -> bool:
        """Whether a search without a filter looks at every point."""
        lists = self._lists
        return lists is None or not lists.probes or len(self._keys) < self._ivf_threshold

    @property
    def wants_maintenance(self) -> bool:
        if len(self._keys) < self._ivf_threshold:
            return False
        return self._changes >= self._due or self._has_news

    @property
    def _has_news(self) -> bool:
        """Whether people have asked enough to measure by, and nobody has yet: texts are far from all pictures, and need
        more lists than pictures do."""
        lists = self._lists
        return lists is not None and not lists.is_asked and len(self._asked) == QUERIES

    def maintain(self) -> None:
        if not self._maintaining.acquire(blocking=False):
            return  # another thread is at it
        try:
            if self.wants_maintenance:
                with at_most(self._threads):
                    self._maintain()
        except _Abandoned:
            logger.info("The vectors that lists were made for are gone.")
        finally:
            with self._lock.writing():
                self._written = None
            self._maintaining.release()

    def _maintain(self) -> None:
        lists = self._lists
        probes = {} if lists is None or lists.is_outgrown else self._measure(lists)
        if lists is None or not probes:
            lists = self._build()
            probes = self._measure(lists)
        with self._lock.writing():
            self._check(lists)
            size = len(self._keys)
            self._changes, self._due = 0, _soon(size) if probes else max(1, size // 2)
            lists.probes = probes
            if not probes:
                self._lists = None
        if probes:
            logger.info("Searches among %d vectors look into %d of %d lists.", size, probes[ivf.TOP], lists.count)
        else:
            logger.info("%d vectors don't fall into lists: every search looks at all of them.", size)

    def _build(self) -> InvertedLists:
        """Put new lists in the place of the old ones."""
        with self._lock.writing():
            size = len(self._keys)
            if not size:
                raise _Abandoned
            self._written = []
            sample = np.random.default_rng(ivf.SEED).permutation(size)[: ivf.SAMPLE * ivf.list_count(size)]
            halves = self._rows.halves[np.sort(sample)]
        lists = InvertedLists.trained(halves, rows=size)
        rows: Rows = np.arange(size)
        while len(rows) > FEW:
            for start in range(0, len(rows), PIECE):
                self._copy(rows[start : start + PIECE], lists)
            rows = self._take_written()
        with self._lock.writing():
            if self._written is None:
                raise _Abandoned
            rows = np.union1d(rows, _joined(self._written))
            rows = rows[rows < len(self._keys)]
            lists.put(rows, self._rows.halves[rows])
            lists.truncate(len(self._keys))
            lists.changes = 0
            if self._lists is not None:
                lists.probes = self._lists.probes  # until they are measured
            self._lists, self._written = lists, None
        return lists

    def _copy(self, rows: Rows, lists: InvertedLists) -> None:
        with self._lock.reading():
            rows = rows[rows < len(self._keys)]
            halves = self._rows.halves[rows]
        lists.put(rows, halves)

    def _take_written(self) -> Rows:
        with self._lock.writing():
            if self._written is None:
                raise _Abandoned
            rows, self._written = _joined(self._written), []
        return rows

    def _after_writing(self, rows: Rows, gone: int = 0) -> None:
        """Carry new vectors at these rows, and the end of the last `gone`, over into the lists; the lock is held."""
        self._changes += len(rows) + gone
        if self._written is not None:
            self._written.append(rows)
        if self._lists is not None:
            self._lists.put(rows, self._rows.halves[rows])
            self._lists.truncate(len(self._keys))

    def _measure(self, lists: InvertedLists) -> dict[int, int]:
        """The probes that these lists need, by comparing with exact answers: for stored vectors, of which each looks
        for its neighbours, and for what people asked."""
        with self._lock.reading():
            self._check(lists)
            places = np.random.default_rng(ivf.SEED).integers(len(self._keys), size=QUERIES)
            stored = self._rows.halves[places].astype(np.float32)
        asked = list(self._asked)
        neighbours = [self._ranks(lists, query)[1:] for query in stored]  # the first is itself
        lists.is_asked = len(asked) >= ENOUGH_QUERIES
        answers = [self._ranks(lists, query) for query in asked] if lists.is_asked else []
        return lists.measured([neighbours, answers])

    def _ranks(self, lists: InvertedLists, query: Floats) -> ivf.Ranks:
        """See InvertedLists.ranks: of the exact best."""
        with self._lock.reading():
            self._check(lists)
            _, rows = self._rows.search(query, min(ivf.DEPTHS[-1] + 1, len(self._keys)))
            return lists.ranks(query, rows)

    def _check(self, lists: InvertedLists) -> None:
        if self._lists is not lists or not len(self._keys):
            raise _Abandoned

    def save_snapshot(self, path: Path, *, label: str, generation: int) -> None:
        with self._lock.reading():
            keys, halves = self._keys.by_row.copy(), self._rows.halves.copy()
            codes, entries = self._payload.dump()
            arrays, lists = self._lists.dump() if self._lists else ({}, None)
        about = {"label": label, "generation": generation, "entries": entries, "lists": lists}
        columns = {f"payload {field}": column for field, column in codes.items()}
        write_arrays(path, {"about": np.array(json.dumps(about)), "keys": keys, "vectors": halves, **columns, **arrays})

    def load_snapshot(self, path: Path, *, label: str) -> int:
        arrays = read_arrays(path)
        about = json.loads(str(arrays["about"]))
        keys, halves = arrays["keys"], arrays["vectors"]
        if about["label"] != label or halves.shape != (len(keys), self.dimension):
            raise IndexCorrupt(f"{path} belongs to another index: {about['label']}.")
        codes = {field: arrays[f"payload {field}"] for field in about["entries"]}
        payload = PayloadColumns.restored(len(keys), codes, about["entries"])
        rows = VectorRows(self.dimension)
        rows.append(halves)
        lists = InvertedLists.restored(arrays, about["lists"]) if about["lists"] else None
        with self._lock.writing():
            self._replace(rows, KeyRows(keys), payload, lists)
        return int(about["generation"])

    def _as_halves(self, points: Sequence[Point]) -> Halves:
        vectors = [point.vector for point in points]
        if vectors and all(vector.dtype == np.float16 and vector.shape == (self.dimension,) for vector in vectors):
            halves = np.stack(vectors)  # converting there and back would take most of the time of a write
        else:
            with np.errstate(over="ignore"):  # told as NotFinite below
                halves = self.as_rows(vectors).astype(np.float16)
        if not np.isfinite(halves).all():
            raise NotFinite("A vector holds NaN, infinity, or values beyond what float16 can store.")
        return halves


class _Abandoned(Exception):
    """The points that lists were made for are gone: replaced by those of a snapshot, or removed."""


def _soon(size: int) -> int:
    """After how many changes the recall of so many points is measured again."""
    return max(1, size // 10)


def _joined(written: Sequence[Rows]) -> Rows:
    return np.unique(np.concatenate([np.empty(0, np.int64), *written]))
