"""The one place that knows the order of the work on a picture: renditions -> caption -> embedding, and later its text.

`gallery` calls it through `gallery.pipeline.Pipeline`. The work itself is in `mmsite.batch`, who does it in
`mmsite.worker`.
"""

import logging
from collections.abc import Collection
from datetime import datetime

from django.conf import settings
from django.db import DatabaseError, transaction

from api import deliveries, webhooks
from captioning.again import captions_ask
from captioning.describers import describer_called, labels, others
from captioning.models import Caption
from captioning.services import caption_write_by_person
from gallery import pauses, purge, sessions, stages, tries
from gallery.models import Image, Stage
from gallery.pipeline import RENDITIONS_STEP, Step
from ml.errors import ModelError
from mmsite import clocks, incoming, queues
from reading import engine as reading_engine
from search import captions, duplicates, factory, pushing, saved, versions
from search import index as search_index
from search import selectors as search_selectors
from search import services as search_services

logger = logging.getLogger(__name__)

RENDITIONS = RENDITIONS_STEP
CAPTION = "caption"
EMBEDDING = search_selectors.EMBEDDING_STEP
TEXT = "text"


def steps() -> list[Step]:
    """The steps that each picture needs today: one embedding for each encoder that is searched or being built.

    Text can take as long as all the rest, and most pictures have none: they are found without it.
    """
    embeddings = [Step(EMBEDDING, version.key) for version in search_selectors.versions_to_embed()]
    texts = [Step(TEXT, settings.TEXT_READER, later=True)] if reading_engine.is_on() else []
    return [Step(RENDITIONS), Step(CAPTION, settings.CAPTIONER), *embeddings, *texts]


def steps_on_request() -> list[Step]:
    """Captions by others than the site's own captioner."""
    return [Step(CAPTION, name) for name in others()]


def describers() -> list[str]:
    """The captioners, by the names that people see, the site's own first."""
    return labels()


def describe_again(*, image_ids: Collection[int], by: str) -> int:
    """Have a captioner describe pictures again, where it hasn't; the number of pictures."""
    describer = describer_called(by)
    if describer is None:
        return 0
    return captions_ask(image_ids=image_ids, describer=describer, priority=Stage.Priority.BACKFILL)


def steps_of(queue: str) -> tuple[str, ...] | None:
    """The names of the steps that the workers of a queue do; None for all of them. Text is read on a CPU."""
    if not settings.GPU_QUEUE:
        return None
    return (CAPTION, EMBEDDING) if queue == queues.MODELS else (RENDITIONS, TEXT)


def wake() -> None:
    """Tell the workers of each queue that work is due, unless that has been said and not been heard yet.

    A wake-up that fails is not worth an error on the page of somebody whose upload is safe: the sweep makes up for it.
    """
    for queue in queues.names():
        try:
            steps = steps_of(queue)
            if steps is None or is_work_due(steps):
                queues.wake(queue)
        except DatabaseError:
            logger.warning("Nobody could look whether work is due; the next sweep will.", exc_info=True)


def last_seen() -> datetime | None:
    """When a worker last finished a sweep: the proof of its life, which django-q2's heartbeat is not."""
    return queues.last_sweep()


def embeds(steps: Collection[str] | None) -> bool:
    """Whether those who do these steps, None for all, embed what people say of pictures too, if they may work now."""
    return (steps is None or EMBEDDING in steps) and not pauses.is_paused(EMBEDDING)


def compares(steps: Collection[str] | None) -> bool:
    """Whether those who do these steps, None for all, look for near-duplicates too, if they may work now."""
    return sends(steps) and not pauses.is_paused(pauses.EVERYTHING)


def sends(steps: Collection[str] | None) -> bool:
    """Whether those who do these steps, None for all, are woken for a server's index that is behind; whatever is
    paused, since it may be about pictures that are gone or have become private."""
    return steps is None or RENDITIONS in steps


def takes_in(steps: Collection[str] | None) -> bool:
    """Whether those who do these steps, None for all, take in what comes in by itself: those without a model to run."""
    return sends(steps)


def is_work_due(steps: Collection[str] | None = None) -> bool:
    """Whether those who do these steps, None for all, have anything to do now. What is slowest to tell is last."""
    return (
        stages.any_due(steps=steps)
        or (embeds(steps) and captions.any_due())
        or (takes_in(steps) and incoming.any_due())
        or (sends(steps) and (pushing.is_behind() or deliveries.any_due()))
        or (compares(steps) and duplicates.is_behind())
    )


def captioned(*, image: Image, text: str) -> None:
    """What somebody wrote into a picture's file is its caption."""
    caption_write_by_person(image_id=image.pk, author=image.owner, text=text, source=Caption.Source.FILE)


def described() -> None:
    """A person said what a picture shows, or takes it back: search knows what that means."""
    search_services.captions_said()
    transaction.on_commit(wake, robust=True)


def changed(*, image_ids: Collection[int]) -> None:
    """Owner or visibility of these pictures changed, or they went to the trash: search filters by all of these."""
    search_services.embeddings_touch(image_ids=image_ids)
    webhooks.images_trashed(image_ids=image_ids)
    _push_soon()


def restored(*, image_ids: Collection[int]) -> None:
    """These pictures are back from the trash: search finds them again, and compares them with what came meanwhile."""
    changed(image_ids=image_ids)
    duplicates.compare_again(image_ids=image_ids)
    transaction.on_commit(wake, robust=True)


def settled(*, image_ids: Collection[int]) -> None:
    """These pictures are ready, or have failed: webhooks are told."""
    webhooks.images_settled(image_ids=image_ids)


def recaptioned(*, image_id: int) -> None:
    """A picture has another caption: webhooks are told."""
    webhooks.caption_changed(image_id=image_id)


def forget(*, image_ids: Collection[int]) -> None:
    """These pictures are about to be deleted."""
    search_services.embeddings_forget(image_ids=image_ids)
    _push_soon()


def sweep() -> stages.SweepReport:
    """Repair whatever the usual course of the work can leave undone. Runs in the worker, each minute."""
    try:
        versions.model_version_ensure()
    except ModelError as error:
        logger.warning("The encoder %r is not usable: %s", settings.ENCODER, error)
    clocks.mend()
    may_forget = clocks.holds()
    report = stages.sweep()
    incoming.sweep(forgets=may_forget)
    captions.look_again()
    versions.model_version_activate_when_covered()
    if is_work_due():
        wake()
    pushing.sweep()
    deliveries.prune()
    if may_forget:
        purge.trash_purge_due()
    sessions.sessions_clear()
    saved.searches_prune()
    tries.tries_forget()
    try:
        search_index.save_snapshots_if_due()
    except OSError:  # a full disk; snapshots spare time, and nothing is lost without them
        logger.warning("The snapshot of the index could not be written", exc_info=True)
    return report


def _push_soon() -> None:
    """A server's index hears of it from the worker; indexes in memory look by themselves."""
    if factory.is_shared():
        transaction.on_commit(wake)
