"""The order in which people read the lines of a picture."""

from collections.abc import Sequence

from ml.interfaces import TextLine


def in_reading_order(lines: Sequence[TextLine]) -> list[TextLine]:
    """Rows from the top, each from the left. Columns are not told apart; what runs up or down has a row of its own."""
    rows: list[list[TextLine]] = []
    for line in sorted(lines, key=_place):
        if rows and _on_one_row(rows[-1][0], line):
            rows[-1].append(line)
        else:
            rows.append([line])
    return [line for row in rows for line in sorted(row, key=_left)]


def _place(line: TextLine) -> float:
    return _middle(line) if _is_level(line) else min(y for _, y in line.corners)


def _on_one_row(first: TextLine, second: TextLine) -> bool:
    apart = abs(_middle(first) - _middle(second))
    return _is_level(first) and _is_level(second) and apart < min(_height(first), _height(second)) / 2


def _is_level(line: TextLine) -> bool:
    (x1, y1), (x2, y2), *_ = line.corners
    return abs(x2 - x1) > abs(y2 - y1)


def _middle(line: TextLine) -> float:
    return sum(y for _, y in line.corners) / 4


def _height(line: TextLine) -> float:
    (_, top_left), (_, top_right), (_, bottom_right), (_, bottom_left) = line.corners
    return abs(bottom_left - top_left + bottom_right - top_right) / 2


def _left(line: TextLine) -> float:
    return min(x for x, _ in line.corners)
