"""ZIP archives: pictures read out of those that strangers made, and pictures streamed into new ones.

Nothing is ever unpacked to a path: entries are read one by one, and their names are data. All limits count what is
really read, since everything that an archive says of itself may be a lie.
"""

import csv
import io
import lzma
import tempfile
import zipfile
import zlib
from collections.abc import Callable, Generator, Iterable, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import PurePosixPath
from typing import IO, BinaryIO, NamedTuple

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from gallery import sidecars
from gallery.exceptions import UploadRefused
from gallery.storage import not_now
from gallery.wording import grouped

PIECE = 256 << 10
_BEGINNINGS = (b"PK\x03\x04", b"PK\x05\x06")
_ENCRYPTED = 0x1
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)
# Of the list at the archive's end: a name is rarely longer. It is read whole, hence bounded before it is; but so is
# the archive's comment, and so are pieces of pictures.
_LIST_BYTES_PER_ENTRY, _LEAST_LIST_BYTES = 600, 1 << 20
# Pictures are packed already. One that shrinks this much, and is no small one, is a bomb.
_MOST_RATIO, _RATIO_FROM_BYTES = 200, 10_000_000
_UTF8 = 0x800
_LARGEST_OFFSET = (1 << 63) - 1
_SYSTEM_FILES, _SYSTEM_FOLDER = ("thumbs.db", "desktop.ini"), "__macosx"
# Spreadsheets take cells that begin so for formulas, whoever wrote them; one apostrophe more makes them text.
_FORMULAS = ("=", "+", "-", "@", "\t", "\r")
# What Windows takes for no name, or for one of its devices'. Names that begin with a dot are hidden elsewhere.
_NOT_IN_NAMES = str.maketrans(dict.fromkeys('<>:"/\\|?*', "_"))
_DEVICES = {"con", "prn", "aux", "nul", *(f"{port}{number}" for port in ("com", "lpt") for number in range(1, 10))}
_BROKEN = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError, ValueError, NotImplementedError)


def is_archive_name(file_name: str) -> bool:
    """Whether a file of this name may be an archive."""
    return file_name.lower().endswith(".zip")


def is_archive(file: BinaryIO | IO[bytes], file_name: str) -> bool:
    """Whether this is a ZIP archive, by name and by content: documents of offices are archives too."""
    return is_archive_name(file_name) and is_zip(file)


def is_zip(file: BinaryIO | IO[bytes]) -> bool:
    """Whether this is a ZIP archive, or a document that is one inside."""
    file.seek(0)
    beginning = file.read(4)
    file.seek(0)
    return beginning in _BEGINNINGS


def archive_open(file: BinaryIO | IO[bytes]) -> zipfile.ZipFile:
    """The archive in a file, its list of entries read. Raises UploadRefused with a sentence."""
    most: int = settings.GALLERY_LIMITS["entries"]
    try:
        archive = zipfile.ZipFile(_Bounded(file, max(most * _LIST_BYTES_PER_ENTRY, _LEAST_LIST_BYTES)))
    except _TooLong as error:
        raise UploadRefused(
            _("This archive holds more files than the limit, which is %(most)s.") % {"most": grouped(most)}
        ) from error
    except _BROKEN as error:
        raise UploadRefused(_("This archive is damaged or cut short.")) from error
    if (number := len(archive.infolist())) > most:
        raise UploadRefused(
            _("This archive holds %(number)s files; the limit is %(most)s.")
            % {"number": grouped(number), "most": grouped(most)}
        )
    return archive


def entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The files in an archive, without sidecars and what systems hide in them."""
    return [info for info in _files(archive) if not sidecars.is_sidecar_name(info.filename)]


def sidecar_entries(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """The sidecars in an archive."""
    return [info for info in _files(archive) if sidecars.is_sidecar_name(info.filename)]


def sidecar_entry(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> zipfile.ZipInfo | None:
    """The sidecar that lies beside an entry."""
    for name in sidecars.names_beside(info.filename):
        with suppress(KeyError):
            return archive.getinfo(name)
    return None


def name_of(info: zipfile.ZipInfo) -> str:
    """The name of an entry. Many pack names in UTF-8 without saying so."""
    if info.flag_bits & _UTF8 or info.filename.isascii():
        return info.filename
    try:
        return info.filename.encode("cp437").decode()
    except UnicodeError:
        return info.filename


def entry_read(archive: zipfile.ZipFile, info: zipfile.ZipInfo, *, most: int | None = None) -> IO[bytes]:
    """The bytes of one entry, no more than `most` or else than a picture may have, in a temporary file without a name.
    Raises UploadRefused with a sentence."""
    limit: int = most or settings.GALLERY_LIMITS["bytes"]
    _check(info, limit)
    try:
        settings.UPLOADS_DIR.mkdir(mode=0o700, parents=True, exist_ok=True)
        taken = tempfile.TemporaryFile(dir=settings.UPLOADS_DIR)  # noqa: SIM115  the caller closes it
    except OSError as error:
        raise not_now(error) from error
    try:
        with archive.open(info) as source:
            size = 0
            while piece := source.read(PIECE):
                size += len(piece)
                if size > limit or _is_bomb(size, info.compress_size):
                    raise UploadRefused(_("This file is larger than the archive says."))
                taken.write(piece)
        taken.seek(0)
    except UploadRefused:
        taken.close()
        raise
    except (*_BROKEN, RuntimeError) as error:
        taken.close()
        if isinstance(error, OSError) and error.errno is not None:  # the disk's fault, not the archive's
            raise not_now(error) from error
        raise UploadRefused(_("This file is damaged inside its archive.")) from error
    return taken


def _files(archive: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    return [info for info in archive.infolist() if not _is_passed_over(info.filename.replace("\\", "/"))]


def _is_passed_over(path: str) -> bool:
    *folders, name = path.split("/")
    is_folder = bool(folders) and not name
    is_systems = name.casefold() in _SYSTEM_FILES or _SYSTEM_FOLDER in (folder.casefold() for folder in folders)
    return is_folder or is_systems or name.startswith(".")


def _check(info: zipfile.ZipInfo, limit: int) -> None:
    if info.flag_bits & _ENCRYPTED:
        raise UploadRefused(_("This file is locked by a password. Unpack the archive and send what is in it."))
    if info.compress_type not in _METHODS:
        raise UploadRefused(_("This file is packed in a way that is not supported here."))
    if is_archive_name(info.filename):
        raise UploadRefused(_("This is an archive within an archive. Send it by itself."))
    if info.file_size > limit or _is_bomb(info.file_size, info.compress_size):
        raise UploadRefused(
            _("This file is too large: the limit is %(limit)s MB.") % {"limit": grouped(limit // 1_000_000)}
        )


def _is_bomb(size: int, packed: int) -> bool:
    return size > _RATIO_FROM_BYTES and size > _MOST_RATIO * max(packed, 1)


class _TooLong(ValueError):
    """Somebody reads more of a file at once than they may."""


class _Bounded(io.RawIOBase):
    """A file of which nobody reads more than so many bytes at once: zipfile reads the list of entries whole."""

    def __init__(self, file: BinaryIO | IO[bytes], most: int) -> None:
        super().__init__()
        self._file, self._most = file, most

    def read(self, size: int | None = -1) -> bytes:
        wanted = self._most + 1 if size is None or size < 0 else size
        if wanted > self._most + 1:
            raise _TooLong
        data = self._file.read(wanted)
        if len(data) > self._most:
            raise _TooLong
        return data

    def seek(self, offset: int, whence: int = 0) -> int:
        if whence == 0 and not 0 <= offset <= _LARGEST_OFFSET:  # the archive's fault, and not the disk's
            raise ValueError(f"An archive says that something lies at {offset}")
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def seekable(self) -> bool:
        return True

    def readable(self) -> bool:
        return True


class Member(NamedTuple):
    """A file to put into an archive. `open` gives its bytes, or raises FileNotFoundError; `note` its row in a table."""

    name: str
    at: datetime
    open: Callable[[], IO[bytes]]
    note: Sequence[str] = ()


def stream(members: Iterable[Member], *, columns: Sequence[str] = ()) -> Generator[bytes, None, None]:
    """A ZIP archive of these, piece by piece, without a temporary file. Pictures are packed already, and only stored.

    Names that come twice are numbered; what is missing by the time of its turn is told in a text at the end. With
    `columns`, the notes go into a table, captions.csv, behind the names.
    """
    sink = _Sink()
    names: set[str] = set()
    missing: list[str] = []
    rows: list[Sequence[str]] = [("file", *columns)]
    with zipfile.ZipFile(sink, "w", zipfile.ZIP_STORED, allowZip64=True) as archive:
        for member in members:
            try:
                opened = member.open()
            except FileNotFoundError:
                missing.append(member.name)
                continue
            name = _unused(member.name, names)
            rows.append((name, *member.note))
            with opened, archive.open(_info(name, member.at), "w", force_zip64=True) as target:
                while piece := opened.read(PIECE):
                    target.write(piece)
                    yield sink.take()
        if columns:
            archive.writestr(_info(_unused("captions.csv", names), timezone.now()), _table(rows))
        if missing:
            text = "These files are missing on the site, and so from this archive:\n\n" + "\n".join(missing) + "\n"
            archive.writestr(_info(_unused("MISSING.txt", names), timezone.now()), text)
    yield sink.take()


def _table(rows: Iterable[Sequence[str]]) -> str:
    text = io.StringIO()
    safe = ([f"'{cell}" if cell.startswith(_FORMULAS) else cell for cell in row] for row in rows)
    csv.writer(text).writerows(safe)
    return text.getvalue()


def _info(name: str, at: datetime) -> zipfile.ZipInfo:
    moment = timezone.localtime(at)
    year = min(max(moment.year, 1980), 2107)  # what the format can say
    info = zipfile.ZipInfo(name, (year, *moment.timetuple()[1:6]))
    info.external_attr = 0o644 << 16
    return info


def _unused(name: str, names: set[str]) -> str:
    """The name, or the first of `name (2)`, `name (3)` that is free. Some systems tell no capitals apart."""
    name = "".join(char if char.isprintable() else "_" for char in name).translate(_NOT_IN_NAMES).strip().rstrip(". ")
    is_unsafe = name.startswith(".") or name.partition(".")[0].strip().casefold() in _DEVICES
    path = PurePosixPath(f"_{name}" if is_unsafe else name or "picture")
    unused, number = path.name, 1
    while unused.casefold() in names:
        number += 1
        unused = f"{path.stem} ({number}){path.suffix}"
    names.add(unused.casefold())
    return unused


class _Sink(io.RawIOBase):
    """What an archive is written to: holds bytes until they are taken, and can't go back."""

    def __init__(self) -> None:
        super().__init__()
        self._held = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: "bytes | bytearray | memoryview") -> int:  # type: ignore[override]
        self._held += data
        return len(data)

    def take(self) -> bytes:
        taken, self._held = bytes(self._held), bytearray()
        return taken
