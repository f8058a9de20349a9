"""Many pictures as one archive, streamed: originals to those who may have them, to all others what they are shown."""

import logging
import threading
from collections.abc import Callable, Generator, Iterator, Sequence
from functools import partial
from pathlib import PurePosixPath
from typing import IO

from django.conf import settings
from django.db.models.fields.files import FieldFile

from gallery import archives
from gallery.chunks import AT_ONCE
from gallery.exceptions import GalleryError
from gallery.models import Image, ImageQuerySet, Viewer

logger = logging.getLogger(__name__)


class Busy(GalleryError):
    """As many archives are being sent as this process can send beside its other work."""


class _Slots:
    """How many archives may be sent at once: each holds a thread for as long as the other end takes."""

    def __init__(self) -> None:
        self._lock, self._taken = threading.Lock(), 0

    def take(self) -> None:
        """Raises Busy."""
        with self._lock:
            if self._taken >= max(1, settings.WEB_THREADS // 4):
                raise Busy
            self._taken += 1

    def give_back(self) -> None:
        """To whom `take` gave one."""
        with self._lock:
            self._taken -= 1


slots = _Slots()


class Download:
    """The bytes of an archive of these pictures, in their order; holds a slot from the beginning until it is closed,
    which whoever sends it does, be it because the other end went away. Raises Busy when there is none.

    `seen` answers which pictures the viewer may see, and is asked anew for each piece, since sending takes its time:
    what is shared no longer by then is left out. `originals`: of the viewer's own pictures, and of those of
    `originals_of`, who gives theirs away; the others are as they are shown. A table of these `columns` is put in.
    """

    def __init__(
        self,
        image_ids: Sequence[int],
        *,
        viewer: Viewer,
        seen: Callable[[], ImageQuerySet],
        originals: bool,
        originals_of: int | None = None,
        columns: Sequence[str] = (),
    ) -> None:
        self._is_open = False
        self._ids, self._seen = image_ids, seen
        self._originals, self._givers = originals, {viewer.pk, originals_of} - {None}
        self._columns = columns
        self._pieces = archives.stream(self._members(), columns=columns)
        slots.take()
        self._is_open = True

    def __iter__(self) -> Generator[bytes, None, None]:
        return self._pieces

    def close(self) -> None:
        """Gives the slot back."""
        self._pieces.close()
        if self._is_open:
            self._is_open = False
            slots.give_back()

    def __del__(self) -> None:
        """Where it never came to be sent: whatever failed on the way, the slot is not lost."""
        self.close()

    def _members(self) -> Iterator[archives.Member]:
        for begin in range(0, len(self._ids), AT_ONCE):
            some = self._ids[begin : begin + AT_ONCE]
            images = self._seen().with_renditions().in_bulk(some)
            for image in (images[pk] for pk in some if pk in images):
                yield self._member(image)

    def _member(self, image: Image) -> archives.Member:
        says = {"title": image.title, "caption": image.description, "notes": image.notes}
        note = tuple(says[name] for name in self._columns)
        if image.owner_id in self._givers and (self._originals or image.preview is None):
            at = image.taken_at or image.uploaded_at
            return archives.Member(image.file_name, at, partial(_open, image.original), note)
        file = image.preview.file if image.preview else None
        return archives.Member(
            f"{PurePosixPath(image.file_name).stem}.webp", image.uploaded_at, partial(_open, file), note
        )


def _open(file: FieldFile | None) -> IO[bytes]:
    if file is None:
        raise FileNotFoundError("It is not made yet.")
    try:
        return file.storage.open(file.name or "")
    except FileNotFoundError:
        logger.error("%s is in the database, but not in the storage", file.name)
        raise
