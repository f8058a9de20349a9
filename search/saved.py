"""The searches that people made and those they keep: each person's own, never anybody else's."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from django.db import OperationalError, connection, transaction
from django.db.models import F, Window
from django.db.models.functions import RowNumber
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery.models import User, Viewer
from search.exceptions import SearchNotSaved
from search.models import SavedSearch
from search.query.answer import SearchResult
from search.query.parse import parse

MOST_PAST = 50
MOST_SAVED = 200
PRUNED_AT_ONCE = 1_000
LONGEST_NAME = 100
# A search that was used within this time isn't written again: turning pages and coming back cost no write.
FRESH = timedelta(minutes=1)

logger = logging.getLogger(__name__)


def search_record(*, viewer: Viewer, result: SearchResult, page: int = 1) -> SavedSearch | None:
    """Remember a search that found something, if somebody signed in made it; what is kept of it, if anything.

    One SQL statement, and one more where something is written; what is too many goes later, by `searches_prune`. Never
    fails: where the database is busy, the search goes unrecorded rather than unanswered.
    """
    text = result.query.text
    if not isinstance(viewer, User) or not text:
        return None
    now = timezone.now()
    known = SavedSearch.objects.filter(owner=viewer, text=text).first()
    # Not what has pictures in it: as text, nobody would know it again.
    is_worth_it = page == 1 and result.matches and not result.query.pictures and len(text) <= SavedSearch.LONGEST_TEXT
    if is_worth_it and (known is None or known.last_used_at < now - FRESH):
        try:
            with _soon_on_disk():
                _write(SavedSearch(owner=viewer, text=text, created_at=now, last_used_at=now), ["last_used_at"])
        except OperationalError:
            logger.warning("A search was not recorded", exc_info=True)
    return known


def searches_prune() -> int:
    """Delete all but the MOST_PAST latest of each person's past searches; how many there were. For the sweep."""
    past = SavedSearch.objects.filter(is_saved=False)
    newest_first = Window(RowNumber(), partition_by="owner", order_by=[F("last_used_at").desc(), F("pk").desc()])
    too_many = past.annotate(number=newest_first).filter(number__gt=MOST_PAST)
    count, _ = past.filter(pk__in=list(too_many.values_list("pk", flat=True)[:PRUNED_AT_ONCE])).delete()
    return count


def search_save(*, owner: User, text: str, name: str = "") -> SavedSearch:
    """Keep a search until its owner deletes it; saved again, it takes the new name. Raises SearchNotSaved."""
    canonical = parse(text, today=timezone.localdate()).text
    if not canonical:
        raise SearchNotSaved(_("There is nothing to search for in that."))
    if len(canonical) > SavedSearch.LONGEST_TEXT:
        raise SearchNotSaved(
            _("Only searches of up to %(most)s characters can be saved.") % {"most": SavedSearch.LONGEST_TEXT}
        )
    _room_check(owner, canonical)
    now = timezone.now()
    search = SavedSearch(
        owner=owner, text=canonical, name=name.strip()[:LONGEST_NAME], is_saved=True, created_at=now, last_used_at=now
    )
    _write(search, ["name", "is_saved", "last_used_at"])
    return SavedSearch.objects.get(owner=owner, text=canonical)


def search_delete(*, owner: User, pk: int) -> SavedSearch | None:
    """Delete one of a person's own searches; it as it was, for search_restore, None where they have no such search."""
    search = SavedSearch.objects.filter(owner=owner, pk=pk).first()
    count, _ = SavedSearch.objects.filter(owner=owner, pk=pk).delete()
    return search if count else None


def search_restore(*, deleted: SavedSearch) -> bool:
    """Keep a search as before it was deleted, under its key where nobody has looked for the same meanwhile; False where
    it is saved again by now. Raises SearchNotSaved."""
    if SavedSearch.objects.filter(owner=deleted.owner_id, text=deleted.text, is_saved=True).exists():
        return False
    _room_check(deleted.owner, deleted.text)
    _write(deleted, ["name", "is_saved", "created_at"])
    return True


def searches_forget(*, owner: User) -> int:
    """Delete a person's past searches, but not those they saved; how many there were."""
    count, _ = SavedSearch.objects.filter(owner=owner, is_saved=False).delete()
    return count


def _room_check(owner: User, text: str) -> None:
    others = SavedSearch.objects.filter(owner=owner, is_saved=True).exclude(text=text)
    if others.count() >= MOST_SAVED:
        raise SearchNotSaved(
            _("%(number)s searches are saved already. Delete one of them first.") % {"number": MOST_SAVED}
        )


@contextmanager
def _soon_on_disk() -> Iterator[None]:
    """A statement that all see at once, and that the end of a process leaves whole; a power failure within the next
    moments may undo it. Whoever waits for an answer doesn't wait for the disk."""
    with connection.cursor() as cursor:
        if connection.vendor == "postgresql":
            with transaction.atomic():
                cursor.execute("SET LOCAL synchronous_commit = off")
                yield
        elif connection.in_atomic_block:  # where SQLite refuses to change it
            yield
        else:
            cursor.execute("PRAGMA synchronous = NORMAL")
            try:
                yield
            finally:
                cursor.execute("PRAGMA synchronous = FULL")


def _write(search: SavedSearch, fields: list[str]) -> None:
    """One row for each owner and text, also where two requests come at once."""
    SavedSearch.objects.bulk_create(
        [search], update_conflicts=True, unique_fields=["owner", "text"], update_fields=fields
    )
