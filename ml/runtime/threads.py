"""How the processor's cores share pictures: each takes some through the whole network by itself.

Several threads in one multiplication wait for each other at every layer; where others work on the same cores, a thread
that waits for one without a core costs ten times the time (docs/why.md).
"""

import math
import os
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import TYPE_CHECKING, TypeVar

from ml import devices

if TYPE_CHECKING:  # a server may fork after it imported this
    import torch

T = TypeVar("T")
R = TypeVar("R")


def count() -> int:
    """How many threads compute in this process: OMP_NUM_THREADS, or one for each core that it may use."""
    asked = os.environ.get("OMP_NUM_THREADS", "")
    if asked.isdigit() and int(asked):
        return int(asked)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def spread(
    work: Callable[[Sequence[T]], R], items: Sequence[T], most: int, *, where: "torch.device | None" = None
) -> list[R]:
    """What `work` makes of all items, `most` at a time, in their order; on one thread each, all cores at once.

    Where that is a GPU, the thread that calls gives it GPU_BATCH at a time.
    """
    import torch

    on_gpu = where is not None and where.type != "cpu"
    size = devices.GPU_BATCH if on_gpu else max(1, min(most, math.ceil(len(items) / count())))
    parts = [items[start : start + size] for start in range(0, len(items), size)]
    if on_gpu:
        return list(map(work, parts))

    def alone(part: Sequence[T]) -> R:
        with devices.one_thread():
            return work(part)

    if len(parts) < 2:
        return [alone(part) for part in parts]
    try:
        return list(_pool(count()).map(alone, parts))
    finally:
        torch.set_num_threads(torch.get_num_threads())  # for new threads; those of the pool may have left them one


@cache
def _pool(size: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(size, thread_name_prefix="model")
