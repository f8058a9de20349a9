"""Where models run: one choice for the process (`ml.serve_on`), CPU or GPU.

Importing this brings no torch along. Wherever a network computes, what its model gives out is float32 on the CPU.
"""

import os
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import TYPE_CHECKING, ParamSpec, TypeVar

from ml.errors import DeviceUnavailable

if TYPE_CHECKING:  # a server may fork after it imported this
    import torch

    N = TypeVar("N", bound=torch.nn.Module)

P = ParamSpec("P")
R = TypeVar("R")

AUTO = "auto"  #: the first GPU where there is one, else the CPU
GPU_BATCH = 64  #: pictures or texts that go through a network together on a GPU, which idles over fewer

_LIBRARY = re.compile(r"\b(?:CUDA|CUBLAS|cuDNN|NVIDIA)", re.IGNORECASE)
_NAME = re.compile(r"auto|cpu|cuda(?::(?P<number>\d+))?")

_chosen = AUTO


def choose(name: str) -> bool:
    """Choose `auto`, `cpu`, `cuda`, or one of several as `cuda:1`; says whether that is another than before.

    Raises DeviceUnavailable for any other name; whether the device is there is for `device` to tell.
    """
    global _chosen  # noqa: PLW0603 - one choice a process
    if name == _chosen:
        return False
    if not _NAME.fullmatch(name):
        raise DeviceUnavailable(f"There is no device {name!r}: models run on auto, cpu, cuda, cuda:1 and so on.")
    _chosen = name
    return True


def device() -> "torch.device":
    """The device for models that are loaded now. Raises DeviceUnavailable where it is not there."""
    import torch

    name, count = _chosen, torch.cuda.device_count() if torch.cuda.is_available() else 0
    if name == "cpu" or (name == AUTO and not count):
        return torch.device("cpu")
    match = _NAME.fullmatch(name)
    number = int(match["number"] or 0) if match else 0
    if number >= count:
        seen = {0: "no GPU", 1: "one GPU, cuda:0"}.get(count, f"{count} GPUs, cuda:0 to cuda:{count - 1}")
        raise DeviceUnavailable(f"Models are to run on {name}, but torch sees {seen}; auto takes what there is.")
    return torch.device("cuda", number)


def place(network: "N", where: "torch.device | None" = None) -> "N":
    """Move a network to a device, by default that of choice.

    Raises DeviceUnavailable where that is not there, is full, or fails.
    """
    there = where or device()
    with _failing():
        return network.to(there)


def batch(where: "torch.device", on_cpu: int) -> int:
    """How much to give a network at once, where a CPU takes `on_cpu`."""
    return on_cpu if where.type == "cpu" else GPU_BATCH


def preparing(where: "torch.device") -> int:
    """How many threads make pixels of pictures: on a CPU one, since the network needs the cores, too."""
    return 1 if where.type == "cpu" else min(8, os.cpu_count() or 1)


def inference(work: Callable[P, R]) -> Callable[P, R]:
    """Let a model's method run in torch's inference mode, and raise DeviceUnavailable where a GPU gives up."""

    @wraps(work)
    def run(*arguments: P.args, **keywords: P.kwargs) -> R:
        import torch

        with _failing(), torch.inference_mode():
            return work(*arguments, **keywords)

    return run


def half(where: "torch.device", work: Callable[[], "torch.Tensor"]) -> "torch.Tensor":
    """What `work` computes: on a GPU in float16 and given as float32, on a CPU as it is.

    Float16 keeps 11 bits of each number and bfloat16 8, but ends at 65,504: where a network goes beyond, or its GPU's
    float16 is broken, all is computed again in float32.
    """
    import torch

    if where.type != "cpu":
        with torch.autocast(where.type, torch.float16):
            result = work().float()
        if bool(result.isfinite().all()):
            return result
    return work()


@contextmanager
def one_thread() -> Iterator[None]:
    """For work of a few milliseconds on a CPU. Several threads are no faster at that, and on a busy machine, where they
    wait for each other, many times as slow."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _failing() -> Iterator[None]:
    """A GPU that is full, or whose driver fails, is no fault of the pictures: they can wait for it."""
    import torch

    try:
        yield
    except RuntimeError as error:  # its libraries raise nothing narrower
        reason = str(error).strip().partition("\n")[0]
        if not isinstance(error, torch.OutOfMemoryError | torch.AcceleratorError) and not _LIBRARY.search(reason):
            raise
        raise DeviceUnavailable(f"The GPU gives up: {reason}") from error
