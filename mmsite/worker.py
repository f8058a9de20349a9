"""The worker's process: claims batches of due stages, holds on to them while it works, and stops when asked."""

import functools
import logging
import mmap
import os
import socket
import threading
from collections.abc import Collection
from time import monotonic

from django.conf import settings
from django.db import DatabaseError, connection

from api import deliveries
from captioning.again import captioner_warm
from gallery import stages
from gallery.models import Stage
from ml.errors import ModelError
from mmsite import allocator, batch, incoming, pipeline, pulse
from mmsite.meanwhile import meanwhile
from search import captions, duplicates, pushing
from search import engine as search_engine

logger = logging.getLogger(__name__)

# One byte that this process shares with those it forks, as django-q2 forks its workers. No lock: a process killed with
# -9 could leave it locked.
_stop_flag = mmap.mmap(-1, 1)


def ask_to_stop() -> None:
    """Make workers forked from this process finish the step at hand and give the rest of their claim back."""
    _stop_flag[0] = 1


def should_stop() -> bool:
    """Has this worker been asked to stop?"""
    return _stop_flag[0] == 1


def work_until_idle(steps: Collection[str] | None = None) -> None:
    """Do what is due (of these steps), batch by batch, and send vectors to their server, for at most
    `WORK_SLICE_SECONDS`; what is left then gets another wake-up. Of the captions that people wrote, a batch is embedded
    first, since somebody may wait for it. Archives and watched folders are taken in a few pictures at a time. Once
    pictures are ready, the other captions, and near-duplicates, take turns with the steps that come later, which may
    take hours."""
    if steps is None or pipeline.CAPTION in steps:
        warm_models()

    def embed_captions() -> int:
        return captions.embed_due() if pipeline.embeds(steps) else 0

    def compare_pictures() -> int:
        return duplicates.compare_some() if pipeline.compares(steps) else 0

    def take_in() -> int:
        return incoming.take_some() if pipeline.takes_in(steps) else 0

    embed_captions()
    end, is_idle = monotonic() + settings.WORK_SLICE_SECONDS, False
    while not (is_idle or should_stop() or monotonic() > end):
        claimed = work_batch(steps)
        sent = pushing.push()
        taken = take_in()
        is_waited_for = any(stage.priority != Stage.Priority.LATER for stage in claimed)
        is_idle = not (is_waited_for or taken or embed_captions() or compare_pictures() or claimed or sent)
    deliver(steps)
    allocator.trim()
    if not is_idle and pipeline.is_work_due(steps):
        pipeline.wake()


def deliver(steps: Collection[str] | None = None) -> None:
    """Send what webhooks are told, for a few seconds: it waits for others' servers, and so comes after other work."""
    if pipeline.sends(steps) and not should_stop() and deliveries.deliver_some() and deliveries.any_due():
        pipeline.wake()


def work_batch(steps: Collection[str] | None = None) -> list[Stage]:
    """Claim the next batch (of these steps) and do it; [] when nothing is due."""
    name = f"{socket.gethostname()}:{os.getpid()}"[-80:]
    claimed = stages.claim(worker=name, limit=settings.STAGE_BATCH, steps=steps)
    if claimed:
        try:
            with meanwhile(_renew_until, claimed, name="heartbeat"):
                batch.run(claimed, should_stop=should_stop)
        except KeyboardInterrupt:
            stages.release(claimed)  # somebody at a terminal had enough; the pictures are not to blame
            raise
        allocator.trim()  # or the holes of one batch add to those of the others
    return claimed


@functools.cache
def warm_models() -> None:
    """Load the models, once a process, so that the first picture does not wait for them longer than need be."""
    with pulse.beating():
        for name, warm in (("captioner", captioner_warm), ("encoder", search_engine.warm)):
            try:
                warm()
            except ModelError as error:
                logger.warning("The %s is not usable now: %s", name, error)
    allocator.trim()


def _renew_until(done: threading.Event, claimed: Collection[Stage]) -> None:
    """Renew the claim, though no longer than django-q2 lets a task run."""
    end = monotonic() + settings.Q_CLUSTER["timeout"]
    try:
        while not done.wait(settings.STAGE_LEASE_SECONDS / 3) and monotonic() < end:
            try:
                stages.renew(claimed)
            except DatabaseError:
                logger.warning("The claim could not be renewed", exc_info=True)
    finally:
        connection.close()  # this thread's own
