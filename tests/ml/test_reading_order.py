"""Lines as people read them."""

from ml.interfaces import TextLine
from ml.readers.order import in_reading_order


def line(text: str, left: float, top: float, right: float, bottom: float) -> TextLine:
    return TextLine(text, 1.0, ((left, top), (right, top), (right, bottom), (left, bottom)))


def read(*lines: TextLine) -> list[str]:
    return [line.text for line in in_reading_order(lines)]


def test_words_of_one_row_stand_from_the_left() -> None:
    assert read(line("HOTEL", 0.5, 0.1, 0.8, 0.2), line("GRAND", 0.1, 0.11, 0.4, 0.21)) == ["GRAND", "HOTEL"]


def test_rows_stand_from_the_top() -> None:
    rows = [line("three", 0.0, 0.4, 0.3, 0.45), line("one", 0.5, 0.1, 0.8, 0.15), line("two", 0.2, 0.16, 0.5, 0.21)]
    assert read(*rows) == ["one", "two", "three"]


def test_a_row_does_not_sink_with_each_of_its_words() -> None:
    """Else text that runs down a little would take in the row below."""
    stairs = [
        line(str(number), 0.3 - number / 10, number * 0.04, 0.4 - number / 10, 0.1 + number * 0.04)
        for number in range(4)
    ]
    assert read(*stairs) == ["1", "0", "3", "2"]


def test_a_high_line_does_not_swallow_the_small_ones_beside_it() -> None:
    small = [line("first", 0.6, 0.1, 0.9, 0.14), line("second", 0.6, 0.2, 0.9, 0.24)]
    assert read(line("SALE", 0.1, 0.05, 0.5, 0.35), *small) == ["first", "SALE", "second"]


def test_what_runs_down_has_a_row_of_its_own() -> None:
    down = TextLine("DOWN", 1.0, ((0.9, 0.0), (0.9, 1.0), (0.8, 1.0), (0.8, 0.0)))
    level = [line("one", 0.5, 0.47, 0.8, 0.53), line("two", 0.1, 0.48, 0.4, 0.54)]
    assert read(*level, down) == ["DOWN", "two", "one"]
