"""Having pictures described again, by the site's captioner or by another, whose words then stand beside the others."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from captioning import engine
from captioning.describers import Describer, describer_of, describers, key_of, known_keys
from captioning.models import Caption, CaptionerVersion
from gallery import stages
from gallery.models import Image, Stage
from gallery.selectors import ImageWork
from ml.interfaces import ModelInfo

STEP = "caption"
RECENTLY = timedelta(minutes=10)  #: for so long the page of a picture shows what came to be compared


@dataclass(frozen=True)
class Asked:
    """A captioner that was asked to describe a picture and hasn't yet; `problem` is what it waits for or failed by."""

    label: str
    begin: str
    is_failed: bool
    problem: str


@dataclass(frozen=True)
class Asking:
    """Whom one can ask to describe a picture again, whom to begin with words of one's own, who was asked, and whether
    there is something new to compare."""

    labels: list[str]
    labels_to_begin: list[str]
    asked: list[Asked]
    is_compared: bool


def asking(*, said: Sequence[Caption], work: ImageWork) -> Asking:
    """Given what was `said` of a picture (see selectors.captions_of) and the work on it. No statement.

    Who has described the picture already isn't asked again: it would say the same. Nor is anybody while the site's own
    is about to.
    """
    own = next((step for step in work.steps if step.name == STEP), None)
    passed = {caption.captioner for caption in said}
    passed |= {stage.model for stage in work.asked if stage.state in Stage.OPEN}
    if own is not None and own.state != Stage.State.DONE:
        passed.add(settings.CAPTIONER)  # to try again has a button of its own
    is_about_to = own is not None and own.state in Stage.OPEN and not own.error
    free = [] if is_about_to else describers()
    asked = [
        Asked(describer.label, describer.begin, stage.state == Stage.State.FAILED, stage.error)
        for stage in work.asked
        if (describer := describer_of(stage.model))
    ]
    return Asking(
        labels=[each.label for each in free if each.name not in passed],
        labels_to_begin=[each.label for each in free],
        asked=asked,
        is_compared=bool(asked) or any(_is_news(each, said[0]) for each in said[1:]),
    )


def _is_news(caption: Caption, first: Caption) -> bool:
    """Whether a model said it lately, and nobody has judged it or said anything since."""
    since = max(timezone.now() - RECENTLY, first.created_at)
    return (
        caption.source == Caption.Source.MODEL and caption.review == Caption.Review.OPEN and caption.created_at > since
    )


def captions_ask(*, image_ids: Collection[int], describer: Describer, priority: Stage.Priority) -> int:
    """Have pictures described again in the background; the number of pictures.

    Those are left out that this very model has described already, or is about to.
    """
    key = key_of(known_keys().get(describer.name, ""), describer.begin)
    done = Caption.objects.filter(image_id__in=image_ids, source=Caption.Source.MODEL, model=key)
    open_now = Stage.objects.filter(
        image_id__in=image_ids, step=STEP, model=describer.model, state__in=Stage.OPEN
    ).values_list("image_id", flat=True)
    wanted = Image.objects.filter(pk__in=image_ids).exclude(pk__in=done.values("image_id")).exclude(pk__in=open_now)
    return stages.requeue(
        image_ids=list(wanted.values_list("pk", flat=True)), step=STEP, priority=priority, model=describer.model
    )


def captions_ask_outdated() -> int:
    """Have the site's captioner describe anew whatever is described by another model, or by another version of it, and
    was judged by nobody; the number of pictures. 0, too, while no worker has used it, so that nobody knows."""
    key = known_keys().get(settings.CAPTIONER)
    if key is None:
        return 0
    outdated = Caption.objects.to_review().filter(image__trashed_at=None).exclude(model=key)
    return stages.requeue_all(images=Image.objects.filter(pk__in=outdated.values("image_id")), step=STEP)


def captioner_seen(*, name: str, info: ModelInfo) -> None:
    """Remember which model stands behind a captioner's name now."""
    if not CaptionerVersion.objects.filter(name=name, key=info.key).exists():
        CaptionerVersion.objects.update_or_create(name=name, defaults={"key": info.key, "seen_at": timezone.now()})


def captioner_warm() -> None:
    """Load the site's captioner and run it once, so that the first picture doesn't wait; see `engine.warm`."""
    engine.warm()
    captioner_seen(name=settings.CAPTIONER, info=engine.get_captioner().info)
