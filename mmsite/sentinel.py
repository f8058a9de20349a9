"""django-q2's sentinel, which looks after the processes of a worker, but one that trusts no queue a process died at."""

import logging
from multiprocessing import Event
from multiprocessing.process import BaseProcess

from django_q.cluster import Sentinel
from django_q.conf import Conf
from django_q.queues import Queue

logger = logging.getLogger(__name__)


class RenewingSentinel(Sentinel):  # type: ignore[misc]  # django_q has no types
    """Replaces all of its processes together with their queues where one of them was killed.

    Each waits for the next task, or result, with the lock of its queue in its hands. django-q2 replaces the dead one
    alone, and the new one waits for ever for a lock that nobody gives back: no task is taken any more, or no result
    is kept. What was in the queues is no loss: `gallery.Stage` knows it.
    """

    def reincarnate(self, process: BaseProcess) -> None:
        """Called for each process that is dead, and for a worker whose task takes too long."""
        if process not in (*self.pool, self.monitor, self.pusher):
            return  # replaced already, with all others
        if process.exitcode in (None, 0):  # it takes too long, or ended by itself, and holds no lock
            super().reincarnate(process)
            return
        logger.error("A process of the worker died (%s): all of them are replaced", process.exitcode)
        for each in (*self.pool, self.monitor, self.pusher):
            each.kill()
            each.join()
        self.task_queue, self.result_queue = Queue(maxsize=Conf.QUEUE_LIMIT), Queue()
        self.event_out = Event()
        self.spawn_cluster()
        self.reincarnations += 1
