"""What owners correct about their pictures: where and when they were taken."""

from datetime import datetime

from django.db import transaction
from django.db.models import F

from gallery.models import Image
from gallery.pipeline import get_pipeline


def image_set_place(*, image: Image, place: str) -> None:
    """Says in words where a picture was taken, for all who see it; "" takes that back."""
    Image.objects.filter(pk=image.pk).update(place=place, place_by_person=bool(place))


def image_set_taken(*, image: Image, taken_at: datetime | None) -> None:
    """Says when a picture was taken; None: nobody knows, and it is listed by when it was uploaded."""
    with transaction.atomic():
        sort_date = F("uploaded_at") if taken_at is None else taken_at
        Image.with_trash.filter(pk=image.pk).update(taken_at=taken_at, sort_date=sort_date)
        get_pipeline().changed(image_ids=[image.pk])
