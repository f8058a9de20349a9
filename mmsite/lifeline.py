"""Children end with their supervisor, however it ends.

The supervisor holds the writing end of a pipe whose reading end its children inherit. The kernel closes it when the
supervisor is gone, be it by SIGKILL, and the children then read the end of the file. Unlike PR_SET_PDEATHSIG this
works on every Unix and doesn't depend on the thread that started the child.
"""

import os
import signal
import threading
import time

VARIABLE = "MMSITE_LIFELINE"
GRACE_SECONDS = 10.0


class Lifeline:
    """The supervisor's end of the pipe, to be kept as long as it lives."""

    def __init__(self) -> None:
        self.reading, self._writing = os.pipe()

    @property
    def environment(self) -> dict[str, str]:
        """What a child, which must inherit the descriptor `reading`, needs in its environment."""
        return {VARIABLE: str(self.reading)}

    def close(self) -> None:
        os.close(self.reading)
        os.close(self._writing)


def follow() -> None:
    """Stop this process, the leader of its group, when the supervisor that started it is gone. Without one: nothing.

    SIGTERM first, as the supervisor would send it; SIGKILL for the whole group after a while.
    """
    if descriptor := os.environ.pop(VARIABLE, ""):
        threading.Thread(target=_wait_for_end, args=(int(descriptor),), name="lifeline", daemon=True).start()


def _wait_for_end(descriptor: int) -> None:
    os.read(descriptor, 1)  # nobody ever writes
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(GRACE_SECONDS)
    os.killpg(os.getpgrp(), signal.SIGKILL)
