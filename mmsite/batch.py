"""Does the stages of one claim: each picture is decoded once, and every step works on the same pixels.

Whatever goes wrong is pinned on as few stages as possible: a step that fails for many pictures is tried again with
each of them alone, and a failed step stops neither the other steps of the picture nor the other pictures.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import nullcontext

from django.conf import settings
from PIL.Image import Image as Picture

from captioning import services as captioning_services
from captioning.exceptions import CaptioningError
from gallery import services as gallery_services
from gallery import stages
from gallery.exceptions import GalleryError, UploadRefused
from gallery.models import Image, Stage
from gallery.pictures import flatten, open_picture
from gallery.pipeline import Step
from ml.errors import ModelError
from mmsite import pipeline
from search import services as search_services
from search.exceptions import SearchError
from search.models import ModelVersion

logger = logging.getLogger(__name__)

Pictures = dict[int, Picture]
"""Image id -> its pixels, RGB or RGBA, no side above WORKING_SIDE."""

Work = Callable[[str, Sequence[Image], Sequence[Picture]], object]
"""Does a step: (model, images, their pictures in that order)."""

# Pixels on the longer side that the steps work from. The largest rendition needs them, no model needs more; it keeps a
# batch of 16 below 130 MB.
WORKING_SIDE = 1_600
# A picture above this many pixels is decoded while no other one is: 50 million are 200 MB in RGBA.
LARGE_PIXELS = 50_000_000

_large = threading.Lock()


def run(claimed: Sequence[Stage], *, should_stop: Callable[[], bool]) -> None:
    """Do these stages and report on each to `gallery.stages`. Asked to stop, it gives back what it has not begun."""
    wanted = set(pipeline.steps())
    replaced = [stage for stage in claimed if Step(stage.step, stage.model) not in wanted]
    stages.skip(replaced, stages.REPLACED)
    todo = [stage for stage in claimed if stage not in replaced]

    pictures = _decode(todo)
    todo = [stage for stage in todo if stage.image_id in pictures]
    for group, work in _in_order(todo):
        if should_stop():
            stages.release(group)
        else:
            _do(work, group, pictures)


def _in_order(todo: Sequence[Stage]) -> Iterable[tuple[list[Stage], Work]]:
    """The stages in groups that one call can do, in the order of the pipeline."""
    # One by one, so that each thumbnail is on the page as soon as it exists.
    for stage in todo:
        if stage.step == pipeline.RENDITIONS:
            yield [stage], _make_renditions
    for step, work in ((pipeline.CAPTION, _write_captions), (pipeline.EMBEDDING, _write_embeddings)):
        for model in sorted({stage.model for stage in todo if stage.step == step}):
            yield [stage for stage in todo if stage.step == step and stage.model == model], work


def _do(work: Work, group: Sequence[Stage], pictures: Pictures) -> None:
    try:
        work(group[0].model, [stage.image for stage in group], [pictures[stage.image_id] for stage in group])
    except ModelError as error:
        stages.postpone(group, str(error), delay=settings.STAGE_POSTPONE_SECONDS)
    except Exception as error:  # noqa: BLE001 -- a boundary: one picture must not stop the others; logged and recorded
        if len(group) == 1:
            _report(group[0], error)
        else:
            for stage in group:
                _do(work, [stage], pictures)
    else:
        stages.finish(group)


def _make_renditions(model: str, images: Sequence[Image], pictures: Sequence[Picture]) -> None:
    for image, picture in zip(images, pictures, strict=True):
        gallery_services.renditions_create(image=image, picture=picture)


def _write_captions(model: str, images: Sequence[Image], pictures: Sequence[Picture]) -> None:
    captioning_services.captions_write(
        image_ids=[image.pk for image in images], pictures=[flatten(picture) for picture in pictures]
    )


def _write_embeddings(model: str, images: Sequence[Image], pictures: Sequence[Picture]) -> None:
    search_services.embeddings_write(
        version=ModelVersion.objects.get(key=model),
        image_ids=[image.pk for image in images],
        pictures=[flatten(picture) for picture in pictures],
    )


def _decode(todo: Sequence[Stage]) -> Pictures:
    """The pixels of each picture; where they can't be had, all of its stages fail."""
    images = list({stage.image_id: stage.image for stage in todo}.values())
    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        outcomes = dict(zip([image.pk for image in images], pool.map(_load, images), strict=True))
    for stage in todo:
        if isinstance(outcome := outcomes[stage.image_id], Exception):
            _report(stage, outcome)
    return {pk: outcome for pk, outcome in outcomes.items() if not isinstance(outcome, Exception)}


def _load(image: Image) -> Picture | Exception:
    try:
        with _large if image.width * image.height > LARGE_PIXELS else nullcontext(), image.original.open("rb") as file:
            return open_picture(file, max_side=WORKING_SIDE)
    except Exception as error:  # noqa: BLE001 -- decoders raise anything; the caller records it on the picture's stages
        return error


def _report(stage: Stage, error: Exception) -> None:
    """Record a failed attempt, in words for people."""
    if isinstance(error, UploadRefused):
        stages.fail(stage, str(error), retryable=False)
        return
    if isinstance(error, FileNotFoundError):
        reason = "The file of the original picture is missing."
    elif isinstance(error, GalleryError | CaptioningError | SearchError):
        reason = str(error)
    else:
        reason = f"An unexpected problem, {type(error).__name__}: {error}"[:500]
    logger.warning("Image %d, %s, attempt %d: %s", stage.image_id, stage.step, stage.attempts, reason, exc_info=error)
    stages.fail(stage, reason)
