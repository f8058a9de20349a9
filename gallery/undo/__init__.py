"""Undo: what an action changed is remembered in the session of whoever did it, and taken back when they ask for it.

Only what the action really changed is remembered: a picture that had a tag before keeps it. Whoever undoes must own,
or see, the picture then as they did before.

The modules beside this one know what an action changes and the way back from it; other apps bring theirs by `way_back`.
"""

import json
import secrets
from collections.abc import Callable, Collection, Iterable, MutableMapping
from dataclasses import dataclass
from time import time
from typing import Any

from django.utils.translation import gettext as _

from gallery.exceptions import NothingToUndo
from gallery.models import Image, ImageQuerySet, User
from gallery.wording import grouped

KEY = "undo-2"  # another one where values change their form: what is remembered in the old one can't be read
MESSAGE_TAG = "undo-"  # begins the extra tags of a message that has an Undo button
MOST = 10  # of a session; the last ones
SECONDS = 60 * 60
MOST_BYTES = 200_000  # of a session, which is read for every page; ten thousand ids of eight digits are 90,000

Session = MutableMapping[str, Any]
Way = Callable[[User, dict[str, Any]], str]
"""Takes back what was changed, given who asks and the values of the change; a sentence, "" if nothing was left."""


@dataclass(frozen=True)
class Change:
    """What an action changed: the name of its way back, and for that plain values, which a session can keep."""

    kind: str
    values: dict[str, Any]


_ways: dict[str, Way] = {}


def way_back(kind: str) -> Callable[[Way], Way]:
    """Makes a function the way back from changes of this kind. Its module has to be imported when the site starts."""

    def register(way: Way) -> Way:
        _ways[kind] = way
        return way

    return register


def changed(kind: str, **values: Any) -> list[Change]:
    """No change where the first of the values says that nothing changed."""
    return [Change(kind, values)] if next(iter(values.values())) else []


def told(number: int, sentence: str, **names: object) -> str:
    """The sentence with its number and names filled in; "" where nothing was left to take back."""
    return sentence % {"number": grouped(number), **names} if number else ""


def own(person: User, image_ids: Iterable[int]) -> ImageQuerySet:
    return Image.with_trash.filter(owner=person, pk__in=image_ids)


def remember(session: Session, changes: Collection[Change]) -> str:
    """Keeps what one action changed; the name by which `undo` knows it, "" where nothing changed or too much did.

    The oldest actions are forgotten where a session would hold more than MOST or MOST_BYTES.
    """
    if not changes:
        return ""
    name = secrets.token_hex(8)
    kept = [entry for entry in session.get(KEY, []) if entry["at"] > time() - SECONDS]
    entry = {"name": name, "at": time(), "changes": [[change.kind, change.values] for change in changes]}
    if _size([entry]) > MOST_BYTES:
        return ""
    kept = [*kept, entry][-MOST:]
    while _size(kept) > MOST_BYTES:
        del kept[0]
    session[KEY] = kept
    return name


def _size(entries: list[dict[str, Any]]) -> int:
    """Bytes, as a session stores them."""
    return len(json.dumps(entries, separators=(",", ":")))


def last_of(session: Session, kind: str, **values: Any) -> str:
    """The name of the last action that is remembered with such a change, "" if none."""
    for entry in reversed(session.get(KEY, [])):
        if any(kind == each and values.items() <= said.items() for each, said in entry["changes"]):
            return str(entry["name"]) if entry["at"] > time() - SECONDS else ""
    return ""


def undo(session: Session, *, name: str, person: User) -> str:
    """Takes back what is remembered by this name, once; what was undone, in a sentence. Raises NothingToUndo."""
    remembered = session.get(KEY, [])
    entry = next((entry for entry in remembered if entry["name"] == name), None)
    session[KEY] = [each for each in remembered if each["name"] != name]
    if entry is None or entry["at"] <= time() - SECONDS:
        raise NothingToUndo(_("That was undone already, or is too long ago."))
    # the last change first, as far as somebody else hasn't undone it
    sentences = [_ways[kind](person, values) for kind, values in reversed(entry["changes"])]
    if not any(sentences):
        raise NothingToUndo(_("There was nothing left to undo."))
    return " ".join(filter(None, sentences))
