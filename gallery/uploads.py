"""Files that come piece by piece. Bytes first, then the row that says how many are safe, then the acknowledgement.

A crash between the two leaves a file that is longer than its row says: the next piece overwrites what is past it. One
writer at a time has the lock of a file, which the system takes back from a process that dies.
"""

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from time import time
from typing import BinaryIO
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.db import DatabaseError
from django.db.models import Count, F, Q, Sum
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import archives
from gallery.exceptions import NotNow, OffsetMismatch, UploadBusy, UploadGone, UploadRefused
from gallery.intake import Outcome, picture_take
from gallery.models import Upload, User, Visibility
from gallery.pictures import in_millions
from gallery.pipeline import get_pipeline
from gallery.quotas import room_check
from gallery.storage import make_folder, not_now, sync_folder
from gallery.validators import clean_file_name

logger = logging.getLogger(__name__)

ATTEMPTS = 3  # to make a picture of a whole file, when the process that does it dies
LEFT_SECONDS = 60  # after so long, a whole file that nobody made a picture of is the sweep's
LITTER_SECONDS = 3_600


def upload_create(
    *, owner: User, file_name: str, byte_size: int, visibility: str = Visibility.PRIVATE, modified: int | None = None
) -> Upload:
    """Opens an upload, with an empty file. `modified`: when its file was changed, in milliseconds, for telling files
    apart. Raises UploadRefused with a sentence."""
    _check(owner, file_name, byte_size)
    upload = Upload(
        owner=owner,
        file_name=clean_file_name(file_name),
        byte_size=byte_size,
        visibility=Visibility(visibility),
        modified=modified,
    )
    try:
        make_folder(settings.UPLOADS_DIR, mode=0o700)
        os.close(os.open(path_of(upload), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
        sync_folder(settings.UPLOADS_DIR)
    except OSError as error:
        raise _refusal(error) from error
    upload.save(force_insert=True)
    return upload


def upload_append(*, upload: Upload, offset: int, data: bytes) -> None:
    """Adds a piece that begins at `offset`: it is on the disk when this returns, and `upload.received` says so.

    Raises OffsetMismatch where the next byte to come is another, UploadBusy, UploadGone, and UploadRefused when the
    piece reaches past the end, or the disk is full.
    """
    with _alone(upload) as file:
        if offset != upload.received:
            raise OffsetMismatch(upload.received)
        if offset + len(data) > upload.byte_size:
            raise UploadRefused(_("This is more than was announced."))
        try:
            file.truncate(offset)
            file.seek(offset)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        except OSError as error:
            raise _refusal(error) from error
        received, now = offset + len(data), timezone.now()
        same = Upload.objects.filter(pk=upload.pk, received=offset, state=Upload.State.RECEIVING)
        if not same.update(received=received, updated_at=now):
            raise OffsetMismatch(upload.received)
        upload.received, upload.updated_at = received, now


def upload_finish(*, upload: Upload) -> Upload:
    """Makes a picture of a file that is whole, or hands an archive to the worker; does nothing before, nor twice.

    Raises UploadBusy while somebody else does it, UploadGone, and NotNow where the site can't take it now: then it is
    kept for another try, and the sweep makes one.
    """
    with _alone(upload) as file:
        if upload.received < upload.byte_size:
            return upload
        attempts = upload.report.get("attempts", 0)
        if attempts >= ATTEMPTS:
            _settle(
                upload, Outcome(upload.file_name, "refused", _("This file could not be read: it stopped the site."))
            )
            return upload
        with _attempt(upload, attempts + 1):
            file.seek(0)
            if archives.is_archive(file, upload.file_name):
                _open_archive(upload, file)
            else:
                _settle(upload, _take(upload, file))
    return upload


def upload_take_whole(*, owner: User, file: "File[bytes]", file_name: str, visibility: str) -> Upload:
    """An archive that came in one piece, from a form: kept as an upload is. Raises UploadRefused with a sentence."""
    upload = upload_create(owner=owner, file_name=file_name, byte_size=file.size, visibility=visibility)
    try:
        for chunk in file.chunks(4 << 20):
            upload_append(upload=upload, offset=upload.received, data=chunk)
        return upload_finish(upload=upload)
    except UploadRefused:
        upload_delete(upload=upload)
        raise


def upload_delete(*, upload: Upload) -> None:
    """Forgets an upload and its file; pictures that it became stay. Raises UploadBusy while somebody writes to it."""
    try:
        with locked(upload):
            Upload.objects.filter(pk=upload.pk).delete()
            path_of(upload).unlink(missing_ok=True)
    except UploadGone:
        Upload.objects.filter(pk=upload.pk).delete()


def uploads_sweep(*, forgets: bool = True) -> None:
    """Makes pictures of whole files that a crash left lying, deletes files of no upload and, if it `forgets`, what is
    stale."""
    now = timezone.now()
    receiving = Upload.objects.filter(state=Upload.State.RECEIVING)
    rest = timedelta(seconds=LEFT_SECONDS)
    is_left = ~Q(updated_at__range=(now - rest, now + rest))  # or later than now: clocks are set back
    for upload in receiving.filter(is_left, received=F("byte_size")).select_related("owner"):
        try:
            upload_finish(upload=upload)
        except (UploadBusy, UploadGone):
            logger.info("%s is whole, and somebody else's business", upload.uuid)
        except NotNow as refusal:
            logger.warning("%s is whole, and waits: %s", upload.uuid, refusal)
    stale = Upload.objects.filter(updated_at__lt=now - timedelta(hours=settings.UPLOAD_HOURS))
    for upload in stale if forgets else ():
        if upload.state == Upload.State.UNPACKING and path_of(upload).exists():
            continue  # nobody but us lets it wait: no worker ran, or others come first
        try:
            upload_delete(upload=upload)
        except UploadBusy:
            logger.info("%s is stale, but in use", upload.uuid)
    _delete_litter()


def uploads_refuse_open(*, sentence: str) -> int:
    """Ends all that have come in part, or wait to be unpacked, since their bytes are gone; the number of them."""
    refused = {"state": Upload.State.REFUSED, "outcome": sentence, "report": {"kind": "refused"}}
    return Upload.objects.filter(state__in=Upload.OPEN).update(**refused, updated_at=timezone.now())


def uploads_of(owner: User) -> list[Upload]:
    """What is on its way in from a person, newest first."""
    return list(Upload.objects.filter(owner=owner, state__in=Upload.OPEN).order_by("-pk"))


def uploads_recent(owner: User) -> list[Upload]:
    """What the upload page tells of: what is on its way in, and archives that were unpacked lately, newest first."""
    told = Q(state__in=Upload.OPEN) | Q(entries__gt=0)
    return list(Upload.objects.filter(told, owner=owner).order_by("-pk")[:20])


def upload_of(owner: User, uuid: UUID) -> Upload | None:
    """The upload of this person; None for one that is absent or not theirs."""
    return Upload.objects.select_related("owner", "image").filter(owner=owner, uuid=uuid).first()


def path_of(upload: Upload) -> Path:
    """Where its bytes lie."""
    folder: Path = settings.UPLOADS_DIR
    return folder / f"{upload.uuid}.part"


def litter(*, seconds: float) -> Iterator[Path]:
    """Files that no open upload names, and that are older than so many seconds: young ones may be about to be named."""
    folder: Path = settings.UPLOADS_DIR
    if not folder.is_dir():
        return
    # The files first: a row is there after its file.
    old = [path for path in folder.iterdir() if _is_older(path, seconds)]
    named = set(Upload.objects.filter(state__in=Upload.OPEN).values_list("uuid", flat=True))
    names = {f"{uuid}.part" for uuid in named}
    yield from (path for path in old if path.name not in names)


def limit_of(file_name: str) -> int:
    """Bytes that a file of this name may have: an archive more than a picture."""
    limit: int = settings.GALLERY_LIMITS["archive" if archives.is_archive_name(file_name) else "bytes"]
    return limit


def _check(owner: User, file_name: str, byte_size: int) -> None:
    limits = settings.GALLERY_LIMITS
    if byte_size < 1:
        raise UploadRefused(_("This file is empty."))
    if byte_size > (limit := limit_of(file_name)):
        raise UploadRefused(
            _("This file has %(size)s MB; the limit is %(limit)s MB.")
            % {"size": in_millions(byte_size), "limit": in_millions(limit)}
        )
    room_check(owner=owner, byte_size=byte_size)
    there = Upload.objects.filter(owner=owner, state__in=Upload.OPEN).aggregate(
        number=Count("pk"), total=Sum("byte_size", default=0)
    )
    if there["number"] >= limits["open_uploads"] or there["total"] + byte_size > limits["open_bytes"]:
        raise NotNow(_("Too many of your uploads are unfinished. Finish or cancel some of them first."))


@contextmanager
def _attempt(upload: Upload, number: int) -> Iterator[None]:
    """Counts an attempt before the work, as that on pictures is: a file that kills its process must not do so for ever.
    One that failed for no fault of the file doesn't count, nor does it keep a file longer."""
    this = Upload.objects.filter(pk=upload.pk)
    before = {"report": upload.report, "updated_at": upload.updated_at}
    this.update(report={"attempts": number}, updated_at=timezone.now())
    try:
        yield
    except (NotNow, DatabaseError):
        with suppress(DatabaseError):
            this.filter(state=Upload.State.RECEIVING).update(**before)
        raise


def _take(upload: Upload, file: BinaryIO) -> Outcome:
    """Raises NotNow where the site can't take it now."""
    outcome = picture_take(
        owner=upload.owner, file=File(file), file_name=upload.file_name, visibility=upload.visibility
    )
    if outcome.waits and outcome.refusal:
        raise outcome.refusal
    return outcome


def _open_archive(upload: Upload, file: BinaryIO) -> None:
    try:
        with archives.archive_open(file) as archive:
            number = len(archives.entries(archive))
        if not number:
            raise UploadRefused(_("There is no picture in this archive."))
    except UploadRefused as refusal:
        _settle(upload, Outcome(upload.file_name, "refused", str(refusal)))
        return
    upload.state, upload.entries, upload.report = Upload.State.UNPACKING, number, {"kind": "unpacking"}
    upload.outcome, upload.updated_at = "Its pictures are being taken in.", timezone.now()
    upload.save(update_fields=["state", "entries", "report", "outcome", "updated_at"])
    get_pipeline().wake()


def _settle(upload: Upload, outcome: Outcome) -> None:
    """Says what became of it, and then deletes its bytes."""
    upload.state = Upload.State.REFUSED if outcome.kind == "refused" else Upload.State.DONE
    upload.outcome, upload.image, upload.updated_at = outcome.sentence[:500], outcome.image, timezone.now()
    upload.report = {"kind": outcome.kind}
    names = ("state", "outcome", "image", "report", "updated_at")
    # not save(): it goes with its owner, who may have been deleted meanwhile
    Upload.objects.filter(pk=upload.pk).update(**{name: getattr(upload, name) for name in names})
    path_of(upload).unlink(missing_ok=True)


@contextmanager
def _alone(upload: Upload) -> Iterator[BinaryIO]:
    """The file of an upload that is being received, for one writer at a time, and `upload` as it is by now."""
    with locked(upload) as file:
        upload.refresh_from_db()
        if upload.state != Upload.State.RECEIVING:
            raise UploadGone
        size = os.fstat(file.fileno()).st_size
        if size < upload.received:  # the file was cut behind our back: only what is there counts
            logger.error("%s has %s bytes and should have %s", path_of(upload), size, upload.received)
            Upload.objects.filter(pk=upload.pk).update(received=size)
            upload.received = size
        yield file


@contextmanager
def locked(upload: Upload) -> Iterator[BinaryIO]:
    """The file of an upload, for one process at a time. Raises UploadBusy, UploadGone."""
    try:
        file = path_of(upload).open("r+b")
    except FileNotFoundError:
        raise UploadGone from None
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise UploadBusy from None
        if not Upload.objects.filter(pk=upload.pk).exists():  # deleted while we were opening it
            raise UploadGone
        yield file


def _refusal(error: OSError) -> NotNow:
    logger.exception("Could not write below %s", settings.UPLOADS_DIR)
    return not_now(error)


def _delete_litter() -> None:
    for path in litter(seconds=LITTER_SECONDS):
        try:
            path.unlink(missing_ok=True)
        except OSError as error:
            logger.warning("%s is litter, and could not be deleted: %s", path, error)


def _is_older(path: Path, seconds: float) -> bool:
    try:
        return path.is_file() and path.stat().st_mtime < time() - seconds
    except FileNotFoundError:
        return False  # somebody else deleted it
