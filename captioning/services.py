"""Every way in which captions are written."""

import math
from collections.abc import Sequence
from contextlib import suppress

from django.db import transaction
from django.utils import timezone
from PIL.Image import Image as Picture

from captioning import engine
from captioning.exceptions import BadCaption
from captioning.models import Caption
from gallery import services as gallery_services
from gallery.models import Image, User
from ml.interfaces import CaptionResult, ModelInfo


def captions_write(*, image_ids: Sequence[int], pictures: Sequence[Picture]) -> None:
    """Caption pictures (RGB, in the order of `image_ids`) and record the captions; those deleted meanwhile pass.

    Where the captioner fails on one of them, nothing is written and its error is raised: give it each picture alone
    then. Raises an error of ml.errors where the captioner itself is missing or damaged.
    """
    captioner = engine.get_captioner()
    # strict: a captioner that lost a picture must not have its captions put on the others
    results = dict(zip(image_ids, captioner.caption(pictures), strict=True))
    for result in results.values():
        _check(result)
    for image_id, result in results.items():
        # deleted meanwhile: nobody will miss the caption
        with suppress(Image.DoesNotExist):
            caption_record(
                image_id=image_id,
                result=result,
                info=captioner.info,
                unsure=result.confidence < captioner.unsure_below,
            )


def caption_record(*, image_id: int, result: CaptionResult, info: ModelInfo, unsure: bool) -> Caption:
    """Keep what a model said, once for each picture and model; said again, it replaces what that model said before.

    It becomes the current caption unless a person's is. Raises Image.DoesNotExist, or BadCaption.
    """
    _check(result)
    with transaction.atomic():
        _lock_captions_of(image_id)
        current = Caption.objects.filter(image_id=image_id, is_current=True).first()
        becomes_current = current is None or current.source == Caption.Source.MODEL
        if becomes_current:
            _retire_current(image_id)
        caption, _ = Caption.objects.update_or_create(
            image_id=image_id,
            source=Caption.Source.MODEL,
            model=info.key,
            defaults={
                "text": result.text,
                "confidence": result.confidence,
                "unsure": unsure,
                "is_current": becomes_current,
                "created_at": timezone.now(),
            },
        )
        if becomes_current:
            gallery_services.image_describe(image_id=image_id, text=result.text, unsure=unsure, by_person=False)
    return caption


def caption_write_by_person(*, image_id: int, author: User, text: str) -> Caption:
    """Keep what a person says of a picture, as its current caption; what was said before stays in its history.

    The same text by the same person again changes nothing. Raises Image.DoesNotExist, or BadCaption.
    """
    text = " ".join(text.split())
    if not text:
        raise BadCaption("A caption needs words.")
    with transaction.atomic():
        _lock_captions_of(image_id)
        same = Caption.objects.filter(image_id=image_id, is_current=True, author=author, text=text).first()
        if same is not None:
            return same
        _retire_current(image_id)
        caption = Caption.objects.create(image_id=image_id, text=text, source=Caption.Source.PERSON, author=author)
        gallery_services.image_describe(image_id=image_id, text=text, unsure=False, by_person=True)
    return caption


def _lock_captions_of(image_id: int) -> None:
    """Let no other transaction change the picture's captions until this one ends. Raises Image.DoesNotExist."""
    Image.objects.select_for_update().only("pk").get(pk=image_id)


def _retire_current(image_id: int) -> None:
    Caption.objects.filter(image_id=image_id, is_current=True).update(is_current=False)


def _check(result: CaptionResult) -> None:
    if not result.text.strip():
        raise BadCaption("The captioner had nothing to say of this picture.")
    if not (math.isfinite(result.confidence) and 0.0 <= result.confidence <= 1.0):
        raise BadCaption(f"The captioner gave {result.confidence} as its confidence; it must lie in [0, 1].")
