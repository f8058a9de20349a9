"""django-q2's worker, in place of its own command of this name: one that stops in seconds, whatever it is doing."""

import os
from argparse import ArgumentParser
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand
from django_q import cluster
from django_q.conf import Conf

from mmsite import lifeline, pulse, queues, worker
from mmsite.sentinel import RenewingSentinel

# The pages come first where cores are few.
NICENESS = 5
AUTOGROUP = Path("/proc/self/autogroup")


class StoppableCluster(cluster.Cluster):  # type: ignore[misc]  # django_q has no types
    """A cluster whose workers hear of the stop while they work."""

    def stop(self) -> bool:
        """Called on SIGTERM and SIGINT. Waits for the task at hand, which may have a minute's work left otherwise."""
        worker.ask_to_stop()
        stopped: bool = super().stop()
        return stopped


class Command(BaseCommand):
    """`manage.py qcluster`"""

    help = "Runs the worker, which processes uploaded pictures in the background."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--queue", choices=queues.names(), default=queues.DEFAULT, help="whose work it does")

    def handle(self, *args: Any, queue: str, **options: Any) -> None:
        # Which django-q2 reads from the environment, and so before any option is known; its processes, forked from
        # this one, inherit it.
        Conf.CLUSTER_NAME = queues.cluster(queue)
        cluster.Sentinel = RenewingSentinel  # which a cluster finds by this name only
        lifeline.follow()
        pulse.follow()
        _step_back()
        StoppableCluster().start()


def _step_back() -> None:
    """Let the pages come first, with all that this process starts.

    Where Linux groups processes by session (sched_autogroup), niceness counts among those of one session only. The
    supervisor gives each child a session of its own, whose niceness is another; a shell's is left alone.
    """
    os.nice(NICENESS)
    if os.getsid(0) == os.getpid():
        with suppress(OSError):  # no Linux, no such groups, or not allowed
            AUTOGROUP.write_text(str(NICENESS), encoding="ascii")
