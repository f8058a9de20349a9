"""Whether pictures have the captions that they should have, and say them."""

from collections.abc import Iterator
from contextlib import suppress

from django.conf import settings
from django.db.models import Exists, OuterRef, Q, QuerySet

from captioning.again import STEP
from captioning.models import Caption
from captioning.services import caption_restore
from gallery import stages
from gallery.chunks import in_pieces
from gallery.findings import Check, Finding, Scope
from gallery.models import Image, Stage


def check(scope: Scope) -> Iterator[Finding]:
    """A picture that was captioned has one current caption, unless somebody rejected what there was; and its
    description is that caption."""
    for piece in in_pieces(_uncaptioned().select_related("image")):
        images = [stage.image for stage in piece]
        if scope.repair:
            without = [image.pk for image in images if not _restored(image)]
            stages.requeue(image_ids=without, step=STEP, priority=Stage.Priority.BACKFILL)
        for image in images:
            yield Finding("caption-missing", f"picture {image.uuid}", "no caption is current", scope.repair)
    for some in in_pieces(_differing().only("uuid")):
        for image in some:
            if scope.repair:
                _restored(image)
            detail = "its description is not its current caption"
            yield Finding("caption-differs", f"picture {image.uuid}", detail, scope.repair)


CHECK = Check("captions", check)


def _uncaptioned() -> QuerySet[Stage]:
    """The stages by which pictures were captioned that have no caption now."""
    captions = Caption.objects.filter(image=OuterRef("image"))
    decided = captions.filter(Q(is_current=True) | Q(review=Caption.Review.REJECTED))
    return Stage.objects.filter(~Exists(decided), step=STEP, model=settings.CAPTIONER, state=Stage.State.DONE)


def _differing() -> QuerySet[Image]:
    current = Caption.objects.filter(image=OuterRef("pk"), is_current=True)
    said = current.filter(text=OuterRef("description"))
    by_person = said.by_person()
    by_model = said.filter(source=Caption.Source.MODEL).exclude(review=Caption.Review.APPROVED)
    is_level = (
        Q(Exists(by_person), description_by_person=True)
        | Q(Exists(by_model), description_by_person=False)
        | Q(~Exists(current), description="")
    )
    return Image.with_trash.filter(~is_level)


def _restored(image: Image) -> bool:
    with suppress(Image.DoesNotExist):  # purged meanwhile: nobody misses its caption
        return caption_restore(image_id=image.pk)
    return True
