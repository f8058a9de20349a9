"""Which host may be asked when: a few requests at once, and a pause between them."""

import heapq
import time
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import count
from threading import Condition
from typing import Generic, TypeVar

Job = TypeVar("Job")


@dataclass
class _Host:
    waiting: list[tuple[float, int, object]] = field(default_factory=list)  #: (ready at, running number, job), a heap
    busy: int = 0
    free_at: float = 0.0


class Turns(Generic[Job]):
    """Jobs that wait for their host. Threads take whichever job's host is ready, so that none waits idly."""

    def __init__(self, per_host: int) -> None:
        self._per_host = per_host
        self._hosts: defaultdict[str, _Host] = defaultdict(_Host)
        self._numbers = count()
        self._changed = Condition()
        self._closed = False

    def put(self, job: Job, host: str, wait: float = 0.0) -> None:
        """Add a job that is ready after so many seconds."""
        with self._changed:
            heapq.heappush(self._hosts[host].waiting, (time.monotonic() + wait, next(self._numbers), job))
            self._changed.notify()

    def take(self) -> tuple[Job, str] | None:
        """Wait for a job whose host is ready, and occupy the host until `release`; None once this is closed."""
        with self._changed:
            while not self._closed:
                now = time.monotonic()
                soonest = None
                for name, host in list(self._hosts.items()):
                    if not host.waiting or host.busy >= self._per_host:
                        self._forget_idle(name, host, now)
                        continue
                    ready = max(host.free_at, host.waiting[0][0])
                    if ready <= now:
                        host.busy += 1
                        return heapq.heappop(host.waiting)[2], name  # type: ignore[return-value]
                    soonest = ready if soonest is None else min(soonest, ready)
                self._changed.wait(None if soonest is None else soonest - now)
            return None

    def release(self, host: str, pause: float) -> None:
        """A request ended; nobody begins another to that host for so many seconds."""
        with self._changed:
            self._hosts[host].busy -= 1
            self._hosts[host].free_at = max(self._hosts[host].free_at, time.monotonic() + pause)
            self._changed.notify_all()

    def close(self) -> None:
        """Let everybody who waits go home."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()

    def _forget_idle(self, name: str, host: _Host, now: float) -> None:
        if not host.waiting and not host.busy and host.free_at <= now:
            del self._hosts[name]
