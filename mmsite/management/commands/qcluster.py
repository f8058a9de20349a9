"""django-q2's worker, in place of its own command of this name: one that stops in seconds, whatever it is doing."""

import os
from typing import Any

from django.core.management.base import BaseCommand
from django_q.cluster import Cluster

from mmsite import lifeline, worker

# The pages come first where cores are few.
NICENESS = 5


class StoppableCluster(Cluster):  # type: ignore[misc]  # django_q has no types
    """A cluster whose workers hear of the stop while they work."""

    def stop(self) -> bool:
        """Called on SIGTERM and SIGINT. Waits for the task at hand, which may have a minute's work left otherwise."""
        worker.ask_to_stop()
        stopped: bool = super().stop()
        return stopped


class Command(BaseCommand):
    """`manage.py qcluster`"""

    help = "Runs the worker, which processes uploaded pictures in the background."

    def handle(self, *args: Any, **options: Any) -> None:
        lifeline.follow()
        os.nice(NICENESS)
        StoppableCluster().start()
