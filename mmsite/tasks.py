"""What django-q2 runs. The tasks carry no data: the truth is in `gallery.Stage`."""

import logging

from django.conf import settings

from mmsite import held, pipeline, queues, worker

logger = logging.getLogger(__name__)


def work(queue: str = queues.DEFAULT) -> None:
    """Work on whatever is due of a queue's steps. Queued by `pipeline.wake`."""
    worker.work_until_idle(steps=pipeline.steps_of(queue))


def sweep() -> None:
    """Put right what was left undone. Queued when the supervisor starts, and each minute (`manage.py setup`)."""
    if not settings.GPU_QUEUE:  # else the workers of the other queue caption and embed
        worker.warm_models()
    pipeline.sweep()
    try:
        held.discard_expired()
    except OSError:  # the pictures' storage is away; whoever watches over the sweep must not take it for the worker
        logger.warning("What was held too long could not be forgotten", exc_info=True)
