"""Payloads as columns of small integers, so that a filter over 100,000 points is a few vectorised comparisons."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from search.backends.base import All, Any, Filter, HasKey, Keys, Match, Not, Payload, Range, Value

Mask = npt.NDArray[np.bool_]
Rows = npt.NDArray[np.intp]
Codes = npt.NDArray[np.int32]
Entry = Value | tuple[Value, ...]

_Integer = TypeVar("_Integer", np.int32, np.int64)

_ABSENT = -1
# Beyond this many codes, looking each row's up beats a comparison of all rows with each.
_MANY_CODES = 16
# Entries that no row holds any more are tolerated up to this many, or as many as there are rows.
_SPARE_ENTRIES = 1_024


class _Column:
    """One field: a code for each row, (size,) int32, into the entries seen. An entry is the field's content as it was
    given: a value, or a tuple of them."""

    def __init__(self, codes: Codes, entries: Iterable[Entry] = ()) -> None:
        self.codes = codes
        self.entries: dict[Entry, int] = {}
        # Every value in a tuple, by a number of its own, beside the tuple's code: what a Match asks about.
        self._parts: dict[Value, int] = {}
        self._part_numbers = np.empty(0, np.int32)
        self._part_holders = np.empty(0, np.int32)
        # Every whole number in any entry, beside the entry's code: what a Range asks about.
        self._numbers = np.empty(0, np.int64)
        self._number_holders = np.empty(0, np.int32)
        self.encode(entries)

    def encode(self, entries: Iterable[Entry]) -> list[int]:
        """The entries' codes; those not seen before get new ones. Raises OverflowError for numbers of more than 64
        bits, and then learns none."""
        wanted = list(entries)
        new = [entry for entry in dict.fromkeys(wanted) if entry not in self.entries]
        if new:
            self._learn(dict(zip(new, range(len(self.entries), len(self.entries) + len(new)), strict=True)))
        return [self.entries[entry] for entry in wanted]

    def _learn(self, entries: Mapping[Entry, int]) -> None:
        parts = [(value, code) for entry, code in entries.items() if isinstance(entry, tuple) for value in entry]
        numbers = [(entry, code) for entry, code in entries.items() if isinstance(entry, int)]
        numbers += [(value, code) for value, code in parts if isinstance(value, int)]
        self._numbers = _extended(self._numbers, [number for number, _ in numbers])  # first: this may raise
        self._number_holders = _extended(self._number_holders, [code for _, code in numbers])
        part_numbers = [self._parts.setdefault(value, len(self._parts)) for value, _ in parts]
        self._part_numbers = _extended(self._part_numbers, part_numbers)
        self._part_holders = _extended(self._part_holders, [code for _, code in parts])
        self.entries.update(entries)

    def compacted(self) -> "_Column":
        """This column, without entries that no row holds where those are many."""
        if len(self.entries) <= 2 * len(self.codes) + _SPARE_ENTRIES:
            return self
        used, codes = np.unique(self.codes, return_inverse=True)
        entries = list(self.entries)
        absent = int(len(used) and used[0] == _ABSENT)
        return _Column((codes - absent).astype(np.int32), [entries[code] for code in used[absent:]])

    def matching(self, values: Collection[Value]) -> Mask:
        """Which rows hold one of the values, (size,) bool."""
        codes = np.array([self.entries[value] for value in values if value in self.entries], np.int32)
        parts = [self._parts[value] for value in values if value in self._parts]
        if parts:
            wanted = np.zeros(len(self._parts), bool)
            wanted[parts] = True
            codes = np.concatenate([codes, self._part_holders[wanted[self._part_numbers]]])
        if len(codes) > _MANY_CODES:
            return self._holding(codes)
        mask = np.zeros(len(self.codes), bool)
        for code in codes:
            mask |= self.codes == code
        return mask

    def within(self, at_least: int | None, below: int | None) -> Mask:
        """Which rows hold a whole number in [at_least, below), (size,) bool."""
        inside = np.ones(len(self._numbers), bool)
        if at_least is not None:
            inside &= self._numbers >= at_least
        if below is not None:
            inside &= self._numbers < below
        return self._holding(self._number_holders[inside])

    def _holding(self, codes: Codes) -> Mask:
        wanted = np.zeros(len(self.entries) + 1, bool)  # the last is that of rows without the field: _ABSENT
        wanted[codes] = True
        mask: Mask = wanted[self.codes]
        return mask


def _extended(array: npt.NDArray[_Integer], more: Sequence[int]) -> npt.NDArray[_Integer]:
    return np.concatenate([array, np.array(more, array.dtype)])


class PayloadColumns:
    """The payloads of the points, row by row: a column for each field."""

    def __init__(self) -> None:
        self.size = 0
        self._columns: dict[str, _Column] = {}

    def append(self, payloads: Sequence[Payload]) -> None:
        """Add rows at the end."""
        start, self.size = self.size, self.size + len(payloads)
        empty = np.full(len(payloads), _ABSENT, np.int32)
        for column in self._columns.values():
            column.codes = np.concatenate([column.codes, empty])
        self.write(np.arange(start, self.size), payloads)

    def write(self, rows: Rows, payloads: Sequence[Payload]) -> None:
        """Put whole payloads in the place of those at `rows`."""
        for field in {field for payload in payloads for field in payload} | self._columns.keys():
            if field not in self._columns:
                self._columns[field] = _Column(np.full(self.size, _ABSENT, np.int32))
            column = self._columns[field]
            column.codes[rows] = _ABSENT
            has = [field in payload for payload in payloads]
            column.codes[rows[has]] = column.encode(payload[field] for payload in payloads if field in payload)
            self._columns[field] = column.compacted()

    def read(self, rows: Rows) -> list[dict[str, Entry]]:
        """The payloads of these rows, as they were given."""
        payloads: list[dict[str, Entry]] = [{} for _ in rows]
        for field, column in self._columns.items():
            entries = list(column.entries)
            for payload, code in zip(payloads, column.codes[rows], strict=True):
                if code != _ABSENT:
                    payload[field] = entries[code]
        return payloads

    def move(self, sources: Rows, targets: Rows, size: int) -> None:
        """Put the payloads of the rows `sources` in the place of those of `targets`; then keep the first `size`."""
        self.size = size
        for column in self._columns.values():
            column.codes[targets] = column.codes[sources]
            column.codes = column.codes[:size].copy()

    def mask(self, where: Filter, rows_of: Callable[[Collection[int] | Keys], Rows]) -> Mask:
        """Which rows the filter lets through, (size,) bool. `rows_of` tells the rows of those keys that are there."""
        match where:
            case Match(field, values):
                return self._columns[field].matching(values) if field in self._columns else self._none()
            case Range(field, at_least, below):
                return self._columns[field].within(at_least, below) if field in self._columns else self._none()
            case HasKey(keys):
                mask = self._none()
                mask[rows_of(keys)] = True
                return mask
            case All(parts):
                mask = ~self._none()
                for part in parts:
                    mask &= self.mask(part, rows_of)
                return mask
            case Any(parts):
                mask = self._none()
                for part in parts:
                    mask |= self.mask(part, rows_of)
                return mask
            case Not(part):
                return ~self.mask(part, rows_of)

    def _none(self) -> Mask:
        return np.zeros(self.size, bool)

    def dump(self) -> tuple[dict[str, Codes], dict[str, list[Entry]]]:
        """Codes and entries by field, for `restored`."""
        codes = {field: column.codes.copy() for field, column in self._columns.items()}
        return codes, {field: list(column.entries) for field, column in self._columns.items()}

    @classmethod
    def restored(
        cls, size: int, codes: Mapping[str, Codes], entries: Mapping[str, Sequence[Value | Sequence[Value]]]
    ) -> "PayloadColumns":
        """The columns that `dump` gave; JSON, which knows no tuples, may have made lists of them meanwhile."""
        columns = cls()
        columns.size = size
        for field, seen in entries.items():
            given = [entry if isinstance(entry, int | str) else tuple(entry) for entry in seen]
            columns._columns[field] = _Column(codes[field], given)
        return columns
