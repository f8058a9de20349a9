"""The exponents that docs/performance.md tells."""

import pytest

from bench.growth_report import fitted, in_words

SIZES = (1_000, 3_000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0, 1.5])
def test_a_power_law_is_one_line(exponent: float) -> None:
    (line,) = fitted(SIZES, [3.0 * size**exponent for size in SIZES])
    assert line.exponent == pytest.approx(exponent, abs=1e-9)


def test_a_line_that_bends_is_two() -> None:
    lines = fitted(SIZES, [5.0 if size <= 30_000 else 5.0 * size / 30_000 for size in SIZES])
    assert [line.exponent for line in lines] == pytest.approx([0.0, 1.0], abs=1e-9)
    assert in_words(lines) == "n^0.00 to 30,000, n^1.00 from there"


def test_noise_bends_nothing() -> None:
    noise = (1.0, 1.1, 0.95, 1.05, 0.9, 1.1, 1.0)
    (line,) = fitted(SIZES, [factor * size**0.7 for factor, size in zip(noise, SIZES, strict=True)])
    assert line.exponent == pytest.approx(0.7, abs=0.05)


def test_where_nothing_was_to_do_nothing_is_told() -> None:
    assert fitted(SIZES, [0, 0, 0, 0, 0, 2.0, 9.0]) == []
    assert in_words([]) == ""
