import pytest

from ml.runtime.lengths import padded


@pytest.mark.parametrize(("length", "most", "expected"), [(1, 77, 8), (8, 77, 8), (9, 77, 16), (73, 77, 77)])
def test_texts_are_padded_to_few_lengths(length: int, most: int, expected: int) -> None:
    assert padded(length, most=most) == expected
