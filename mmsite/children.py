"""Child processes as the supervisor keeps them: each with its descendants in a process group of its own."""

import contextlib
import logging
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass

from django.conf import settings

from mmsite import allocator
from mmsite.lifeline import Lifeline
from mmsite.pulse import Pulse

logger = logging.getLogger(__name__)

FIRST_BACKOFF_SECONDS = 1.0
LAST_BACKOFF_SECONDS = 10.0  # with the start itself, less than half a minute
# A child that lived so long was healthy: its next restart is quick again.
HEALTHY_SECONDS = 20.0


@dataclass
class Child:
    """One child. Being the leader of a group of its own, it sees no Ctrl-C from the terminal, and it leaves nobody
    behind: `kill` reaches its orphans too."""

    name: str
    command: Sequence[str]
    lifeline: Lifeline
    restarts: bool = True
    stop_signal: signal.Signals = signal.SIGTERM
    pulse: Pulse | None = None
    process: subprocess.Popen[bytes] | None = None
    started_at: float = 0.0
    start_at: float = 0.0
    backoff: float = FIRST_BACKOFF_SECONDS

    @property
    def alive(self) -> bool:
        return self.process is not None and self.process.poll() is None

    def start(self) -> None:
        self.process = subprocess.Popen(  # noqa: S603 -- our own commands
            self.command,
            # numpy's products are small here: its threads would only wait for each other
            env=allocator.ENVIRONMENT
            | os.environ
            | {"OMP_NUM_THREADS": str(settings.MODEL_THREADS), "OPENBLAS_NUM_THREADS": "1"}
            | self.lifeline.environment
            | (self.pulse.environment if self.pulse else {}),
            pass_fds=[self.lifeline.reading, *([self.pulse.writing] if self.pulse else [])],
            start_new_session=True,
        )
        self.started_at = time.monotonic()

    def keep_alive(self) -> None:
        """Start it again when it has exited, later each time."""
        now = time.monotonic()
        if self.process is None:
            if self.restarts and now >= self.start_at:
                self.start()
        elif not self.alive:
            status = self.process.returncode
            self.kill()
            if self.restarts:
                if now - self.started_at > HEALTHY_SECONDS:
                    self.backoff = FIRST_BACKOFF_SECONDS
                self.start_at = now + self.backoff
                self.backoff = min(self.backoff * 2, LAST_BACKOFF_SECONDS)
                logger.error("%s exited with status %s and is started again", self.name, status)

    def terminate(self) -> None:
        """Ask the leader to end; it sees to the others."""
        if self.process is not None and self.alive:
            self.process.send_signal(self.stop_signal)

    def kill(self) -> None:
        """End every process of the group that is left."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None


def stop(children: Sequence[Child], *, grace: float) -> None:
    """Ask the children to end, and kill what is left of them after `grace` seconds."""
    for child in children:
        child.terminate()
    deadline = time.monotonic() + grace
    while any(child.alive for child in children) and time.monotonic() < deadline:
        time.sleep(0.05)
    for child in children:
        if child.alive:
            logger.warning("%s did not end in %.0f seconds and is killed", child.name, grace)
        child.kill()
