"""What lies in the table comes back, and nothing else."""

import numpy as np
import pytest

from search.exceptions import BadVector
from search.vectors import pack, unpack


def test_there_and_back() -> None:
    vector = np.random.default_rng(0).standard_normal(512)
    back = unpack(pack(vector, dimension=512), dimension=512).astype(np.float32)
    exact = vector / np.linalg.norm(vector)
    assert back @ exact == pytest.approx(1.0, abs=1e-5)
    assert np.linalg.norm(back) == pytest.approx(1.0, abs=1e-3)


def test_the_bytes_are_the_same_on_every_machine() -> None:
    assert pack(np.array([1.0, 0.0]), dimension=2) == b"\x00\x3c\x00\x00"


def test_a_database_may_give_a_memoryview() -> None:
    assert unpack(memoryview(b"\x00\x3c\x00\x00"), dimension=2).tolist() == [1.0, 0.0]


@pytest.mark.parametrize("stored", [b"", b"\x00\x3c\x00", b"\x00\x3c" * 3, b"\x00\x7c\x00\x00", b"\x00\x7e\x00\x00"])
def test_damaged_bytes_are_refused(stored: bytes) -> None:
    with pytest.raises(BadVector):
        unpack(stored, dimension=2)
