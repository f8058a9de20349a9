"""What this machine can do at most: products of matrices, GFLOP/s, and copies in memory, GB/s, of all cores at once."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

from ml import devices
from ml.runtime import threads

SIDE = 2_048  #: of the matrices; three in float32 are 50 MB
COPIED = 256_000_000  #: bytes
SECONDS = 1.0


def gemm(dtype: torch.dtype) -> float:
    """GFLOP/s: each core multiplies matrices of its own, as it computes pictures of its own."""

    def prepare() -> Callable[[], object]:
        one, other = torch.rand(SIDE, SIDE).to(dtype), torch.rand(SIDE, SIDE).to(dtype)
        return lambda: one @ other

    return 2 * SIDE**3 * _rate(prepare) / 1e9


def memory() -> float:
    """GB/s that are read and written together, copying what no cache holds."""

    def prepare() -> Callable[[], object]:
        source = torch.ones(COPIED // 4)
        target = torch.empty_like(source)
        return lambda: target.copy_(source)

    return 2 * COPIED * _rate(prepare) / 1e9


def _rate(prepare: Callable[[], Callable[[], object]]) -> float:
    """Calls a second, of the best second of three, all threads together."""

    def best(work: Callable[[], object]) -> float:
        rates = []
        with devices.one_thread():
            work()
            for _ in range(3):
                calls, start = 0, time.perf_counter()
                while (seconds := time.perf_counter() - start) < SECONDS:
                    work()
                    calls += 1
                rates.append(calls / seconds)
        return max(rates)

    works = [prepare() for _ in range(threads.count())]
    with ThreadPoolExecutor(len(works)) as pool:
        return sum(pool.map(best, works))
