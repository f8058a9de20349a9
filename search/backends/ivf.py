"""Rows sorted into lists around centroids, of which a search looks into the nearest only (an inverted file, IVF).

The rows are kept as 8-bit codes, which find candidates; their scores come from the exact vectors. How many lists must
be looked into is measured, for several ranks: a filter that passes one row in sixteen turns the best ten into what
would be the best 160 without it, and those lie in more lists than the best ten. Who wants more than ten gets them from
more lists: from so many that hold a multiple of them, however many rows there are.
"""

import math
from collections.abc import Iterable, Mapping
from typing import Any

import faiss as _faiss
import numpy as np
import numpy.typing as npt

from search.backends.exceptions import IndexCorrupt
from search.backends.rows import Floats, Halves, Mask, Rows, VectorRows, selector

TOP = 10
# Ranks for which the probes are measured, and so the fractions that a filter may pass: all, 1/2, 1/4, ... 1/64. Below,
# the exact scan has few rows to look at.
DEPTHS = tuple(TOP << doubled for doubled in range(7))
TARGET_RECALL = 0.97
# Looking into more of the lists than this saves too little.
MOST_LISTS = 1 / 4
# Vectors a centroid is trained on: 64 are as good as FAISS's 256 here, in a quarter of the time.
SAMPLE = 64
ITERATIONS = 10
SEED = 1234
# Candidates beyond twice as many as are wanted, so that the rounding of codes loses none of the best.
SPARE = 32
# Rows that a filter passes and that are looked at, for each one that is wanted: their codes take about the time of the
# candidates' vectors.
EFFORT = 32
# Of the rows that a wide filter lets through, about so many are looked at to tell which lists hold any.
ENOUGH_ROWS = 65_536
# Rows changed since training, as a fraction of those trained on, from which the lists are made anew.
OUTGROWN = 1 / 2

Ranks = npt.NDArray[np.int64]

faiss: Any = _faiss  # see rows.py


class InvertedLists:
    """Safe between threads while none writes.

    `probes`: how many lists to look into for each of DEPTHS that this serves; empty as long as nobody measured it.
    `is_asked`: whether it was measured by what people asked, too.
    `trained_on`: how many rows there were in training; `changes`: how many were put since.
    """

    def __init__(self, index: Any, lists: npt.NDArray[np.int32], *, trained_on: int) -> None:
        self._index = index
        self._lists = lists  # of each row, the list that it is in, or -1
        self.trained_on = trained_on
        self.changes = 0
        self.probes: dict[int, int] = {}
        self.is_asked = False

    @classmethod
    def trained(cls, sample: Halves, *, rows: int) -> "InvertedLists":
        """Empty lists around the centroids of a sample, (n, d), of so many rows."""
        dimension, lists = sample.shape[1], list_count(rows)
        quantizer = faiss.IndexFlatIP(dimension)
        index = faiss.IndexIVFScalarQuantizer(
            quantizer, dimension, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, False
        )
        index.cp.niter, index.cp.seed = ITERATIONS, SEED
        index.cp.min_points_per_centroid, index.cp.max_points_per_centroid = 1, SAMPLE
        index.train(sample.astype(np.float32))
        return cls(index, np.empty(0, np.int32), trained_on=rows)

    @property
    def count(self) -> int:
        """How many lists there are."""
        return int(self._index.nlist)

    @property
    def is_outgrown(self) -> bool:
        """Whether the lists are better made anew."""
        return self.changes > self.trained_on * OUTGROWN

    def put(self, rows: Rows, halves: Halves) -> None:
        """Take in these rows' vectors, (n, d), in the place of what they held."""
        if not len(rows):
            return
        missing = int(rows.max()) + 1 - len(self._lists)
        if missing > 0:
            self._lists = np.concatenate([self._lists, np.full(missing, -1, np.int32)])
        self._remove(rows)
        vectors, numbers = halves.astype(np.float32), rows.astype(np.int64)
        lists = self._index.quantizer.search(vectors, 1)[1][:, 0].copy()
        pointer = faiss.swig_ptr
        self._index.add_core(len(rows), pointer(vectors), pointer(numbers), pointer(lists))
        self._lists[rows] = lists
        self.changes += len(rows)

    def truncate(self, size: int) -> None:
        """Forget the rows from `size` on."""
        if size < len(self._lists):
            self._remove(np.arange(size, len(self._lists)))
            self._lists = self._lists[:size].copy()

    def _remove(self, rows: Rows) -> None:
        present = rows[self._lists[rows] >= 0]
        if len(present):
            gone = np.zeros(len(self._lists), bool)
            gone[present] = True
            self._index.remove_ids(selector(gone))

    @property
    def most_probes(self) -> int:
        """Past so many, a scan of all rows takes no longer."""
        return int(self.count * MOST_LISTS)

    def probes_for(self, limit: int, fraction: float) -> int | None:
        """How many lists to look into for the best so many, when a filter passes this fraction of the rows; None: scan
        exactly."""
        measured = next((probes for depth, probes in sorted(self.probes.items()) if depth * fraction >= TOP), None)
        if measured is None:
            return None
        rows = EFFORT * limit / fraction
        return max(measured, min(self.count, math.ceil(rows * self.count / len(self._lists))))

    def best(
        self, vectors: VectorRows, query: Floats, wanted: int, *, probes: int, mask: Mask | None
    ) -> tuple[Floats, Rows]:
        """Scores by their vectors, and rows, best first, of at most `wanted` that look best by their codes.

        Only lists that hold something the filter lets through are counted as looked into: an album far from the query
        is found in the nearest of its own lists.
        """
        parameters: dict[str, Any] = {"nprobe": probes}
        if mask is not None:
            step = max(1, np.count_nonzero(mask) // ENOUGH_ROWS)
            lists = np.zeros(self.count, bool)
            lists[self._lists[::step][np.flatnonzero(mask[::step])]] = True
            parameters["sel"] = selector(mask)
            parameters["quantizer_params"] = faiss.SearchParameters(sel=selector(lists))
        return vectors.refined(self._index, query, wanted, faiss.SearchParametersIVF(**parameters))

    def ranks(self, query: Floats, rows: Rows) -> Ranks:
        """How many lists must be looked into to reach each of the rows."""
        _, (order,) = self._index.quantizer.search(query[None], self.count)
        ranks = np.empty(len(order), np.int64)
        ranks[order] = np.arange(1, len(order) + 1)
        reached: Ranks = ranks[self._lists[rows]]
        return reached

    def measured(self, groups: Iterable[list[Ranks]]) -> dict[int, int]:
        """The probes that reach TARGET_RECALL, by depth, in each group of queries: of each query, the ranks of its
        exact best, best first. Depths that would need more than MOST_LISTS are left out, and deeper ones too."""
        probes: dict[int, int] = {}
        for depth in DEPTHS:
            needed = 0
            for ranks in groups:
                best = np.concatenate([np.empty(0, np.int64), *(each[:depth] for each in ranks)])
                if len(best):
                    needed = max(needed, int(np.quantile(best, TARGET_RECALL, method="higher")))
            if not 0 < needed <= self.most_probes:
                break
            probes[depth] = needed
        return probes

    def dump(self) -> tuple[dict[str, npt.NDArray[Any]], dict[str, Any]]:
        """Arrays and what JSON can hold, for `restored`."""
        arrays = {"ivf": faiss.serialize_index(self._index), "ivf lists": self._lists.copy()}
        return arrays, {"trained_on": self.trained_on, "changes": self.changes, "probes": list(self.probes.items())}

    @classmethod
    def restored(cls, arrays: Mapping[str, npt.NDArray[Any]], about: Mapping[str, Any]) -> "InvertedLists":
        """What `dump` gave. Raises IndexCorrupt, as where another release of FAISS wrote what this one can't read."""
        try:
            index = faiss.deserialize_index(arrays["ivf"])
        except RuntimeError as error:
            raise IndexCorrupt(f"FAISS can't read the lists of a snapshot: {error}") from error
        lists = cls(index, arrays["ivf lists"], trained_on=about["trained_on"])
        lists.changes, lists.probes = about["changes"], dict(about["probes"])
        return lists


def spared(limit: int) -> int:
    """How many to look for by their codes, so that the best so many are among them."""
    return 2 * limit + SPARE


def list_count(rows: int) -> int:
    """As many lists as rows in each: comparing with the centroids then costs about as much as looking into one."""
    return max(1, round(math.sqrt(rows)))
