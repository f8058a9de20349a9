"""By what a worker that loads its models shows the supervisor that it gets on: no row of the database moves meanwhile.

A pipe, into which a thread writes as long as the process really does something: uses the processor, or waits for pages
from a disk. A thread that only counted seconds would show life where the loading itself hangs.
"""

import os
import resource
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from django.conf import settings

from mmsite.meanwhile import meanwhile

VARIABLE = "MMSITE_PULSE"
# Less than this share of the time is no work: whoever hangs may wake up now and then to see whether it hangs still.
LEAST_SHARE = 0.005

_descriptor: int | None = None


class Pulse:
    """The supervisor's end, for one worker and whoever takes its place."""

    def __init__(self) -> None:
        self._reading, self.writing = os.pipe()
        for descriptor in (self._reading, self.writing):
            os.set_blocking(descriptor, False)

    @property
    def environment(self) -> dict[str, str]:
        """What a child, which must inherit the descriptor `writing`, needs in its environment."""
        return {VARIABLE: str(self.writing)}

    def was_felt(self) -> bool:
        """Since this was asked last."""
        try:
            return bool(os.read(self._reading, 65_536))
        except BlockingIOError:
            return False


def follow() -> None:
    """Let this process, and those that it forks, beat for the supervisor that started it. Without one: nothing."""
    global _descriptor  # noqa: PLW0603  the one place of this process that knows
    if descriptor := os.environ.pop(VARIABLE, ""):
        _descriptor = int(descriptor)


@contextmanager
def beating() -> Iterator[None]:
    """While the block gets on, the supervisor feels it."""
    if _descriptor is None:
        yield
        return
    with meanwhile(_beat_until, _descriptor, name="pulse"):
        yield


def _beat_until(done: threading.Event, descriptor: int) -> None:
    interval = settings.WATCHDOG_SECONDS / 8
    work, pages, at = *_done_so_far(), time.monotonic()
    while not done.wait(interval):
        before, (work, pages), now = (work, pages, at), _done_so_far(), time.monotonic()
        if work - before[0] > LEAST_SHARE * (now - before[2]) or pages > before[1]:
            with suppress(OSError):  # full: it was felt enough; or the supervisor is gone, as the lifeline says too
                os.write(descriptor, b".")
        at = now


def _done_so_far() -> tuple[float, int]:
    """Seconds of processor time of all threads but this one, and how often this process waited for a disk."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return time.process_time() - time.thread_time(), usage.ru_majflt + usage.ru_inblock
