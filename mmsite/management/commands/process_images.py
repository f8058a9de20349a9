"""Repairs the queue of work, does steps again, and works in the foreground."""

import time
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from tqdm import tqdm

from gallery import stages
from gallery.models import Image
from gallery.pauses import pauses
from mmsite import pipeline, worker

STEPS = (pipeline.RENDITIONS, pipeline.CAPTION, pipeline.EMBEDDING, pipeline.TEXT)
POLL_SECONDS = 0.5


class Command(BaseCommand):
    """`manage.py process_images`"""

    help = (
        "Finds work that was left undone and wakes the worker. With --step, does that step of every picture again; "
        "with --failed, tries again what has failed."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--step", choices=STEPS)
        parser.add_argument("--failed", action="store_true", help="only what has failed")
        parser.add_argument("--wait", action="store_true", help="work here, with a progress bar, until all is done")

    def handle(self, *args: Any, step: str | None, failed: bool, wait: bool, **options: Any) -> None:
        report = pipeline.sweep()
        if failed:
            self.stdout.write(f"{stages.retry_all(step=step):,} failed steps are tried again")
        elif step is not None:
            self.stdout.write(
                f"{stages.requeue_all(images=Image.objects.all(), step=step):,} pictures: {step} is done again"
            )
        else:
            self.stdout.write(
                f"{report.opened:,} pictures lacked steps, {report.expired:,} steps had lost their worker"
            )
        pipeline.wake()
        if wait:
            _work()
        counts = stages.counts()
        self.stdout.write(f"{counts.open:,} steps to do, {counts.failed:,} failed")
        for pause in pauses():
            self.stdout.write(f"Paused: {pause}. It goes on when somebody resumes it on /jobs/.")
        if wait and counts.failed:
            raise CommandError("Some steps failed; their pictures say why.")


def _work() -> None:
    """Work beside the worker, if there is one, until nothing is left but what waits for a later attempt."""
    counts = stages.counts()
    total = counts.open
    # No bar where nobody watches (disable=None), such as in a log.
    with tqdm(total=total, unit="step", disable=None) as bar:
        while counts.running or stages.any_due():
            if not worker.work_batch():
                time.sleep(POLL_SECONDS)
            counts = stages.counts()
            bar.update(max(0, total - counts.open - bar.n))
