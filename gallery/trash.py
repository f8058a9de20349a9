"""The trash: pictures that their owner has deleted, as they were, until they are restored or purged (gallery.purge).

A picture in it keeps its captions, tags, albums and files, and its owner sees it on the page of the trash alone.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gallery import audit
from gallery.chunks import AT_ONCE, in_chunks
from gallery.counted import holders, recount
from gallery.models import Album, Image, ImageQuerySet, Tag, User, Viewer
from gallery.pipeline import get_pipeline


@dataclass(frozen=True)
class TrashPage:
    """Some of what lies in somebody's trash, the last thrown away first. `number` counts pages from 1."""

    images: list[Image]
    total: int
    number: int
    pages: int


def images_trash(*, images: Iterable[Image], by: Viewer | None = None) -> int:
    """Moves pictures to their owners' trash; how many were not in it before. `by`: who does it, for the audit log."""
    with transaction.atomic():
        moved = _moved(images, is_trashed=True)
        if moved:
            get_pipeline().changed(image_ids=moved)
            audit.record(by, "image.trash", number=len(moved))
    return len(moved)


def images_restore(*, images: Iterable[Image], by: Viewer | None = None) -> int:
    """Takes pictures out of the trash, back to the albums that they were in; how many were in it."""
    with transaction.atomic():
        moved = _moved(images, is_trashed=False)
        if moved:
            get_pipeline().restored(image_ids=moved)
            audit.record(by, "image.restore", number=len(moved))
    return len(moved)


def trash_of(owner: User) -> ImageQuerySet:
    """What lies in somebody's trash, the last thrown away first."""
    return Image.with_trash.filter(owner=owner, trashed_at__isnull=False).order_by("-trashed_at", "-pk")


def trash_page(*, owner: User, number: int, size: int) -> TrashPage:
    """A page of somebody's trash, with renditions; the last one where there are fewer. Three SQL statements."""
    trashed = trash_of(owner)
    total = trashed.count()
    pages = max(1, -(-total // size))
    number = max(1, min(number, pages))
    return TrashPage(list(trashed.with_renditions()[(number - 1) * size : number * size]), total, number, pages)


def purged_at(image: Image) -> datetime | None:
    """When a picture in the trash goes for good; None where it stays until somebody empties the trash."""
    return None if image.trashed_at is None else goes_at(image.trashed_at)


def goes_at(moved_at: datetime) -> datetime | None:
    """When what was moved to the trash at that moment goes for good; None where nothing does by itself."""
    return moved_at + timedelta(days=settings.TRASH_DAYS) if settings.TRASH_DAYS else None


def _moved(images: Iterable[Image], *, is_trashed: bool) -> list[int]:
    """Those of the pictures, by id, that were on the other side and are now where they are to be."""
    found = Image.with_trash.filter(trashed_at__isnull=is_trashed).lock([image.pk for image in images])
    for chunk in in_chunks(found, AT_ONCE):
        Image.with_trash.filter(pk__in=chunk).update(trashed_at=timezone.now() if is_trashed else None)
    recount(Album, holders(Album, found))
    recount(Tag, holders(Tag, found))
    return found
