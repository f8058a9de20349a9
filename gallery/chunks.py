"""Long lists of rows, a piece at a time."""

from collections.abc import Iterable, Iterator
from typing import TypeVar

from django.db.models import Model, QuerySet

Row = TypeVar("Row", bound=Model)

AT_ONCE = 500  # databases bound the number of parameters in a statement


def in_chunks(ids: Iterable[int], size: int) -> Iterator[list[int]]:
    """Each id once, in order, so that two writers never wait for each other's rows; at most `size` at a time."""
    ordered = sorted(set(ids))
    for start in range(0, len(ordered), size):
        yield ordered[start : start + size]


def in_pieces(rows: QuerySet[Row], size: int = 1_000) -> Iterator[list[Row]]:
    """The rows by their keys, at most `size` at a time, each piece read when the one before is done with."""
    piece = list(rows.order_by("pk")[:size])
    while piece:
        yield piece
        piece = list(rows.order_by("pk").filter(pk__gt=piece[-1].pk)[:size]) if len(piece) == size else []
