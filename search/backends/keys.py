"""Which row a point lies in: rows are numbered from 0 without gaps, keys are anything in [0, 2**63)."""

from collections.abc import Collection

import numpy as np
import numpy.typing as npt

from search.backends.base import Keys

Rows = npt.NDArray[np.intp]


class KeyRows:
    """The keys by row, and the rows by key. A hash table of a million keys would take 100 MB; these take 24."""

    def __init__(self, keys: Keys | None = None) -> None:
        self.by_row: Keys = np.empty(0, np.int64) if keys is None else keys
        self._order: Rows = np.argsort(self.by_row, kind="stable")
        self._sorted: Keys = self.by_row[self._order]

    def __len__(self) -> int:
        return len(self.by_row)

    def find(self, keys: Keys) -> tuple[Rows, npt.NDArray[np.bool_]]:
        """The rows of those keys that are there, in the order of the keys, and which of the keys those are."""
        if not len(self):
            return np.empty(0, np.intp), np.zeros(len(keys), bool)
        places = np.minimum(np.searchsorted(self._sorted, keys), len(self) - 1)
        known = self._sorted[places] == keys
        return self._order[places[known]], known

    def rows_of(self, keys: Collection[int] | Keys) -> Rows:
        """The rows of those keys that are there."""
        if isinstance(keys, np.ndarray):
            return self.find(keys)[0]
        try:
            wanted = np.fromiter(keys, np.int64, len(keys))
        except OverflowError:  # with some that no point can have
            wanted = np.array([key for key in keys if 0 <= key < 2**63], np.int64)
        return self.find(wanted)[0]

    def after(self, key: int, limit: int) -> Rows:
        """The rows of the first `limit` keys above `key`, by key."""
        start = np.searchsorted(self._sorted, key, side="right")
        return self._order[start : start + limit]

    def append(self, keys: Keys) -> None:
        """Add rows at the end; `keys` are sorted, and none of them is there."""
        places = np.searchsorted(self._sorted, keys)
        self._order = np.insert(self._order, places, np.arange(len(self), len(self) + len(keys)))
        self._sorted = np.insert(self._sorted, places, keys)
        self.by_row = np.concatenate([self.by_row, keys])

    def remove(self, rows: Rows) -> tuple[Rows, Rows]:
        """Take rows away and close the gaps with the last ones: sources and targets of what must move likewise."""
        size = len(self) - len(rows)
        gone = np.zeros(len(self), bool)
        gone[rows] = True
        targets = np.flatnonzero(gone[:size])
        sources = size + np.flatnonzero(~gone[size:])
        numbers = np.arange(len(self))
        numbers[sources] = targets
        kept = ~gone[self._order]
        self._order, self._sorted = numbers[self._order[kept]], self._sorted[kept]
        self.by_row[targets] = self.by_row[sources]
        self.by_row = self.by_row[:size].copy()
        return sources, targets
