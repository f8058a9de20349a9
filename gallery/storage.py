"""Files that survive a power cut, and their names."""

import errno
import logging
import os
import tempfile
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple, Protocol, cast
from uuid import UUID

from django.conf import settings
from django.core.files import File
from django.core.files.storage import FileSystemStorage, default_storage
from django.utils.deconstruct import deconstructible
from django.utils.translation import gettext as _

from gallery.exceptions import NoRoom, NotNow
from gallery.outages import is_full

ORIGINALS, RENDITIONS = "originals", "renditions"

logger = logging.getLogger(__name__)


class StoreUnavailable(OSError):
    """The store of pictures, where it is not a folder, doesn't answer or refuses."""


def not_now(error: OSError) -> NotNow:
    """What to raise where a file can't be kept, in words for whoever gave it."""
    if is_full(error):
        return NoRoom(_("There is no room left on this site for this file."))
    return NotNow(_("This file could not be stored; please try again later."))


def is_local() -> bool:
    """Whether pictures lie in a folder, settings.MEDIA_ROOT, rather than on a server."""
    backend: str = settings.STORAGES["default"]["BACKEND"]  # by name, since making it would load boto3
    return backend != "gallery.s3.S3Storage"


def base_of(folder: Path) -> tuple[Path, bool]:
    """The nearest part of a path that is there, and whether this process may make files and folders in it."""
    absolute = folder.absolute()
    base = next(path for path in (absolute, *absolute.parents) if path.exists())
    return base, base.is_dir() and os.access(base, os.W_OK | os.X_OK)


def original_name(uuid: UUID, extension: str) -> str:
    """Where the original lies: `originals/ab/<uuid>.<extension>`; two hex digits keep the folders small."""
    return f"{ORIGINALS}/{uuid.hex[:2]}/{uuid}.{extension}"


def rendition_name(uuid: UUID, kind: str) -> str:
    """Where a rendition lies, unless that name is taken: then the storage adds a few letters."""
    return f"{RENDITIONS}/{uuid.hex[:2]}/{uuid}-{kind}.webp"


class StoredFile(NamedTuple):
    """A file of the store, as a listing tells of it."""

    name: str
    byte_size: int
    modified_at: datetime


class Lists(Protocol):
    """What both stores of pictures can do beside Django's `Storage`."""

    def scan(self, folder: str) -> Iterator[StoredFile | str]:
        """What lies in a folder, in no order: its files, and the names of its folders. Nothing where there is none.
        Raises OSError."""


def files_below(folder: str, *, without: Collection[str] = ()) -> Iterator[StoredFile]:
    """The files of a folder of the store and of those in it, but for some of those. Raises OSError."""
    for found in cast(Lists, default_storage).scan(folder):
        if isinstance(found, StoredFile):
            yield found
        elif found not in without:
            yield from files_below(found)


@contextmanager
def kept_if_used(in_use: Callable[[str], bool]) -> Iterator[list[str]]:
    """Gives a list for the names of files stored in the block. When it fails, those not `in_use` by a row are deleted.

    A failure alone proves nothing: Ctrl-C or a lost connection can come when the rows are committed already, and a
    file without a row is litter, but a row without its file is a lost picture.
    """
    names: list[str] = []
    succeeded = False
    try:
        yield names
        succeeded = True
    finally:
        if not succeeded:
            files_delete([name for name in names if not in_use(name)])


def files_delete(names: Iterable[str]) -> None:
    """Deletes what no row names any more. One that can't be deleted is logged, and keeps none of the others."""
    for name in names:
        try:
            default_storage.delete(name)
        except OSError as error:
            logger.warning("%s is litter, and could not be deleted: %s", name, error)


@deconstructible(path="gallery.storage.DurableFileSystemStorage")
class DurableFileSystemStorage(FileSystemStorage):
    """A file has its name only once all of its bytes are on the disk, and keeps it over a power cut.

    Bytes go to a temporary file in the target folder, which is synced, renamed and the folder synced: the order that
    PostgreSQL's durable_rename follows. Nothing is overwritten, and nothing stays behind when that fails.
    """

    def scan(self, folder: str) -> Iterator[StoredFile | str]:
        """See Lists."""
        try:
            entries = os.scandir(self.path(folder))
        except FileNotFoundError:
            return
        with entries:
            for entry in entries:
                name = f"{folder}/{entry.name}"
                if entry.is_dir(follow_symlinks=False):
                    yield name
                    continue
                try:
                    known = entry.stat()
                except FileNotFoundError:
                    continue  # it was a temporary one, or has just been deleted
                yield StoredFile(name, known.st_size, datetime.fromtimestamp(known.st_mtime, UTC))

    def _save(self, name: str, content: "File[bytes]") -> str:
        target = Path(self.path(name))
        make_folder(target.parent, mode=self.directory_permissions_mode)
        descriptor, temporary = tempfile.mkstemp(prefix=".", suffix=".part", dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                for chunk in content.chunks():
                    file.write(chunk)
                file.flush()
                if self.file_permissions_mode is not None:
                    os.fchmod(file.fileno(), self.file_permissions_mode)
                os.fsync(file.fileno())
            name = self._reserve(name)
            target = Path(self.path(name))
            try:
                os.replace(temporary, target)
                self._sync_folders(target.parent)
            except OSError:
                target.unlink(missing_ok=True)
                raise
        finally:
            Path(temporary).unlink(missing_ok=True)
        return name.replace("\\", "/")

    def _reserve(self, name: str) -> str:
        """Takes the name, or another where it is taken, with an empty file: renaming alone would overwrite silently,
        and hard links, which don't, are missing on some file systems. A crash right then leaves it, known to no row."""
        while True:
            try:
                os.close(os.open(self.path(name), os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
            except FileExistsError:
                name = self.get_available_name(name)
            else:
                return name

    def _sync_folders(self, folder: Path) -> None:
        """Makes names durable from `folder` up to the root: somebody else may have made one of the folders between
        just now, and not have synced it yet. Syncing what is unchanged costs next to nothing."""
        root = Path(self.location)
        for each in (folder, *folder.parents):
            sync_folder(each)
            if each == root:
                break


def make_folder(folder: Path, *, mode: int | None = None) -> None:
    """Makes the folder and those above it, each durable in its parent; what is there already keeps its mode."""
    if folder.is_dir():
        return
    make_folder(folder.parent, mode=mode)
    folder.mkdir(mode=0o777 if mode is None else mode, exist_ok=True)
    if mode is not None:
        folder.chmod(mode)
    sync_folder(folder.parent)


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        # Some file systems can't sync folders and say so; PostgreSQL's fsync_fname lets the same two pass.
        if error.errno not in (errno.EBADF, errno.EINVAL):
            raise
    finally:
        os.close(descriptor)
