"""Real worker and web processes of a test, and what becomes of them."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from django.conf import settings as django_settings

from gallery import stages
from gallery.models import Stage
from mmsite import pipeline

PATIENCE_SECONDS = 240  # nothing takes so long, but on a machine that is busy with much else


@contextmanager
def running(environment: dict[str, str], *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
    """`manage.py ARGUMENTS`, in a group of its own, of which nothing is left afterwards."""
    with Path(environment["MMSITE_DATA_DIR"], "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "manage.py", *arguments],
            cwd=django_settings.BASE_DIR,
            env=environment,
            start_new_session=True,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
    try:
        yield process
    finally:
        for group in [*child_groups(process.pid), process.pid]:
            if members(group):
                os.killpg(group, signal.SIGKILL)
        process.wait()


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}; stages: {states()}"
        time.sleep(0.1)


def states() -> Counter[str]:
    return Counter(Stage.objects.values_list("state", flat=True))


def nothing_open() -> bool:
    return stages.counts().open == 0


def processes() -> list[tuple[int, int, int]]:
    """(pid, parent, group) of everything that runs, but for zombies."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            pid, rest = path.parent.name, path.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        if rest[0] != "Z":
            found.append((int(pid), int(rest[1]), int(rest[2])))
    return found


def members(group: int) -> list[int]:
    return [pid for pid, _parent, its_group in processes() if its_group == group]


def sleeps(pid: int) -> bool:
    """Whether a process waits for something, and has for a second used no processor and wanted none."""

    def state() -> tuple[str, str, str]:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], fields[11], fields[12]  # what it does, and its time in and outside the kernel

    before = state()
    for _ in range(10):
        time.sleep(0.1)
        if state() != before:
            return False
    return before[0] == "S"


def child_groups(supervisor: int) -> list[int]:
    return [pid for pid, parent, group in processes() if parent == supervisor and pid == group]


def forked_by(parent: int) -> list[int]:
    """The children of a process, the eldest first: those of the same hundredth of a second by their numbers."""

    def birth(pid: int) -> tuple[int, int]:
        try:
            return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]), pid
        except (FileNotFoundError, ProcessLookupError):
            return 0, pid

    return sorted((pid for pid, its_parent, _group in processes() if its_parent == parent), key=birth)


def work_goes_on_until_done() -> None:
    """Wakes the worker when work becomes due, as the supervisor and the sweep do."""

    def is_done() -> bool:
        if stages.any_due():
            pipeline.wake()
        return nothing_open()

    wait_for(is_done, "all work is done")


def redis_answers(url: str) -> bool:
    """Is there a Redis server?"""
    try:
        with redis.Redis.from_url(url, socket_timeout=10, socket_connect_timeout=10) as client:
            return bool(client.ping())
    except redis.RedisError:
        return False
