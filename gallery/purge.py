"""Takes what lies in the trash away for good, with all that is known of it."""

from datetime import timedelta

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from gallery import audit
from gallery.albums_deleted import deleted_albums_purge, deleted_albums_purge_before
from gallery.chunks import in_chunks
from gallery.models import Image, ImageQuerySet, User
from gallery.services import images_delete
from gallery.trash import trash_of

# Pictures of a transaction, and those that one sweep takes at most, so that the work on others isn't held up.
PIECE = 100
PURGED_PER_SWEEP = 500
# Pictures that a request takes at most, some seconds of work.
PURGED_PER_REQUEST = 2_000


def trash_purge_due() -> int:
    """Deletes what has lain in the trash for settings.TRASH_DAYS, in pieces; how many pictures. For the sweep."""
    if not settings.TRASH_DAYS:
        return 0
    before = timezone.now() - timedelta(days=settings.TRASH_DAYS)
    deleted_albums_purge_before(before)
    due = Image.with_trash.filter(trashed_at__lte=before).order_by("trashed_at", "pk")
    return _purge(due, most=PURGED_PER_SWEEP, by=None)


def trash_purge(*, owner: User, images: ImageQuerySet) -> int:
    """Deletes those of the pictures for good that lie in somebody's trash; how many."""
    return _purge(images.filter(owner=owner, trashed_at__isnull=False), most=PURGED_PER_REQUEST, by=owner)


def trash_empty(*, owner: User) -> int:
    """Deletes what lies in somebody's trash for good, albums too; how many pictures. Of many, the oldest
    PURGED_PER_REQUEST."""
    deleted_albums_purge(owner=owner)
    return _purge(trash_of(owner).order_by("trashed_at", "pk"), most=PURGED_PER_REQUEST, by=owner)


def _purge(images: ImageQuerySet, *, most: int, by: User | None) -> int:
    number = 0
    for chunk in in_chunks(images.values_list("pk", flat=True)[:most], PIECE):
        with transaction.atomic():
            # locked, and asked again whether they lie there still: somebody may have just restored one
            number += images_delete(images=list(images.order_by().filter(pk__in=chunk).locked()))
    if number:
        audit.record(by, "image.purge", number=number)
    return number
