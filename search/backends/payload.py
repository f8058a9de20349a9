"""Payloads as columns of small integers, so that a filter over 100,000 points is a few vectorised comparisons."""

from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from search.backends.base import All, Any, Filter, Match, Not, Value

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int32]

_ABSENT = -1
# Beyond this many values, one pass of np.isin beats a comparison for each.
_MANY_VALUES = 16


class PayloadColumns:
    """The payloads of the points, row by row. Each field is a column of codes into the values seen in it."""

    def __init__(self) -> None:
        self.size = 0
        self._codes: dict[str, Codes] = {}
        self._values: dict[str, dict[Value, int]] = {}

    def append(self, payloads: Sequence[Mapping[str, Value]]) -> None:
        """Add rows at the end."""
        start, self.size = self.size, self.size + len(payloads)
        empty = np.full(len(payloads), _ABSENT, np.int32)
        self._codes = {field: np.concatenate([codes, empty]) for field, codes in self._codes.items()}
        self.write(np.arange(start, self.size), payloads)

    def write(self, rows: Rows, payloads: Sequence[Mapping[str, Value]]) -> None:
        """Put whole payloads in the place of those at `rows`."""
        for field in {field for payload in payloads for field in payload} | self._codes.keys():
            values = self._values.setdefault(field, {})
            codes = self._codes.setdefault(field, np.full(self.size, _ABSENT, np.int32))
            codes[rows] = [
                values.setdefault(payload[field], len(values)) if field in payload else _ABSENT for payload in payloads
            ]

    def read(self, rows: Rows) -> list[dict[str, Value]]:
        """The payloads of these rows."""
        payloads: list[dict[str, Value]] = [{} for _ in rows]
        for field, codes in self._codes.items():
            values = list(self._values[field])
            for payload, code in zip(payloads, codes[rows], strict=True):
                if code != _ABSENT:
                    payload[field] = values[code]
        return payloads

    def keep(self, mask: Mask) -> None:
        """Drop the rows outside the mask; the others close up in their order."""
        self.size = int(mask.sum())
        self._codes = {field: codes[mask] for field, codes in self._codes.items()}

    def mask(self, where: Filter) -> Mask:
        """Which rows the filter lets through, (size,) bool."""
        match where:
            case Match(field, values):
                return self._matching(field, values)
            case All(parts):
                every: Mask = np.all([np.ones(self.size, bool), *map(self.mask, parts)], axis=0)
                return every
            case Any(parts):
                some: Mask = np.any([np.zeros(self.size, bool), *map(self.mask, parts)], axis=0)
                return some
            case Not(part):
                return ~self.mask(part)

    def _matching(self, field: str, values: Sequence[Value]) -> Mask:
        known = self._values.get(field, {})
        wanted = [known[value] for value in values if value in known]
        if not wanted:
            return np.zeros(self.size, bool)
        codes = self._codes[field]
        if len(wanted) > _MANY_VALUES:
            return np.isin(codes, np.array(wanted, np.int32))
        matching: Mask = np.any([codes == code for code in wanted], axis=0)
        return matching

    def dump(self) -> tuple[dict[str, Codes], dict[str, list[Value]]]:
        """Codes and values by field, for `restored`."""
        return dict(self._codes), {field: list(values) for field, values in self._values.items()}

    @classmethod
    def restored(cls, size: int, codes: Mapping[str, Codes], values: Mapping[str, Sequence[Value]]) -> "PayloadColumns":
        """The columns that `dump` gave."""
        columns = cls()
        columns.size = size
        columns._codes = dict(codes)
        columns._values = {field: {value: code for code, value in enumerate(seen)} for field, seen in values.items()}
        return columns
