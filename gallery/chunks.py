"""Long lists of rows, a piece at a time."""

from collections.abc import Iterable, Iterator

AT_ONCE = 500  # databases bound the number of parameters in a statement


def in_chunks(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    """Each id once, in order, so that two writers never wait for each other's rows; at most `size` at a time."""
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]
