"""Folders of this machine: pictures are taken in from them, and nothing in them is ever moved, changed or deleted.

What was seen is remembered by path, size and time, so that looking again costs next to nothing. In a watched folder
(settings.WATCH) a file is taken once it was the same at two looks, a sweep apart: till then somebody may be writing it.
"""

import hashlib
import logging
import os
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic
from typing import IO, Any
from urllib.parse import quote_from_bytes, unquote_to_bytes

from django.conf import settings
from django.core.files import File
from django.db.models import F
from django.utils import timezone

from gallery import archives, unpacking, uploads
from gallery.chunks import AT_ONCE
from gallery.exceptions import UploadRefused
from gallery.intake import Outcome, picture_take
from gallery.models import Image, SeenFile, Stage, User, Visibility

logger = logging.getLogger(__name__)

ATTEMPTS = 3  # to take a file in, when the process that does it dies
# Looking at a large folder takes seconds: it is done as rarely as to take a twentieth of the worker's time at most.
REST_PER_LOOK = 20

_next_look = 0.0


def files_below(folder: Path, *, note: Callable[[OSError], None]) -> Iterator[Path]:
    """Every file below a folder but hidden ones, folder by folder; `note` is told of folders that can't be read."""
    for parent, folders, names in os.walk(folder, onerror=note):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        paths = (Path(parent, name) for name in sorted(names) if not name.startswith("."))
        yield from (path for path in paths if path.is_file())


def file_take(*, owner: User, path: Path, visibility: str = Visibility.PRIVATE) -> list[Outcome]:
    """Takes in a picture, or each one in an archive, unless it is known that the owner has it already. Raises OSError
    where the file can't be read."""
    with path.open("rb") as opened:
        now = os.fstat(opened.fileno())
        seen = SeenFile.objects.filter(key=_key(owner, path), byte_size=now.st_size, modified_ns=now.st_mtime_ns)
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
        elif not folder.is_dir():
            logger.warning("MMSITE_WATCH: there is no folder %s.", folder)
        else:
            folder_look(owner=owner, folder=folder)
    _next_look = monotonic() + REST_PER_LOOK * (monotonic() - begin)


def folder_look(*, owner: User, folder: Path) -> None:
    """Looks at every file below a folder: what is as it was at the last look is due."""
    some: list[Path] = []
    for path in files_below(folder, note=lambda error: logger.warning("A folder could not be read: %s", error)):
        some.append(path)
        if len(some) == AT_ONCE:
            _look(owner, some)
            some = []
    _look(owner, some)


def any_due() -> bool:
    """Whether files of watched folders are to be taken in."""
    return SeenFile.objects.filter(state=SeenFile.State.DUE).exists()


def take_some(*, most: int) -> int:
    """Takes in up to `most` files of watched folders; how many it looked at."""
    due = list(SeenFile.objects.filter(state=SeenFile.State.DUE).select_related("owner").order_by("pk")[:most])
    for seen in due:
        SeenFile.objects.filter(pk=seen.pk).update(attempts=F("attempts") + 1)  # before the work, which may kill us
        if seen.attempts >= ATTEMPTS:
            _settle(seen, Outcome(_path(seen).name, "refused", "This file could not be read: it stopped the worker."))
        else:
            _take(seen)
    return len(due)


def _take(seen: SeenFile) -> None:
    path = _path(seen)
    try:
        with path.open("rb") as opened:
            now = os.fstat(opened.fileno())
            if (now.st_size, now.st_mtime_ns) != (seen.byte_size, seen.modified_ns):
                SeenFile.objects.filter(pk=seen.pk).update(**_new(now))
                return
            _settle(seen, _outcome(seen.owner, path, opened))
    except FileNotFoundError:
        seen.delete()
    except OSError as error:
        _settle(seen, Outcome(path.name, "refused", f"This file could not be read: {error.strerror}."))


def _outcome(owner: User, path: Path, opened: IO[bytes]) -> Outcome:
    if not archives.is_archive(opened, path.name):
        return picture_take(owner=owner, file=File(opened), file_name=path.name, priority=Stage.Priority.BACKFILL)
    try:  # it may take long, and is unpacked a few pictures at a time, as uploaded ones are
        upload = uploads.upload_take_whole(
            owner=owner, file=File(opened), file_name=path.name, visibility=Visibility.PRIVATE
        )
    except UploadRefused as refusal:
        return Outcome(path.name, "refused", str(refusal))
    return Outcome(path.name, "unpacking", upload.outcome)


def _settle(seen: SeenFile, outcome: Outcome) -> None:
    is_refused = outcome.kind == "refused"
    if is_refused:
        logger.warning("%s is not taken in: %s", ascii(str(_path(seen)))[1:-1], outcome.sentence)
    state = SeenFile.State.REFUSED if is_refused else SeenFile.State.TAKEN
    SeenFile.objects.filter(pk=seen.pk).update(state=state, image=outcome.image, seen_at=timezone.now())


def _look(owner: User, paths: list[Path]) -> None:
    keys = {_key(owner, path): path for path in paths}
    known = {seen.key: seen for seen in SeenFile.objects.filter(key__in=keys)}
    unknown, unchanged = [], []
    for key, path in keys.items():
        try:
            now = path.stat()
        except OSError:
            continue  # gone since it was listed
        seen = known.get(key)
        if seen is None:
            unknown.append(SeenFile(key=key, owner=owner, path=_quoted(path), **_new(now)))
        elif (now.st_size, now.st_mtime_ns) != (seen.byte_size, seen.modified_ns):
            SeenFile.objects.filter(pk=seen.pk).update(**_new(now))
        elif seen.state == SeenFile.State.NEW:
            unchanged.append(seen.pk)
    SeenFile.objects.bulk_create(unknown, ignore_conflicts=True)
    SeenFile.objects.filter(pk__in=unchanged, state=SeenFile.State.NEW).update(state=SeenFile.State.DUE)


def _remember(owner: User, path: Path, now: os.stat_result, image: Image) -> None:
    values = {**_new(now), "state": SeenFile.State.TAKEN, "image": image}
    SeenFile.objects.update_or_create(
        key=_key(owner, path), defaults=values, create_defaults={**values, "owner": owner, "path": _quoted(path)}
    )


def _new(now: os.stat_result) -> dict[str, Any]:
    return {
        "byte_size": now.st_size,
        "modified_ns": now.st_mtime_ns,
        "state": SeenFile.State.NEW,
        "attempts": 0,
        "seen_at": timezone.now(),
    }


def _key(owner: User, path: Path) -> str:
    return hashlib.sha256(b"%d:" % owner.pk + os.fsencode(path.absolute())).hexdigest()


# Names on disk are bytes, and need not be text.
def _quoted(path: Path) -> str:
    return quote_from_bytes(os.fsencode(path.absolute()))


def _path(seen: SeenFile) -> Path:
    return Path(os.fsdecode(unquote_to_bytes(seen.path)))
