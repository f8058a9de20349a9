"""What django-q2 runs. The tasks carry no data: the truth is in `gallery.Stage`."""

from mmsite import pipeline, worker


def work() -> None:
    """Work on whatever is due. Queued by `pipeline.wake`."""
    worker.work_until_idle()


def sweep() -> None:
    """Scheduled each minute by `manage.py setup`."""
    pipeline.sweep()
