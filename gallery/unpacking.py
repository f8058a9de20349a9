"""Archives that were uploaded, unpacked by the worker: picture by picture, each known by its bytes, so that a process
that dies midway costs nothing but time."""

import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import suppress
from typing import IO, Any

from django.core.files import File
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery import archives, uploads
from gallery.exceptions import NotNow, UploadBusy, UploadGone, UploadRefused
from gallery.intake import Outcome, picture_take
from gallery.models import Stage, Upload, User
from gallery.sidecars import LARGEST, sidecar_caption
from gallery.validators import clean_file_name

logger = logging.getLogger(__name__)

ATTEMPTS = 3  # at one entry, when the process that takes it dies
TOO_MUCH = gettext_lazy("This archive unpacks to more than pictures do. Send the rest by itself.")
MOST_REFUSALS = 200  # that are told by name
# What an archive may unpack to in all: pictures are packed already.
_MOST_RATIO, _RATIO_FROM_BYTES = 20, 1_000_000_000


def any_due() -> bool:
    """Whether an archive waits to be unpacked."""
    return Upload.objects.filter(state=Upload.State.UNPACKING).exists()


def unpack_some(*, most: int) -> int:
    """Takes in up to `most` further entries of the archive that waits longest; how many they were."""
    for upload in Upload.objects.filter(state=Upload.State.UNPACKING).select_related("owner").order_by("pk"):
        try:
            return _unpack(upload, most)
        except UploadBusy:
            continue  # another worker is at it
        except UploadGone:
            logger.warning("The file of %s is not on this machine", upload.uuid)
    return 0


def take_all(*, owner: User, file: IO[bytes], visibility: str) -> Iterator[Outcome]:
    """Takes in every picture of an archive at once, for those who wait for it: an outcome for each."""
    name = clean_file_name(str(getattr(file, "name", "archive.zip")))
    try:
        archive = archives.archive_open(file)
    except UploadRefused as refusal:
        yield Outcome(name, "refused", str(refusal))
        return
    with archive:
        left = _most_bytes(os.fstat(file.fileno()).st_size)
        for info in archives.entries(archive):
            left -= _bytes(archive, info)
            if left < 0:
                yield Outcome(name, "refused", str(TOO_MUCH))
                return
            yield _picture(owner, archive, info, visibility)


def _unpack(upload: Upload, most: int) -> int:
    with uploads.locked(upload) as file:
        upload.refresh_from_db()
        if upload.state != Upload.State.UNPACKING:
            return 0
        begin = upload.entries_done
        try:
            archive = archives.archive_open(file)
        except UploadRefused as refusal:  # its file was cut behind our back, or the limits are others by now
            _end(upload, str(refusal), is_refused=True)
            return 0
        with archive:
            there = archives.entries(archive)
            for info in there[begin : begin + most]:
                before = upload.report
                try:
                    outcome = _entry_take(upload, archive, info)
                except DatabaseError:
                    with suppress(DatabaseError):
                        _save_untried(upload, before)
                    raise
                if outcome.waits:
                    _save_untried(upload, before)
                    break
                _report(upload, outcome)
        number = upload.entries_done - begin
        if upload.entries_done >= len(there):
            _finish(upload)
    return number


def _entry_take(upload: Upload, archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> Outcome:
    name = clean_file_name(archives.name_of(info))
    index, attempts = upload.report.get("trying", (-1, 0))
    attempts = attempts + 1 if index == upload.entries_done else 1
    if attempts > ATTEMPTS:
        return Outcome(name, "refused", _("This file could not be read: it stopped the site."))
    upload.report = {**upload.report, "trying": [upload.entries_done, attempts]}
    _save(upload)
    unpacked = upload.report.get("bytes", 0) + _bytes(archive, info)
    if unpacked > _most_bytes(upload.byte_size):
        return Outcome(name, "refused", str(TOO_MUCH))
    upload.report = {**upload.report, "bytes": unpacked}
    return _picture(upload.owner, archive, info, upload.visibility)


def _picture(owner: User, archive: zipfile.ZipFile, info: zipfile.ZipInfo, visibility: str) -> Outcome:
    name = clean_file_name(archives.name_of(info))
    try:
        with archives.entry_read(archive, info) as file:
            return picture_take(
                owner=owner,
                file=File(file),
                file_name=name,
                visibility=visibility,
                priority=Stage.Priority.BACKFILL,
                caption=_caption(archive, info),
            )
    except UploadRefused as refusal:
        return Outcome(name, "refused", str(refusal), refusal=refusal)


def _caption(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> str:
    """What the sidecar beside a picture says, if any; raises NotNow."""
    beside = archives.sidecar_entry(archive, info)
    if beside is None:
        return ""
    try:
        with archives.entry_read(archive, beside, most=LARGEST) as file:
            return sidecar_caption(file)
    except NotNow:
        raise
    except UploadRefused:  # it costs no picture
        return ""


def _bytes(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> int:
    """What an entry unpacks to, with its sidecar."""
    beside = archives.sidecar_entry(archive, info)
    return info.file_size + (beside.file_size if beside else 0)


def _most_bytes(packed: int) -> int:
    return max(_RATIO_FROM_BYTES, _MOST_RATIO * packed)


def _report(upload: Upload, outcome: Outcome) -> None:
    report: dict[str, Any] = {**upload.report, outcome.kind: upload.report.get(outcome.kind, 0) + 1}
    refusals: list[list[str]] = report.get("refusals", [])
    if outcome.kind == "refused" and len(refusals) < MOST_REFUSALS:
        report["refusals"] = [*refusals, [outcome.name, outcome.sentence]]
    upload.report = report
    upload.entries_done += 1
    _save(upload)


def _finish(upload: Upload) -> None:
    report = upload.report
    numbers = [
        f"{report.get('created', 0):,} uploaded",
        f"{report.get('duplicate', 0):,} there already",
        f"{report.get('refused', 0):,} refused",
    ]
    is_refused = not report.get("created") and not report.get("duplicate")
    _end(upload, ", ".join(numbers) + ".", is_refused=is_refused)


def _end(upload: Upload, sentence: str, *, is_refused: bool) -> None:
    upload.outcome = sentence[:500]
    upload.state = Upload.State.REFUSED if is_refused else Upload.State.DONE
    upload.report = {**upload.report, "kind": "refused" if is_refused else "created"}
    _save(upload, "state", "outcome")
    uploads.path_of(upload).unlink(missing_ok=True)


def _save_untried(upload: Upload, before: dict[str, Any]) -> None:
    """As if the entry at hand had not been tried."""
    upload.report = {**before, "trying": [-1, 0]}
    _save(upload)


def _save(upload: Upload, *more: str) -> None:
    upload.updated_at = timezone.now()
    upload.save(update_fields=["entries_done", "report", "updated_at", *more])
