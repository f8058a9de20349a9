"""Does the stages of one claim: each picture is decoded once, and every step works on the same pixels. While a few of
them go through the models, threads prepare the next.

Whatever goes wrong is pinned on as few stages as possible: a step that fails for many pictures is tried again with
each of them alone, and a failed step stops neither the other steps of the picture nor the other pictures.
"""

import logging
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from time import monotonic

from django.conf import settings
from PIL.Image import Image as Picture

from captioning import engine as captioning_engine
from captioning import services as captioning_services
from captioning.exceptions import CaptioningError
from gallery import services as gallery_services
from gallery import stages
from gallery.decoding import open_picture
from gallery.exceptions import GalleryError, NotNow, UploadRefused
from gallery.models import Stage
from gallery.outages import is_database_away, is_full
from gallery.pictures import READING_SIDE, WORKING_SIDE, flatten
from gallery.pipeline import Step, parts_of
from gallery.places import image_find_place
from gallery.renditions import Made, render_all
from gallery.storage import StoreUnavailable
from ml.errors import BadBeginning, ModelError
from mmsite import instruments, pipeline, tracing
from reading import engine as reading_engine
from reading import services as reading_services
from reading.exceptions import ReadingError
from search import duplicates
from search import engine as search_engine
from search import services as search_services
from search.exceptions import SearchError
from search.models import ModelVersion

logger = logging.getLogger(__name__)

Work = Callable[[Sequence[Stage]], object]
"""Does one step for all of these stages, or raises and has done it for none."""

# Pictures that models get together, and of these how many more are held: each takes 5 MB.
TOGETHER, AHEAD = 8, 4
STORE_AWAY = "The place where the pictures lie doesn't answer."
NO_ROOM = "There is no room left on the disk."
DATABASE_AWAY = "The database was busy, or didn't answer."


@dataclass(frozen=True)
class _Prepared:
    """The stages of a picture, and what a thread made of it without the database: its pixels (RGB or RGBA, no side
    above WORKING_SIDE, or READING_SIDE) and, where they are due, its renditions; or what prevented it."""

    stages: Sequence[Stage]
    picture: Picture | Exception
    renditions: list[Made] | Exception


def run(claimed: Sequence[Stage], *, should_stop: Callable[[], bool]) -> None:
    """Do these stages and report on each to `gallery.stages`. Asked to stop, it gives back what it has not begun."""
    wanted = {*pipeline.steps(), *pipeline.steps_on_request()}
    replaced = [stage for stage in claimed if Step(stage.step, parts_of(stage.model)[0]) not in wanted]
    stages.skip(replaced, stages.REPLACED)
    todo = _with_their_model([stage for stage in claimed if stage not in replaced])

    with ThreadPoolExecutor(max_workers=min(4, os.cpu_count() or 1)) as pool:
        ahead = _prepare_ahead(pool, _by_picture(todo))
        while some := list(islice(ahead, TOGETHER)):
            _finish(some, should_stop)
            del some  # or these are held until the next are gathered


def _finish(some: Sequence[_Prepared], should_stop: Callable[[], bool]) -> None:
    """Do all that is left of the work on these pictures."""
    pictures = _store_renditions(some, should_stop)
    todo = [stage for prepared in some for stage in prepared.stages]
    for step, write in WRITERS.items():
        for model in sorted({stage.model for stage in todo if stage.step == step}):
            group = [stage for stage in todo if (stage.step, stage.model) == (step, model)]
            if should_stop():
                stages.release(group)
            else:
                _do(partial(write, pictures), [stage for stage in group if stage.image_id in pictures])


def _with_their_model(todo: Sequence[Stage]) -> list[Stage]:
    """Those whose model is here, or that need none; the others wait or fail before their pictures are decoded."""
    ready: list[Stage] = []
    for step, model in dict.fromkeys((stage.step, stage.model) for stage in todo):
        group = [stage for stage in todo if (stage.step, stage.model) == (step, model)]
        try:
            if step in LOADERS:
                LOADERS[step](model)
        except ModelError as error:
            _await_model(group, error)
        except Exception as error:  # noqa: BLE001 -- as in _do
            for stage in group:
                _report(stage, error)
        else:
            ready += group
    return ready


def _by_picture(todo: Sequence[Stage]) -> list[list[Stage]]:
    groups: dict[int, list[Stage]] = {}
    for stage in todo:
        groups.setdefault(stage.image_id, []).append(stage)
    return list(groups.values())


def _prepare_ahead(pool: Executor, groups: Iterable[Sequence[Stage]]) -> Iterator[_Prepared]:
    """What threads make of each picture, in this order, never more than TOGETHER and AHEAD of them at once."""
    under_way: deque[Future[_Prepared]] = deque()
    for group in groups:
        under_way.append(pool.submit(_prepare, group))
        if len(under_way) > AHEAD:
            yield under_way.popleft().result()
    while under_way:
        yield under_way.popleft().result()


def _store_renditions(some: Iterable[_Prepared], should_stop: Callable[[], bool]) -> dict[int, Picture]:
    """Image id -> pixels, of those that could be decoded; all stages of the others fail."""
    pictures: dict[int, Picture] = {}
    for prepared in some:
        image = prepared.stages[0].image
        rendering = [stage for stage in prepared.stages if stage.step == pipeline.RENDITIONS]
        if isinstance(prepared.picture, Exception):
            with tracing.working_on("decoding", [image.uuid]):
                for stage in prepared.stages:
                    _report(stage, prepared.picture)
            continue
        pictures[image.pk] = prepared.picture
        if should_stop():
            stages.release(rendering)
        else:
            _do(partial(_write_renditions, prepared.renditions), rendering)
    return pictures


def _prepare(group: Sequence[Stage]) -> _Prepared:
    """Decode a picture and, where they are due, render it smaller: all that takes time but not the database."""
    image = group[0].image
    is_read = any(stage.step == pipeline.TEXT for stage in group)
    try:
        with image.original.open("rb") as file:
            picture = open_picture(file, max_side=READING_SIDE if is_read else WORKING_SIDE)
    except Exception as error:  # noqa: BLE001 -- decoders raise anything; the caller records it on the picture's stages
        return _Prepared(group, error, [])
    if all(stage.step != pipeline.RENDITIONS for stage in group):
        return _Prepared(group, picture, [])
    try:
        return _Prepared(group, picture, render_all(image=image, picture=picture))
    except Exception as error:  # noqa: BLE001 -- as above, of that step alone
        return _Prepared(group, picture, error)


def _do(work: Work, group: Sequence[Stage]) -> None:
    if not group:
        return
    with tracing.working_on(group[0].step, [stage.image.uuid for stage in group]):
        started = monotonic()
        try:
            work(group)
        except ModelError as error:
            _await_model(group, error)
        except Exception as error:  # noqa: BLE001 -- a boundary: one picture must not stop the others; logged and recorded
            if _outage(error):
                _await_end(group, error)
            elif len(group) == 1:
                _report(group[0], error)
            else:
                for stage in group:
                    _do(work, [stage])
        else:
            seconds = (monotonic() - started) / len(group)
            for stage in group:
                instruments.STEPS.labels(step=stage.step).observe(seconds)
            stages.finish(group)


def _await_model(group: Sequence[Stage], error: ModelError) -> None:
    """These stages, all of one step and model, wait for it, and so do others."""
    delay = settings.STAGE_POSTPONE_SECONDS
    stages.postpone(group, str(error), delay=delay)
    stages.postpone_due(step=group[0].step, model=group[0].model, error=str(error), delay=delay)


def _outage(error: Exception) -> str:
    """What these steps wait for, in words for people; "" where it may be the picture's fault."""
    if isinstance(error, StoreUnavailable):
        return STORE_AWAY
    if is_full(error):
        return NO_ROOM
    return DATABASE_AWAY if is_database_away(error) else ""


def _await_end(group: Sequence[Stage], error: Exception) -> None:
    """These stages wait for the end of an outage, however long it lasts. The error itself may name addresses."""
    logger.warning("%d pictures, %s, wait: %s", len(group), group[0].step, error)
    stages.postpone(group, _outage(error), delay=settings.STAGE_POSTPONE_SECONDS)


def _write_renditions(made: list[Made] | Exception, group: Sequence[Stage]) -> None:
    if isinstance(made, Exception):
        raise made
    for stage in group:
        gallery_services.renditions_store(image=stage.image, made=made)
        image_find_place(image=stage.image)
    duplicates.look_again(image_ids=[stage.image_id for stage in group])


def _write_captions(pictures: Mapping[int, Picture], group: Sequence[Stage]) -> None:
    captioning_services.captions_write(
        image_ids=[stage.image_id for stage in group],
        pictures=[flatten(pictures[stage.image_id]) for stage in group],
        by=group[0].model,
    )


def _write_embeddings(pictures: Mapping[int, Picture], group: Sequence[Stage]) -> None:
    search_services.embeddings_write(
        version=ModelVersion.objects.get(key=group[0].model),
        image_ids=[stage.image_id for stage in group],
        pictures=[flatten(pictures[stage.image_id]) for stage in group],
    )


def _write_texts(pictures: Mapping[int, Picture], group: Sequence[Stage]) -> None:
    reading_services.texts_write(
        image_ids=[stage.image_id for stage in group], pictures=[flatten(pictures[stage.image_id]) for stage in group]
    )


def _load_encoder(model: str) -> None:
    search_engine.encoder_of(ModelVersion.objects.get(key=model))


LOADERS: dict[str, Callable[[str], object]] = {
    pipeline.CAPTION: lambda model: captioning_engine.get_captioner(parts_of(model)[0]),
    pipeline.EMBEDDING: _load_encoder,
    pipeline.TEXT: lambda _: reading_engine.get_reader(),
}
WRITERS = {pipeline.CAPTION: _write_captions, pipeline.EMBEDDING: _write_embeddings, pipeline.TEXT: _write_texts}


def _report(stage: Stage, error: Exception) -> None:
    """Record a failed attempt, or what the step waits for, in words for people."""
    if isinstance(error, UploadRefused | BadBeginning):
        stages.fail(stage, str(error), retryable=isinstance(error, NotNow))
        return
    if _outage(error):
        _await_end([stage], error)
        return
    if isinstance(error, FileNotFoundError):
        reason = "The file of the original picture is missing."
    elif isinstance(error, GalleryError | CaptioningError | ReadingError | SearchError):
        reason = str(error)
    else:
        reason = f"An unexpected problem, {type(error).__name__}: {error}"[:500]
    logger.warning("Image %d, %s, attempt %d: %s", stage.image_id, stage.step, stage.attempts, reason, exc_info=error)
    stages.fail(stage, reason)
