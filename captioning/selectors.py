"""What pages ask of the captioner."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict, cast

from django.conf import settings
from django.db.models import Count, OuterRef, Q, QuerySet, Subquery
from django.utils.translation import gettext as _
from PIL.Image import Image as Picture

from captioning import engine
from captioning.exceptions import NoLooks
from captioning.models import Caption, CaptionerVersion
from gallery.counted import up_to
from gallery.models import Image, User
from gallery.renditions import rendition_pixels
from ml.interfaces import Look, LookingCaptioner


@dataclass(frozen=True)
class Description:
    """What the captioner says of a picture that nobody keeps. `unsure`: not to be stated as fact."""

    text: str
    confidence: float
    unsure: bool


def picture_describe(*, picture: Picture) -> Description:
    """Describe an RGB picture without keeping anything. Raises an error of ml.errors where there is no model."""
    captioner = engine.get_captioner()
    (result,) = captioner.caption([picture])
    return Description(result.text, result.confidence, unsure=result.confidence < captioner.unsure_below)


def captions_of(image: Image) -> QuerySet[Caption]:
    """Everything that was said of the picture, the current caption first, then the newest; one statement. Each with the
    name of the `captioner` whose model of today wrote it, None for people's and for models of the past."""
    todays = CaptionerVersion.objects.filter(key=OuterRef("model")).order_by("pk").values("name")[:1]
    captions = image.captions.select_related("author", "reviewed_by").annotate(
        captioner=Subquery(todays)  # type: ignore[no-redef]  # the model says so for the type checker
    )
    return captions.order_by("-is_current", "-created_at", "-pk")


class CaptionState(TypedDict):
    """What people do to a caption, in values that a session can keep; `reviewed_at` by ISO 8601."""

    pk: int
    text: str
    is_current: bool
    review: str
    reviewed_by: int | None
    reviewed_at: str | None


def caption_states(image_id: int) -> list[CaptionState]:
    """Of all captions of a picture. One statement."""
    rows = Caption.objects.filter(image_id=image_id).order_by("pk").values(*CaptionState.__annotations__)
    return [
        cast(CaptionState, {**row, "reviewed_at": row["reviewed_at"] and row["reviewed_at"].isoformat()})
        for row in rows
    ]


def current_state(states: Sequence[CaptionState]) -> CaptionState | None:
    return next((state for state in states if state["is_current"]), None)


def caption_by_describer(image: Image) -> Caption | None:
    """What the site's captioner said of the picture, else what a model said last, of what nobody rejected."""
    found = [each for each in captions_of(image).order_by("-created_at", "-pk") if is_of_describer(each)]
    return next((each for each in found if each.captioner == settings.CAPTIONER), found[0] if found else None)


def is_of_describer(caption: Caption) -> bool:
    """Whether a picture can be given back this caption of a model."""
    return caption.source == Caption.Source.MODEL and caption.review != Caption.Review.REJECTED


@dataclass(frozen=True)
class CaptionCoverage:
    """How many pictures a model has captioned, of how many there are, and how many show its words."""

    model: str
    captioned: int
    shown: int
    pictures: int

    @property
    def percent(self) -> int:
        """Rounded down, so that 100 means all of them."""
        return 100 * self.captioned // max(1, self.pictures)


def caption_coverages() -> list[CaptionCoverage]:
    """Of each model that has captioned pictures, trash left out; the busiest first. Two statements."""
    captioned = Caption.objects.filter(source=Caption.Source.MODEL, image__trashed_at=None).order_by()
    counted = captioned.values("model").annotate(number=Count("pk"), shown=Count("pk", filter=Q(is_current=True)))
    pictures = Image.objects.count()
    return [
        CaptionCoverage(row["model"], row["number"], row["shown"], pictures)
        for row in counted.order_by("-number", "model")
    ]


MOST_LEFT = 1_000
"""Of more captions that are left to check, nobody counts them all."""


@dataclass(frozen=True)
class ReviewStep:
    """The caption that somebody checks next, the one after it, and how many are left with it. `is_left_exact`: False
    where there are more."""

    caption: Caption | None
    following: Caption | None
    left: int
    is_left_exact: bool


def review_step(*, owner: User, at: Caption | None = None, after: Caption | None = None) -> ReviewStep:
    """Where to go on in the owner's captions that nobody judged: unsure ones first, then the newest pictures.

    `at` begins with that caption or what comes in its place, `after` behind it. Three statements.
    """
    captions = Caption.objects.to_review().filter(image__owner=owner, image__trashed_at=None)
    if at is not None:
        captions = captions.filter(_behind(at) | Q(image_id=at.image_id))
    elif after is not None:
        captions = captions.filter(_behind(after))
    ordered = captions.order_by("-unsure", "-image_id").select_related("image").prefetch_related("image__renditions")
    caption, following = [*ordered[:2], None, None][:2]
    return ReviewStep(caption, following, *up_to(captions, MOST_LEFT))


def _behind(caption: Caption) -> Q:
    return Q(unsure=caption.unsure, image_id__lt=caption.image_id) | Q(unsure__lt=caption.unsure)


def caption_looks(*, image: Image) -> tuple[Look, ...]:
    """Where in the picture the captioner looked for each word of its caption.

    Raises NoLooks where the captioner of this process didn't write the caption or can't tell, or an error of ml.errors.
    """
    caption = Caption.objects.filter(image=image, is_current=True, source=Caption.Source.MODEL).first()
    if caption is None or image.thumbnail is None:
        raise NoLooks(_("No model wrote this caption."))
    captioner = engine.get_captioner()
    if caption.model != captioner.info.key:
        raise NoLooks(_("Another model wrote this caption."))
    if not isinstance(captioner, LookingCaptioner):
        raise NoLooks(_("The model that wrote this caption can't tell where it looked."))
    return captioner.looks(rendition_pixels(image.thumbnail), caption.text)
