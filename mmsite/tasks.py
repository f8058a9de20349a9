"""What django-q2 runs. The tasks carry no data: the truth is in `gallery.Stage`."""

from mmsite import held, pipeline, worker


def work() -> None:
    """Work on whatever is due. Queued by `pipeline.wake`."""
    worker.work_until_idle()


def sweep() -> None:
    """Put right what was left undone. Queued when the supervisor starts, and each minute (`manage.py setup`)."""
    worker.warm_models()
    pipeline.sweep()
    held.discard_expired()
