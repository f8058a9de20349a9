"""Every way in which captions are written."""

import math
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from PIL.Image import Image as Picture

from captioning import again, engine
from captioning.describers import key_of
from captioning.exceptions import BadCaption, CaptionChanged
from captioning.models import Caption
from captioning.selectors import CaptionState, caption_states, current_state
from gallery import services as gallery_services
from gallery.models import Image, User
from gallery.names import tidy
from gallery.pipeline import get_pipeline, parts_of
from ml.interfaces import CaptionResult, ModelInfo


def captions_write(*, image_ids: Sequence[int], pictures: Sequence[Picture], by: str = "") -> None:
    """Caption pictures (RGB, in the order of `image_ids`) and record the captions; those deleted meanwhile pass.

    `by` is the model of their stages, see Describer.model; without it, or where it is the site's own captioner, the
    captions become current as models' do. Those that begin as somebody asked are unsure: nobody measured these.
    Where the captioner fails on one of them, nothing is written and its error is raised: give it each picture alone
    then. Raises an error of ml.errors where the captioner itself is missing or damaged, or can't begin so.
    """
    name, begin = parts_of(by)
    captioner = engine.get_captioner(name)
    again.captioner_seen(name=name or settings.CAPTIONER, info=captioner.info)
    # strict: a captioner that lost a picture must not have its captions put on the others
    results = dict(zip(image_ids, captioner.caption(pictures, begin=begin), strict=True))
    for result in results.values():
        _check(result)
    for image_id, result in results.items():
        # deleted meanwhile: nobody will miss the caption
        with suppress(Image.DoesNotExist):
            caption_record(
                image_id=image_id,
                result=result,
                info=captioner.info,
                begin=begin,
                unsure=bool(begin) or result.confidence < captioner.unsure_below,
                is_beside=by not in ("", settings.CAPTIONER),
            )


def caption_record(
    *, image_id: int, result: CaptionResult, info: ModelInfo, unsure: bool, begin: str = "", is_beside: bool = False
) -> Caption:
    """Keep what a model said, once for each picture, model and words that it was to `begin` with; said again, it
    replaces what that model said before.

    It becomes the current caption unless a person's is, or one that a person approved. What a person approved of the
    same model stays as it is, and so does what they rejected, when the model says the same again.
    `is_beside`: it was asked for to compare, and takes the place of no current caption, not even of the same model's.
    Raises Image.DoesNotExist, or BadCaption.
    """
    _check(result)
    text, model = tidy(result.text), key_of(info.key, begin)
    with transaction.atomic():
        captions_lock(image_id=image_id)
        caption = Caption.objects.filter(image_id=image_id, source=Caption.Source.MODEL, model=model).first()
        if caption is None:
            caption = Caption(image_id=image_id, model=model)
        elif _stays_judged(caption, text) or (is_beside and caption.is_current):
            return caption
        caption.text, caption.confidence, caption.unsure = text, result.confidence, unsure
        caption.created_at = timezone.now()
        _judge(caption, Caption.Review.OPEN)
        current = Caption.objects.all() if is_beside else Caption.objects.by_person()
        if current.filter(image_id=image_id, is_current=True).exists():
            caption.is_current = False
            caption.save()
        else:
            _make_current(caption)
    return caption


def caption_write_by_person(
    *,
    image_id: int,
    author: User,
    text: str,
    before: str | None = None,
    source: Caption.Source = Caption.Source.PERSON,
) -> Caption:
    """Keep what a person says of a picture, as its current caption; what was said before stays in its history.

    The same text by the same person again changes nothing; a model's words, left as they are, are approved.
    `before` is the caption that the person saw; the source says whether it was written here or into the picture's file.
    Raises Image.DoesNotExist, BadCaption, or CaptionChanged.
    """
    text = tidy(text)
    if not text:
        raise BadCaption(_("A caption needs words."))
    with transaction.atomic():
        captions_lock(image_id=image_id, before=before, after=text)
        current = Caption.objects.filter(image_id=image_id, is_current=True, text=text).first()
        if current is not None and current.source == Caption.Source.MODEL:
            _judge(current, Caption.Review.APPROVED, author)
            _make_current(current)
            return current
        if current is not None and current.author == author:
            return current
        caption = Caption(image_id=image_id, text=text, source=source, author=author)
        _make_current(caption)
    return caption


def caption_choose(*, caption: Caption, person: User, before: str | None = None) -> None:
    """Make a caption of the history current again. A model's is thereby approved: no model replaces it.

    `before` is the current caption that the person saw. Raises Image.DoesNotExist, or CaptionChanged.
    """
    with transaction.atomic():
        captions_lock(image_id=caption.image_id, before=before, after=caption.text)
        caption.refresh_from_db()  # its model may have said something else
        if caption.source == Caption.Source.MODEL:
            _judge(caption, Caption.Review.APPROVED, person)
        _make_current(caption)


def caption_reject(*, caption: Caption, person: User, before: str | None = None) -> None:
    """Take a model's caption away from its picture, which has none until a person or another model gives one.

    `before` is the current caption that the person saw. Raises Image.DoesNotExist, or CaptionChanged.
    """
    with transaction.atomic():
        captions_lock(image_id=caption.image_id, before=before, after="")
        caption.refresh_from_db()  # its model may have said something else
        _judge(caption, Caption.Review.REJECTED, person)
        if caption.is_current:
            _leave_without(caption.image_id)
            caption.is_current = False
        caption.save()


def caption_reopen(*, caption: Caption, before: str | None = None) -> None:
    """Make a model's caption current again as if nobody had judged it: whatever models say next replaces it.

    `before` is the current caption that the person saw. Raises Image.DoesNotExist, or CaptionChanged.
    """
    with transaction.atomic():
        captions_lock(image_id=caption.image_id, before=before, after=caption.text)
        caption.refresh_from_db()  # its model may have said something else
        _judge(caption, Caption.Review.OPEN)
        _give_back(caption)


def captions_put_back(
    *, image_id: int, before: Sequence[CaptionState], after: Sequence[CaptionState], since: datetime
) -> str | None:
    """Make captions what they were before an action, given those that it changed and those that were current; the
    picture's caption then, or None where it has another one now or one of them has changed, which is left alone.

    What somebody wrote stays in the history. Where there was no caption, what a model said `since` is it, as it would
    have been. Raises Image.DoesNotExist.
    """
    with transaction.atomic():
        captions_lock(image_id=image_id)
        now = caption_states(image_id)
        if current_state(now) != current_state(after) or any(state not in now for state in after):
            return None
        for state in before:
            judge = User.objects.filter(pk=state["reviewed_by"] or 0).first()  # may be gone
            Caption.objects.filter(pk=state["pk"]).update(
                review=state["review"], reviewed_by=judge, reviewed_at=state["reviewed_at"]
            )
        was = current_state(before)
        unjudged = Caption.objects.filter(source=Caption.Source.MODEL, review=Caption.Review.OPEN)
        captions = Caption.objects.filter(pk=was["pk"]) if was else unjudged.filter(created_at__gt=since)
        caption = captions.filter(image_id=image_id).order_by("-created_at", "-pk").first()
        if caption is not None:
            _give_back(caption)
        else:
            _leave_without(image_id)
    return caption.text if caption else ""


def caption_restore(*, image_id: int) -> bool:
    """Let a picture and its captions say the same again, by its current caption; False where it has none to say.

    A person's words that no caption has become one, of nobody. Where no caption is current and nobody rejected one, it
    is the newest for which a person vouches, else the newest of a model. Raises Image.DoesNotExist.
    """
    with transaction.atomic():
        captions_lock(image_id=image_id)
        image = Image.with_trash.get(pk=image_id)
        captions = Caption.objects.filter(image_id=image_id)
        newest = captions.order_by("-created_at", "-pk")
        words = image.description if image.description_by_person else ""
        caption = newest.filter(is_current=True).first()
        if words and not captions.by_person().filter(text=words).exists():
            caption = Caption(image_id=image_id, text=words, source=Caption.Source.PERSON)
        elif caption is None and not captions.filter(review=Caption.Review.REJECTED).exists():
            caption = newest.by_person().first() or newest.first()
        if caption is None:
            _leave_without(image_id)
        else:
            _make_current(caption)
    return caption is not None


def captions_lock(*, image_id: int, before: str | None = None, after: str | None = None) -> None:
    """Let no other transaction change the picture's captions until this one ends.

    Raises Image.DoesNotExist, or CaptionChanged where its caption is not what it was `before`; nor what it is to be
    `after`, as where a button was pressed twice.
    """
    image = Image.with_trash.select_for_update().only("description").get(pk=image_id)
    if before is not None and tidy(image.description) not in (tidy(before), after):
        raise CaptionChanged(_("The caption has changed meanwhile."))


def _judge(caption: Caption, review: Caption.Review, person: User | None = None) -> None:
    """Judged so again by the same person, it stays as it is."""
    if (caption.review, caption.reviewed_by_id) == (review, person and person.pk):
        return
    caption.review, caption.reviewed_by = review, person
    caption.reviewed_at = timezone.now() if person else None


def _make_current(caption: Caption) -> None:
    """Save it as the picture's only current caption."""
    Caption.objects.filter(image_id=caption.image_id, is_current=True).exclude(pk=caption.pk).update(is_current=False)
    caption.is_current = True
    caption.save()
    gallery_services.image_describe(
        image_id=caption.image_id,
        text=caption.text,
        unsure=caption.unsure and not caption.is_by_person,
        by_person=caption.is_by_person,
    )


def _give_back(caption: Caption) -> None:
    """Make it current again. The first caption that a model gives is told nobody; one that comes back is."""
    had_none = not Caption.objects.filter(image_id=caption.image_id, is_current=True).exists()
    _make_current(caption)
    if had_none and not caption.is_by_person:
        get_pipeline().recaptioned(image_id=caption.image_id)


def _leave_without(image_id: int) -> None:
    """The picture has no caption until somebody gives one."""
    Caption.objects.filter(image_id=image_id, is_current=True).update(is_current=False)
    gallery_services.image_describe(image_id=image_id, text="", unsure=False, by_person=False)


def _stays_judged(caption: Caption, text: str) -> bool:
    """Whether a model may not say `text` in place of what it said before."""
    return caption.review == Caption.Review.APPROVED or (
        caption.review == Caption.Review.REJECTED and caption.text == text
    )


def _check(result: CaptionResult) -> None:
    if not tidy(result.text):
        raise BadCaption("The captioner had nothing to say of this picture.")
    if not (math.isfinite(result.confidence) and 0.0 <= result.confidence <= 1.0):
        raise BadCaption(f"The captioner gave {result.confidence} as its confidence; it must lie in [0, 1].")
