"""Every file of the store against the rows that name it.

Some folders at a time, over which `original_name` spreads them by the first two digits of their uuids: a 256th of the
library, or some thousands of files, are in memory at once. Files are listed before their rows are read: a file is there
before its row, and its row is gone before it. What looks wrong is looked at again before anything is said of it, and
once more before a file is deleted.
"""

import hashlib
import re
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, cast
from uuid import UUID

from django.core.exceptions import SuspiciousOperation
from django.core.files.storage import default_storage
from django.db.models import Count

from gallery import stages
from gallery.chunks import AT_ONCE, in_chunks
from gallery.findings import Finding, Scope
from gallery.models import Image, ImageQuerySet, Rendition, Stage
from gallery.pipeline import RENDITIONS_STEP
from gallery.purge import PIECE
from gallery.storage import ORIGINALS, RENDITIONS, StoredFile, StoreUnavailable, files_below

FOLDERS = [f"{number:02x}" for number in range(256)]
PICTURES_AT_ONCE = 2_000
# A purge takes the rows of some pictures first and then their files, one after the other.
SECOND_LOOK_SECONDS = 10.0
# Files without a row that are kept in mind until the second look.
MOST_SUSPECTS = 10_000
# So many originals without a row are what a purge leaves that is killed. Where there are more, and more than of the
# others, the database may be another one or an old one.
MOST_LITTER = PIECE

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def check_files(scope: Scope) -> Iterator[Finding]:
    """Originals and renditions are there and whole, and nothing else is. With `deep`, originals are read and hashed."""
    yield from _check_shared()
    litter = _Litter(scope)
    at_once = max(1, len(FOLDERS) * PICTURES_AT_ONCE // (Image.with_trash.count() + 1))
    for begin in range(0, len(FOLDERS), at_once):
        yield from _check_folders(FOLDERS[begin : begin + at_once], litter, scope)
    for top in (ORIGINALS, RENDITIONS):
        yield from litter.add(files_below(top, without=[f"{top}/{folder}" for folder in FOLDERS]))
    yield from litter.settle()


def _check_folders(folders: Sequence[str], litter: "_Litter", scope: Scope) -> Iterator[Finding]:
    """Of folders that follow one another, all files and all rows."""
    paths = [f"{top}/{folder}" for top in (ORIGINALS, RENDITIONS) for folder in folders]
    files = {file.name: file for path in paths for file in files_below(path)}
    images = Image.with_trash.filter(uuid__range=(UUID(f"{folders[0]}{'0' * 30}"), UUID(f"{folders[-1]}{'f' * 30}")))
    broken: set[int] = set()
    for image in images.only("uuid", "original", "byte_size", "sha256"):
        if fault := _fault_of_original(image, files.pop(str(image.original), None), deep=scope.deep):
            broken.add(image.pk)
            yield fault
        else:
            litter.kept += 1
        scope.progress(1)
    yield from _check_renditions(images, files, broken, repair=scope.repair)
    yield from litter.add(files.values())


def _check_shared() -> Iterator[Finding]:
    """No two pictures have one original, which would go with the first of them."""
    counted = Image.with_trash.order_by().values("original").annotate(number=Count("pk")).filter(number__gt=1)
    for row in counted:
        yield Finding("original-shared", row["original"], f"{row['number']:,} pictures have this one file")


def _fault_of_original(image: Image, listed: StoredFile | None, *, deep: bool) -> Finding | None:
    name = str(image.original)
    fault = _fault(name, image.byte_size, listed) or (_fault_of_bytes(name, image.sha256) if deep else None)
    if fault is None or not Image.with_trash.filter(pk=image.pk, original=name).exists():  # purged meanwhile
        return None
    kind, detail = fault
    return Finding(f"original-{kind}", f"picture {image.uuid}", f"{detail}; put it back from a backup")


def _fault(name: str, byte_size: int, listed: StoredFile | None) -> tuple[str, str] | None:
    """What is wrong with a file, as the end of a kind and in words. A listing that says something is asked twice: it
    may have been made while the file was."""
    if listed is not None and listed.byte_size == byte_size:
        return None
    try:
        found = default_storage.size(name) if name else None
    except FileNotFoundError:
        found = None
    except StoreUnavailable:
        raise
    except (OSError, SuspiciousOperation) as error:
        return "damaged", f"{name} can't be read: {error}"
    if found is None:
        return "missing", f"{name or 'its file'} is not there"
    if found != byte_size:
        return "damaged", f"{name} has {found:,} bytes and should have {byte_size:,}"
    return None


def _fault_of_bytes(name: str, sha256: str) -> tuple[str, str] | None:
    try:
        with default_storage.open(name) as file:
            found = hashlib.file_digest(cast(Any, file), "sha256").hexdigest()
    except FileNotFoundError:
        return "missing", f"{name} is not there"
    except StoreUnavailable:
        raise
    except OSError as error:
        return "damaged", f"{name} can't be read: {error}"
    return None if found == sha256 else ("damaged", f"the SHA-256 of {name} is {found} and should be {sha256}")


def _check_renditions(
    images: ImageQuerySet, files: dict[str, StoredFile], broken: set[int], *, repair: bool
) -> Iterator[Finding]:
    """Those that rows name are there and whole; else they are made again, unless the original is broken too. Takes what
    is named out of `files`."""
    wrong: dict[int, list[Finding]] = {}
    for rendition in Rendition.objects.filter(image__in=images).select_related("image"):
        name = str(rendition.file)
        if fault := _fault(name, rendition.byte_size, files.pop(name, None)):
            kind, detail = fault
            found = Finding(f"rendition-{kind}", f"picture {rendition.image.uuid}, {rendition.kind}", detail)
            if Rendition.objects.filter(pk=rendition.pk, file=name).exists():  # not replaced meanwhile
                wrong.setdefault(rendition.image_id, []).append(found)
    for chunk in in_chunks(wrong, AT_ONCE):
        open_now = Stage.objects.filter(image__in=chunk, step=RENDITIONS_STEP, state__in=Stage.OPEN)
        being_made = set(open_now.values_list("image_id", flat=True))
        makeable = set(chunk) - broken - being_made
        if repair and makeable:
            stages.requeue(image_ids=makeable, step=RENDITIONS_STEP, priority=Stage.Priority.BACKFILL)
        for pk in set(chunk) - being_made:
            yield from (replace(each, repaired=repair and pk in makeable) for each in wrong[pk])


class _Litter:
    """Files that no row named when they were looked at, and that are too old to be on their way in."""

    def __init__(self, scope: Scope) -> None:
        self.kept = 0  # originals that are as their rows say
        self._repair, self._before = scope.repair, scope.before
        self._suspects: list[StoredFile] = []
        self._originals = 0

    def add(self, files: Iterable[StoredFile]) -> Iterator[Finding]:
        for file in files:
            if file.modified_at < self._before:
                self._suspects.append(file)
                if len(self._suspects) >= MOST_SUSPECTS:
                    yield from self.settle()

    def settle(self) -> Iterator[Finding]:
        """Look at them again: what a purge was about to delete is gone by now."""
        if self._suspects:
            time.sleep(SECOND_LOOK_SECONDS)
        # all of them before the first is deleted
        self._originals += sum(_is_original(file) for file in self._suspects)
        for begin in range(0, len(self._suspects), AT_ONCE):
            some = self._suspects[begin : begin + AT_ONCE]
            names = [file.name for file in some if _is_text(file.name)]
            originals = Image.with_trash.filter(original__in=names).values_list("original", flat=True)
            named = {*originals, *Rendition.objects.filter(file__in=names).values_list("file", flat=True)}
            left = [file for file in some if file.name not in named and default_storage.exists(file.name)]
            needed = _may_be_missed(left)
            yield from (self._finding(file, needed) for file in left)
        self._suspects.clear()

    def _finding(self, file: StoredFile, needed: set[str]) -> Finding:
        repaired = False
        detail = f"no picture has it; {file.byte_size:,} bytes, of {file.modified_at:%Y-%m-%d %H:%M} UTC"
        if file.name in needed:
            detail += "; kept, since its picture lacks its original, which this may be"
        elif self._repair and _is_original(file) and self._originals > max(MOST_LITTER, self.kept):
            detail += "; kept, since more originals have no row than have one: is this the right database, and not old?"
        elif self._repair:
            try:
                default_storage.delete(file.name)
                repaired = True
            except OSError as error:
                detail += f"; it can't be deleted: {error}"
        subject = file.name.encode(errors="backslashreplace").decode()
        return Finding("file-orphaned", subject, detail, repaired)


def _is_original(file: StoredFile) -> bool:
    return file.name.startswith(f"{ORIGINALS}/")


def _is_text(name: str) -> bool:
    """Whether rows can have this name: on disks, names need not be text."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _may_be_missed(files: Sequence[StoredFile]) -> set[str]:
    """Names of those that bear the uuid of a picture whose original is missing or damaged."""
    of_uuid: dict[str, list[str]] = {}
    for file in files:
        if _is_original(file) and (found := _UUID.search(file.name)):
            of_uuid.setdefault(found[0], []).append(file.name)
    images = Image.with_trash.filter(uuid__in=of_uuid).only("uuid", "original", "byte_size")
    return {
        name
        for image in images
        if _fault(str(image.original), image.byte_size, None)
        for name in of_uuid[str(image.uuid)]
    }
