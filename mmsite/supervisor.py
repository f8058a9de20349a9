"""Runs web and worker as one: starts them, restarts what exits or hangs, and stops all of it together."""

import http.client
import logging
import signal
import socket
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from types import FrameType

from django.conf import settings
from django.db import DatabaseError, connection

from gallery import stages
from gallery.pauses import paused_steps
from mmsite import children, pipeline, queues
from mmsite.children import Child
from mmsite.lifeline import Lifeline
from mmsite.pulse import Pulse
from search import pushing

logger = logging.getLogger(__name__)

TICK_SECONDS = 0.2
# How long children may take to end: gunicorn finishes its requests (its graceful_timeout), the worker the step at hand.
GRACE_SECONDS = 10.0
# For a worker that is stuck: it has hardly anything to bring to an end.
STUCK_GRACE_SECONDS = 2.0
LONGEST_PATIENCE_SECONDS = 900.0
WEB, WORKER = "web", "worker"


class Supervisor:
    """Web, a worker for each of settings.QUEUES, and once, where asked for, the import of a folder. `only` says which
    of the first two, where it is not both."""

    def __init__(
        self, *, say: Callable[[str], None], only: str | None = None, import_options: Sequence[str] | None = None
    ) -> None:
        self._say = say
        self._lifeline = Lifeline()
        self._has_web = only != WORKER
        self._children: list[Child] = []
        if self._has_web:
            command = [sys.executable, "-m", "gunicorn", "-c", "python:mmsite.gunicorn_conf", "mmsite.wsgi"]
            self._children.append(Child(WEB, command, self._lifeline))
        self._watched: list[tuple[Child, Watchdog]] = []
        for queue in [] if only == WEB else settings.QUEUES:
            name = WORKER if queue == queues.DEFAULT else f"{WORKER} of {queue}"
            pulse = Pulse()
            worker = Child(name, _manage("qcluster", "--queue", queue), self._lifeline, pulse=pulse)
            self._watched.append((worker, Watchdog(pipeline.steps_of(queue), shows_life=pulse.was_felt)))
            self._children.append(worker)
        if import_options is not None:
            self._children.append(
                Child(
                    "import",
                    _manage("import_folder", *import_options),
                    self._lifeline,
                    restarts=False,
                    stop_signal=signal.SIGINT,  # as from the terminal: it says how far it came
                )
            )
        self._stopping = False

    def run(self) -> None:
        """Returns when a signal (SIGINT, SIGTERM, SIGHUP) has asked for the end and no child is left."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._on_signal)
        try:
            queues.sweep_soon()  # which warms the models too
            for child in self._children:
                child.start()
            self._watch()
            self._say("Stopping…")
        finally:
            children.stop(self._children, grace=GRACE_SECONDS)
            self._lifeline.close()

    def _watch(self) -> None:
        announced = False
        while not self._stopping:
            for child in self._children:
                child.keep_alive()
            if not announced and (not self._has_web or is_healthy(settings.WEB_ADDRESS)):
                announced = True
                self._say(self._announcement())
            for worker, watchdog in self._watched:
                if watchdog.finds_worker_stuck():
                    logger.error("Work is due but does not move: the %s is restarted", worker.name)
                    children.stop([worker], grace=STUCK_GRACE_SECONDS)
            time.sleep(TICK_SECONDS)

    def _announcement(self) -> str:
        if self._has_web:
            return f"mmsite is ready at http://{settings.WEB_ADDRESS}/  (Ctrl-C stops it)"
        return f"mmsite works on: {', '.join(settings.QUEUES)}  (Ctrl-C stops it)"

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        self._stopping = True


class Watchdog:
    """Looks after the work itself (these steps of it), whatever the worker's processes say of themselves.

    django-q2's heartbeat is no proof of life: with an idle worker killed while it held the lock of the task queue, no
    task is ever taken again, and the cluster reports that it is working. `shows_life` tells whether it gets on with
    what no row tells of: it loads its models.
    """

    def __init__(self, steps: Collection[str] | None = None, *, shows_life: Callable[[], bool] = lambda: False) -> None:
        self._steps = steps
        self._shows_life = shows_life
        self._interval = min(5.0, settings.WATCHDOG_SECONDS / 4)
        self._next_look = self._felt_until = 0.0
        self._paused: frozenset[str] = frozenset()
        self._be_patient(settings.WATCHDOG_SECONDS)

    def finds_worker_stuck(self) -> bool:
        """Time to restart the worker? Wakes it when work became due meanwhile: a retry, or a claim that ran out."""
        now = time.monotonic()
        if now < self._next_look:
            return False
        self._next_look = now + self._interval
        if self._shows_life():
            self._felt_until = now + settings.WATCHDOG_SECONDS
        try:
            queues.schedule_mend()
            if stages.any_due(steps=self._steps) or pushing.is_behind():
                pipeline.wake()
            stalled = stages.stalled(for_seconds=settings.WATCHDOG_SECONDS, steps=self._steps)
            paused = paused_steps()
        except DatabaseError:
            logger.warning("The database did not answer the watchdog", exc_info=True)
            return False
        finally:
            connection.close()
        if paused != self._paused:  # what was resumed has been due for long, and nobody is to blame
            self._paused = paused
            self._be_patient(settings.WATCHDOG_SECONDS)
        if not stalled:
            self._patience, self._patient_until = float(settings.WATCHDOG_SECONDS), now
        elif now > max(self._patient_until, self._felt_until):
            # Twice as long each time: a worker that takes minutes to load its model is to come to an end with it.
            self._be_patient(min(2 * self._patience, LONGEST_PATIENCE_SECONDS))
            return True
        return False

    def _be_patient(self, seconds: float) -> None:
        self._patience = seconds
        self._patient_until = time.monotonic() + seconds


def why_not_free(address: str) -> str:
    """A sentence when nothing can listen on `host:port`; "" when all is well."""
    host, port = split(address)
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_STREAM) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((host, port))
    except OSError as error:
        return (
            f"Cannot listen on {address}: {error.strerror}. "
            f"Set another address, for example MMSITE_ADDRESS={host}:{port + 1}."
        )
    return ""


def is_healthy(address: str) -> bool:
    """Does the site answer there?"""
    host, port = split(address)
    local = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 -- compared, not bound
    link = http.client.HTTPConnection(local, port, timeout=1)
    try:
        link.request("GET", "/healthz")
        return link.getresponse().status == http.HTTPStatus.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        link.close()


def split(address: str) -> tuple[str, int]:
    """`127.0.0.1:8000` or `[::1]:8000` -> host, port. ValueError for anything else."""
    host, _, port = address.rpartition(":")
    return host.strip("[]"), int(port)


def _manage(*arguments: str) -> list[str]:
    return [sys.executable, str(Path(settings.BASE_DIR) / "manage.py"), *arguments]
