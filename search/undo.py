"""What is done with one's searches and with near-duplicates, and the ways back from it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.utils.translation import gettext as _

from gallery.exceptions import NothingToUndo
from gallery.models import User
from gallery.undo import Change, changed, way_back
from search.duplicates import near_duplicates_ask_again
from search.exceptions import SearchNotSaved
from search.models import SavedSearch
from search.saved import search_restore

_DATES = ("created_at", "last_used_at")


def search_deleted(search: SavedSearch) -> list[Change]:
    """Of what search_delete answered."""
    values = {name: getattr(search, name) for name in ("text", "name", "is_saved")}
    dates = {name: getattr(search, name).isoformat() for name in _DATES}
    return changed("search-deleted", pk=search.pk, owner=search.owner_id, **values, **dates)


@way_back("search-deleted")
def _search_back(person: User, values: dict[str, Any]) -> str:
    dates = {name: datetime.fromisoformat(values[name]) for name in _DATES}
    others = {name: value for name, value in values.items() if name not in ("owner", *_DATES)}
    try:
        is_back = values["owner"] == person.pk and search_restore(deleted=SavedSearch(owner=person, **others, **dates))
    except SearchNotSaved as refusal:
        raise NothingToUndo(str(refusal)) from refusal
    return _("“%(search)s” is saved again.") % {"search": values["name"] or values["text"]} if is_back else ""


def duplicates_kept(pair_ids: Iterable[int]) -> list[Change]:
    """Of what near_duplicates_dismiss answered."""
    return changed("duplicates-kept", ids=list(pair_ids))


@way_back("duplicates-kept")
def _ask_again(person: User, values: dict[str, Any]) -> str:
    number = near_duplicates_ask_again(owner=person, pair_ids=values["ids"])
    return _("They are among the duplicates again.") if number else ""
