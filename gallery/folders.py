"""Folders of this machine: pictures are taken in from them, and nothing in them is ever moved, changed or deleted.

What was seen is remembered by path, size and time, so that looking again costs next to nothing. In a watched folder
(settings.WATCH) a file is taken once it was the same at two looks, a sweep apart: till then somebody may be writing it.
What can't be taken now, since there is no room or its disk is away, is tried again later.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from time import monotonic
from typing import IO, Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError
from django.db.models import F, Q, QuerySet
from django.utils import timezone

from gallery import archives, unpacking, uploads
from gallery.chunks import AT_ONCE
from gallery.exceptions import NotNow, UploadRefused
from gallery.intake import Outcome, picture_take
from gallery.models import Image, SeenFile, Stage, User, Visibility
from gallery.quotas import room_of
from gallery.sidecars import caption_beside, is_sidecar_name

logger = logging.getLogger(__name__)

ATTEMPTS = 3  # to take a file in, when the process that does it dies
# Looking at a large folder takes seconds: it is done as rarely as to take a twentieth of the worker's time at most.
REST_PER_LOOK = 20
STILL = timedelta(seconds=30)  # between two looks, at least: two sweeps may come at once
AGAIN = timedelta(hours=1)  # what could not be taken is tried again
HELD = timedelta(minutes=10)  # a file that somebody takes, by whoever else works
_LARGEST = (1 << 63) - 1  # that the database keeps; some file systems know later dates

_next_look = 0.0
_told: set[int] = set()  # of which files this process has said why they are not taken


def files_below(
    folder: Path, *, note: Callable[[OSError], None], links: bool = True, sidecars: bool = False
) -> Iterator[Path]:
    """Every file below a folder but hidden ones and sidecars, folder by folder, or every sidecar; `note` is told of
    what can't be read. `links`: those that are links, too; folders that are links are never entered."""
    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        wanted = (name for name in sorted(names) if not name.startswith(".") and is_sidecar_name(name) == sidecars)
        for path in (Path(parent, name) for name in wanted):
            try:
                if path.is_file() and (links or not path.is_symlink()):
                    yield path
            except OSError as error:
                note(error)


def file_take(*, owner: User, path: Path, visibility: str = Visibility.PRIVATE) -> list[Outcome]:
    """Takes in a picture, or each one in an archive, unless it is known that the owner has it already. Raises OSError
    where the file can't be read."""
    with path.open("rb") as opened:
        now = os.fstat(opened.fileno())
        seen = SeenFile.objects.filter(key=_key(owner, path), byte_size=now.st_size, modified_ns=_modified(now))
        known = Image.objects.filter(pk__in=seen.values("image")).first()
        if known is not None:
            return [Outcome(path.name, "duplicate", "You have this picture already", known)]
        if archives.is_archive(opened, path.name):
            return list(unpacking.take_all(owner=owner, file=opened, visibility=visibility))
        outcome = picture_take(
            owner=owner,
            file=File(opened),
            file_name=path.name,
            visibility=visibility,
            priority=Stage.Priority.BACKFILL,
            caption=caption_beside(path, links=True),
        )
    if outcome.image:
        _remember(owner, path, now, outcome.image)
    return [outcome]


def look_at_watched() -> None:
    """Looks at each of settings.WATCH, unless the last look took so long that it is not time yet."""
    global _next_look  # noqa: PLW0603  the one place of this process that knows
    if not settings.WATCH or monotonic() < _next_look:
        return
    begin = monotonic()
    for name, folder in settings.WATCH:
        owner = User.objects.filter(username=name, is_active=True).first()
        if owner is None:
            logger.warning("MMSITE_WATCH: there is nobody called %s.", name)
        elif not os.path.isdir(folder):  # Path.is_dir raises where the disk is away
            logger.warning("MMSITE_WATCH: there is no folder %s.", folder)
        else:
            folder_look(owner=owner, folder=folder)
    _next_look = monotonic() + REST_PER_LOOK * (monotonic() - begin)


def folder_look(*, owner: User, folder: Path) -> None:
    """Looks at every file below a folder: what is as it was at the last look is due. Links are left alone: they may
    lead to what whoever fills the folder may not read."""
    some: list[Path] = []
    for path in files_below(folder, links=False, note=lambda error: logger.warning("Could not be read: %s", error)):
        some.append(path)
        if len(some) == AT_ONCE:
            _look(owner, some)
            some = []
    _look(owner, some)


def any_due() -> bool:
    """Whether files of watched folders are to be taken in."""
    return _due().exists()


def take_some(*, most: int) -> int:
    """Takes in up to `most` files of watched folders; how many it looked at."""
    due = list(_due().select_related("owner").order_by("pk")[:most])
    for seen in due:
        # counted before the work, which may kill us; of two who reach for it, one has it
        mine = _due().filter(pk=seen.pk, attempts=seen.attempts)
        if not mine.update(attempts=F("attempts") + 1, seen_at=timezone.now()):
            continue
        if seen.attempts >= ATTEMPTS:
            _settle(seen, Outcome(_path(seen).name, "refused", "This file could not be read: it stopped the worker."))
        else:
            try:
                _take(seen)
            except DatabaseError:  # no fault of the file
                with suppress(DatabaseError):
                    SeenFile.objects.filter(pk=seen.pk, state=SeenFile.State.DUE).update(attempts=seen.attempts)
                raise
    return len(due)


def _due() -> QuerySet[SeenFile]:
    """To be taken, but for what somebody is taking."""
    is_free = Q(attempts=0) | Q(seen_at__lte=timezone.now() - HELD)
    return SeenFile.objects.filter(is_free, state=SeenFile.State.DUE)


def _take(seen: SeenFile) -> None:
    path = _path(seen)
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as opened:
            now = os.fstat(opened.fileno())
            if (now.st_size, _modified(now)) != (seen.byte_size, seen.modified_ns):
                SeenFile.objects.filter(pk=seen.pk).update(**_new(now))
                return
            _settle(seen, _outcome(seen.owner, path, opened))
    except FileNotFoundError:
        seen.delete()
    except OSError as error:
        refusal = NotNow(f"This file could not be read: {error.strerror}.")
        _settle(seen, Outcome(path.name, "refused", str(refusal), refusal=refusal))


def _outcome(owner: User, path: Path, opened: IO[bytes]) -> Outcome:
    if not archives.is_archive(opened, path.name):
        return picture_take(
            owner=owner,
            file=File(opened),
            file_name=path.name,
            priority=Stage.Priority.BACKFILL,
            caption=caption_beside(path, links=False),
        )
    try:  # it may take long, and is unpacked a few pictures at a time, as uploaded ones are
        upload = uploads.upload_take_whole(
            owner=owner, file=File(opened), file_name=path.name, visibility=Visibility.PRIVATE
        )
    except UploadRefused as refusal:
        return Outcome(path.name, "refused", str(refusal), refusal=refusal)
    return Outcome(path.name, "unpacking", upload.outcome)


def _settle(seen: SeenFile, outcome: Outcome) -> None:
    is_refused = outcome.kind == "refused"
    if is_refused and seen.pk not in _told:
        _told.add(seen.pk)
        logger.warning("%s is not taken in: %s", ascii(str(_path(seen)))[1:-1], outcome.sentence)
    state = SeenFile.State.REFUSED if is_refused else SeenFile.State.TAKEN
    # An attempt that failed for no fault of the file doesn't count, which is how `_due_again` knows it.
    attempts = 0 if isinstance(outcome.refusal, NotNow) else F("attempts")
    values = {"state": state, "attempts": attempts, "image": outcome.image, "seen_at": timezone.now()}
    SeenFile.objects.filter(pk=seen.pk).update(**values)


def _look(owner: User, paths: list[Path]) -> None:
    keys = {_key(owner, path): path for path in paths}
    known = {seen.key: seen for seen in SeenFile.objects.filter(key__in=keys)}
    unknown, unchanged = [], []
    due_again = _due_again(owner, known.values())
    for key, path in keys.items():
        try:
            now = path.stat()
        except OSError:
            continue  # gone since it was listed
        seen = known.get(key)
        if seen is None:
            unknown.append(SeenFile(key=key, owner=owner, path=_quoted(path), **_new(now)))
        elif (now.st_size, _modified(now)) != (seen.byte_size, seen.modified_ns):
            SeenFile.objects.filter(pk=seen.pk).update(**_new(now))
        elif (seen.state == SeenFile.State.NEW and _is_past(seen, STILL)) or seen.pk in due_again:
            unchanged.append(seen)
    SeenFile.objects.bulk_create(unknown, ignore_conflicts=True)
    for state in (SeenFile.State.NEW, SeenFile.State.REFUSED):
        pks = [seen.pk for seen in unchanged if seen.state == state]
        SeenFile.objects.filter(pk__in=pks, state=state).update(state=SeenFile.State.DUE)


def _due_again(owner: User, known: Collection[SeenFile]) -> set[int]:
    """Of these, what could not be taken an hour ago for no fault of its own, and has room now."""
    waiting = [seen for seen in known if seen.state == SeenFile.State.REFUSED and not seen.attempts]
    late = [seen for seen in waiting if _is_past(seen, AGAIN)]
    room = room_of(owner) if late else None
    return {seen.pk for seen in late if room and room.takes(seen.byte_size)}


def _is_past(seen: SeenFile, span: timedelta) -> bool:
    """Whether it was seen so long ago, or after now: clocks are set back."""
    return abs(timezone.now() - seen.seen_at) >= span


def _remember(owner: User, path: Path, now: os.stat_result, image: Image) -> None:
    values = {**_new(now), "state": SeenFile.State.TAKEN, "image": image}
    SeenFile.objects.update_or_create(
        key=_key(owner, path), defaults=values, create_defaults={**values, "owner": owner, "path": _quoted(path)}
    )


def _new(now: os.stat_result) -> dict[str, Any]:
    return {
        "byte_size": now.st_size,
        "modified_ns": _modified(now),
        "state": SeenFile.State.NEW,
        "attempts": 0,
        "seen_at": timezone.now(),
    }


def _modified(now: os.stat_result) -> int:
    return max(-_LARGEST, min(now.st_mtime_ns, _LARGEST))


def _key(owner: User, path: Path) -> str:
    return hashlib.sha256(b"%d:" % owner.pk + os.fsencode(path.absolute())).hexdigest()


# Names on disk are bytes, and need not be text.
def _quoted(path: Path) -> str:
    return quote_from_bytes(os.fsencode(path.absolute()))


def _path(seen: SeenFile) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(seen.path)))
