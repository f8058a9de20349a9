"""How many threads compute, and that they share what there is to do."""

import os

import pytest
import torch

from ml import devices
from ml.runtime import threads


@pytest.mark.parametrize(("asked", "expected"), [("3", 3), ("0", 7), ("", 7), ("4,2", 7)])
def test_as_many_as_was_asked_for_else_one_a_core(monkeypatch: pytest.MonkeyPatch, asked: str, expected: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", asked)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _process: set(range(7)), raising=False)
    assert threads.count() == expected


@pytest.mark.parametrize("most", [1, 2, 5, 50])
def test_all_is_done_in_order_and_no_more_at_a_time_than_asked(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    parts = threads.spread(list, range(11), most)
    assert [item for part in parts for item in part] == list(range(11))
    assert max(map(len, parts)) <= most


def test_a_gpu_gets_its_own_number_at_a_time() -> None:
    parts = threads.spread(list, range(2 * devices.GPU_BATCH + 1), 5, where=torch.device("cuda", 0))
    assert [len(part) for part in parts] == [devices.GPU_BATCH, devices.GPU_BATCH, 1]
