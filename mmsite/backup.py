"""What can't be made anew, the database and the originals, into a folder and back.

A backup is a folder with `originals/` as the site has it, the database in one file, a list of the originals that
`sha256sum --check` reads, and `backup.json`, which names these two: by that alone they are the backup. One that is
interrupted leaves the backup before it as it was.
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import IO, Any

from django.conf import settings
from django.core.files import File
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import stages, uploads
from gallery.chunks import AT_ONCE, in_pieces
from gallery.models import Image, Rendition, User
from gallery.storage import ORIGINALS, DurableFileSystemStorage, StoredFile, is_local, sync_folder
from mmsite import databases, pipeline

MANIFEST = "backup.json"
# No transaction that takes a picture in is open for longer.
OVERLAP = timedelta(hours=1)

Progress = Callable[[int], object]


class BackupFailed(Exception):
    """Nothing was backed up, or nothing restored; the text says why and what to do."""


@dataclass
class Report:
    """How many originals were copied, were there already, and were dropped since they were purged; and a sentence for
    each that isn't as it was when it came."""

    copied: int = 0
    kept: int = 0
    dropped: int = 0
    wrong: list[str] = field(default_factory=list)


def backup(*, folder: Path, verify: bool = False, progress: Progress) -> Report:
    """Backs the site up while it runs; done again into the same folder, it copies what is new.

    Originals first, then the database, then the originals that came meanwhile: each picture of the database's moment is
    there. With `verify`, what was copied before is read again, and copied anew where it differs. `progress` hears how
    many pictures each piece had. Raises BackupFailed, DatabaseFailed or OSError.
    """
    with _held(folder):
        return _backup(folder, verify=verify, progress=progress)


def _backup(folder: Path, *, verify: bool, progress: Progress) -> Report:
    store, report, started = DurableFileSystemStorage(location=folder), Report(), timezone.now()
    stamp = started.strftime("%Y%m%dT%H%M%S%f")
    listed, database = folder / f"{ORIGINALS}-{stamp}.sha256", folder / f"database-{stamp}{databases.suffix()}"
    rows = Image.with_trash.only("original", "sha256", "byte_size", "uploaded_at")
    since, seen = started - OVERLAP, set[int]()
    with listed.open("x", encoding="ascii") as sums:
        for piece in in_pieces(rows):
            _copy(piece, store, sums, report, verify=verify)
            seen.update(image.pk for image in piece if image.uploaded_at >= since)
            progress(len(piece))
        purged = list(_purged(store))
        databases.dump(database)
        for piece in in_pieces(rows.filter(uploaded_at__gte=since)):
            _copy((image for image in piece if image.pk not in seen), store, sums, report, verify=False)
        sums.flush()
        os.fsync(sums.fileno())
    manifest = {
        "made_at": started.isoformat(),
        "database": database.name,
        "sha256": _sha256(database),
        "originals": listed.name,
        "migrations": sorted(".".join(key) for key in MigrationLoader(connection).applied_migrations),
    }
    _manifest_write(folder, manifest)
    for path in [*folder.glob("database-*"), *folder.glob(f"{ORIGINALS}-*")]:
        if path not in (database, listed):
            path.unlink()
    for name in purged:
        store.delete(name)
    report.dropped = len(purged)
    return report


def restore(*, folder: Path, progress: Progress) -> Report:
    """Puts a backup into an installation that has neither people nor pictures, and whose site doesn't run.

    Originals first, each held to its hash, then the database, which is brought to this release; interrupted, it can be
    done again. The worker then makes the renditions; indexes come from the vectors in the database. `progress` hears of
    each picture. Raises BackupFailed, DatabaseFailed or OSError.
    """
    manifest = _manifest_read(folder)
    _refuse_lived_in()
    _refuse_unfit(folder, manifest)
    report = Report()
    with (folder / manifest["originals"]).open(encoding="ascii") as listed:
        for line in listed:
            sha256, name = line.split()
            _put_back(folder, name, sha256, report)
            progress(1)
    databases.load(folder / manifest["database"])
    call_command("migrate", interactive=False, verbosity=0)
    Rendition.objects.all().delete()
    uploads.uploads_refuse_open(sentence=_("The site was restored from a backup meanwhile. Please upload it again."))
    stages.requeue_all(images=Image.with_trash.all(), step=pipeline.RENDITIONS)
    return report


def _copy(
    images: Iterable[Image], store: DurableFileSystemStorage, sums: IO[str], report: Report, *, verify: bool
) -> None:
    for image in images:
        name = str(image.original.name)
        path = Path(store.path(name))
        is_there = path.is_file() and path.stat().st_size == image.byte_size
        if is_there and not (verify and _sha256(path) != image.sha256):
            report.kept += 1
        elif _copy_original(name, store):
            report.copied += 1
            if _sha256(path) != image.sha256:
                report.wrong.append(f"{name} is not as it came: its SHA-256 differs.")
        elif Image.with_trash.filter(pk=image.pk).exists():
            report.wrong.append(f"{name} is missing.")
        else:
            continue  # it was purged just now
        sums.write(f"{image.sha256}  {name}\n")


def _copy_original(name: str, store: DurableFileSystemStorage) -> bool:
    try:
        with default_storage.open(name) as original:
            store.delete(name)
            store.save(name, original)
    except FileNotFoundError:
        return False
    return True


def _purged(store: DurableFileSystemStorage) -> Iterator[str]:
    """Names of what no picture has any more, and of what an interrupted copy left."""
    for folder in map(str, store.scan(ORIGINALS)):
        names = [file.name for file in store.scan(folder) if isinstance(file, StoredFile)]
        for start in range(0, len(names), AT_ONCE):
            some = names[start : start + AT_ONCE]
            in_use = set(Image.with_trash.filter(original__in=some).values_list("original", flat=True))
            yield from (name for name in some if name not in in_use)


def _put_back(folder: Path, name: str, sha256: str, report: Report) -> None:
    path = folder / name
    if not path.is_file():
        report.wrong.append(f"{name} is missing.")
        return
    if _sha256(path) != sha256:
        report.wrong.append(f"{name} is not as it came: its SHA-256 differs.")
    if default_storage.exists(name):
        if default_storage.size(name) == path.stat().st_size:
            report.kept += 1
            return
        default_storage.delete(name)  # cut short
    with path.open("rb") as file:
        default_storage.save(name, File(file, name))
    report.copied += 1


def _refuse_unfit(folder: Path, manifest: dict[str, Any]) -> None:
    database = folder / manifest["database"]
    if database.suffix != databases.suffix():
        raise BackupFailed(
            f"{database.name} is not for this database ({connection.vendor}). Set MMSITE_DATABASE_URL to one of the "
            "kind that was backed up."
        )
    if _sha256(database) != manifest["sha256"]:
        raise BackupFailed(f"{database.name} is damaged: its SHA-256 is not that in {MANIFEST}.")
    known = {".".join(key) for key in MigrationLoader(None).disk_migrations}
    if newer := [name for name in manifest["migrations"] if name not in known]:
        raise BackupFailed(f"The backup is of a newer release, which has {newer[0]}. Install that release first.")


def _refuse_lived_in() -> None:
    tables = connection.introspection.table_names()
    if User._meta.db_table in tables and (User.objects.exists() or Image.with_trash.exists()):
        raise BackupFailed(
            "There are people or pictures here already. Restore into a new installation: set MMSITE_DATA_DIR to an "
            "empty folder, or MMSITE_DATABASE_URL to an empty database."
        )


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The folder, made where it is missing, for one backup at a time and for nothing else."""
    if is_local() and folder.resolve().is_relative_to(Path(settings.MEDIA_ROOT).resolve()):
        raise BackupFailed(f"{folder} is where the site keeps its pictures. Name another folder, on another disk.")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise BackupFailed(f"Another backup into {folder} is under way.") from None
        if not (folder / MANIFEST).exists():
            if any(folder.iterdir()):
                raise BackupFailed(f"{folder} holds something else. Name a new folder, or one with a backup.")
            _manifest_write(folder, {})
        yield
    finally:
        os.close(descriptor)


def _manifest_write(folder: Path, manifest: dict[str, Any]) -> None:
    part = folder / f"{MANIFEST}.part"
    with part.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.flush()
        os.fsync(file.fileno())
    part.replace(folder / MANIFEST)
    sync_folder(folder)


def _manifest_read(folder: Path) -> dict[str, Any]:
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise BackupFailed(f"There is no backup in {folder}: it has no {MANIFEST}.") from None
    if not manifest:
        raise BackupFailed(f"The first backup into {folder} was not finished: nothing can be restored from it.")
    return manifest


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
