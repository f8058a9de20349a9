"""What is done with captions, and the way back from it."""

from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils import timezone
from django.utils.text import Truncator
from django.utils.translation import gettext as _

from captioning.selectors import caption_states
from captioning.services import captions_lock, captions_put_back
from gallery.models import Image, User
from gallery.undo import Change, changed, last_of, own, way_back

KIND = "captions"
SHOWN = 60  #: characters of a caption in a sentence about it


@contextmanager
def captions_watched(image_id: int) -> Iterator[list[Change]]:
    """Within it one action is done with the captions of a picture, as a whole and while nobody else does any; the list
    then holds what it changed. Raises Image.DoesNotExist."""
    changes: list[Change] = []
    with transaction.atomic():
        captions_lock(image_id=image_id)
        before = caption_states(image_id)
        yield changes
        after, at = caption_states(image_id), timezone.now()
    if after != before:
        changes += changed(
            KIND,
            after=[state for state in after if state["is_current"] or state not in before],
            before=[state for state in before if state["is_current"] or state not in after],
            image=image_id,
            at=at.isoformat(),
        )


def last_done(session: MutableMapping[str, Any], *, image_id: int) -> str:
    """The name of what was done last with the captions of a picture, "" if nothing is remembered."""
    return last_of(session, KIND, image=image_id)


@way_back(KIND)
def _captions_as_before(person: User, values: dict[str, Any]) -> str:
    since = datetime.fromisoformat(values["at"])
    try:
        image_id = own(person, [values["image"]]).get().pk
        text = captions_put_back(image_id=image_id, before=values["before"], after=values["after"], since=since)
    except Image.DoesNotExist:
        return ""
    if text is None:
        return ""
    if not text:
        return _("The picture has no caption, as before.")
    return _("The caption is as it was: “%(caption)s”.") % {"caption": Truncator(text).chars(SHOWN)}
