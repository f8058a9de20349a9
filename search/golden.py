"""Golden queries: people say which pictures a search should have found, and which it should not have."""

from django.db.models import F, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import Image, User, Visibility
from search.exceptions import JudgementRefused
from search.models import Judgement
from search.query.parse import parse
from search.query.terms import Like, Query, Text


def can_be_judged(query: Query) -> bool:
    """Whether a search says what is meant, so that some pictures can be more right than others; filters don't."""
    parts: list[Text | Like] = [*query.texts, *query.pictures]
    is_meant = any(part.sign != "-" for part in parts)
    return is_meant and len(query.text) <= Judgement.LONGEST_TEXT


def judgement_set(*, owner: User, query: str, image: Image, is_right: bool) -> Judgement:
    """Keep what a person says of a picture that the text of the box found; what they said of it before is replaced.

    Raises JudgementRefused.
    """
    text = _judged_text(query)
    if not Image.objects.listed_for(owner).filter(pk=image.pk).exists():
        raise JudgementRefused(_("There is no such picture."))
    judgement, __ = Judgement.objects.update_or_create(
        owner=owner, text=text, image=image, defaults={"is_right": is_right}
    )
    return judgement


def judgement_clear(*, owner: User, query: str, image: Image) -> None:
    """Take back what a person said of a picture, if they did. Raises JudgementRefused."""
    Judgement.objects.filter(owner=owner, text=_judged_text(query), image=image).delete()


def judged(*, owner: User, query: Query, images: list[Image]) -> dict[int, bool]:
    """Of pictures that a search found: whether they are right, by id, where the person has said so."""
    said = Judgement.objects.filter(owner=owner, text=query.text, image__in=[image.pk for image in images])
    return dict(said.values_list("image_id", "is_right"))


def judgements_that_count(owner: User | None) -> QuerySet[Judgement]:
    """What one person said, or all, without pictures that are in the trash or not listed for whoever judged them."""
    listed = Q(image__visibility=Visibility.PUBLIC) | Q(image__owner_id=F("owner_id"))
    counted = Judgement.objects.filter(listed, image__trashed_at=None)
    return counted if owner is None else counted.filter(owner=owner)


def _judged_text(query: str) -> str:
    asked = parse(query, today=timezone.localdate())
    if not can_be_judged(asked):
        raise JudgementRefused(_("Only searches for something, by a text that is not too long, can be judged."))
    return asked.text
