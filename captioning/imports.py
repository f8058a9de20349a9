"""Captions out of tables and sidecars, for the pictures that a person has here."""

from collections.abc import Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import IO
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min, TextChoices
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from captioning import services, sidecars, tables
from captioning.models import Caption
from captioning.tables import Row
from gallery.archives import is_zip
from gallery.chunks import in_chunks
from gallery.models import Image, User
from gallery.names import tidy
from gallery.sidecars import is_sidecar_name
from gallery.validators import clean_file_name
from gallery.wording import grouped

MOST_PROBLEMS = 100  # that are told; the others are counted
_READ_AT_ONCE = 10_000  # no index has file names: few looks through all pictures of a large library
_WRITE_AT_ONCE = 25  # others wait meanwhile


class Reason(TextChoices):
    """Why a row could not be used."""

    ABSENT = "absent", _("%(row)s names no picture.")
    SEVERAL = "several", _("%(row)s names several pictures; say which by uuid.")
    AGAIN = "again", _("%(row)s says something else of a picture than one above.")
    LONG = "long", _("%(row)s has more than %(most)s characters.")
    UNREADABLE = "unreadable", _("%(row)s can’t be read: %(fault)s")


@dataclass(frozen=True)
class Problem:
    """A row that could not be used; its text is a sentence in the language of whoever reads it."""

    row: int
    reason: Reason
    file: str = ""
    fault: str = ""

    def __str__(self) -> str:
        row = self.file or gettext("Row %(number)s") % {"number": grouped(self.row)}
        return str(self.reason.label) % {"row": row, "most": grouped(Caption.LONGEST), "fault": self.fault}


@dataclass
class Import:
    """What became of the rows of a table, or of sidecars."""

    written: int = 0
    same: int = 0
    kept: int = 0  #: pictures that a person described otherwise
    left: int = 0  #: captions that are left to write, since the import was told to stop
    unused: int = 0  #: rows with a problem
    problems: list[Problem] = field(default_factory=list)  #: the first of them

    @property
    def more_problems(self) -> int:
        """How many there are beside those that are told."""
        return self.unused - len(self.problems)

    def refuse(self, row: Row, reason: Reason) -> None:
        self.unused += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(row.number, reason, row.file, row.fault))

    def leaves(self, image: Image, caption: str, *, replace: bool) -> bool:
        """Whether the picture stays as it is; counted, if so."""
        if caption == tidy(image.description):
            self.same += 1
        elif image.description_by_person and not replace:
            self.kept += 1
        else:
            return False
        return True


def captions_import(*, owner: User, file: IO[bytes] | Path, replace: bool = False, most: int | None = None) -> Import:
    """Take the captions of a table for the owner's own, of pictures that it names by `uuid`, `sha256`, or `file_name`;
    or of XMP sidecars: a ZIP archive or a folder of them, or one, of pictures that are called as they are.

    What is said already stays as it is, and so does what a person said otherwise, unless `replace`. Rows without a
    caption are passed over. No more than `most` captions are written; the same file, taken in again, goes on with
    those that are left. Raises BadTable, and has written nothing then.
    """
    report, told = Import(), dict[int, str]()
    rows = _rows(file)
    while piece := list(islice(rows, _READ_AT_ONCE)):
        wanted = dict(_usable(report, owner, piece, told))
        images = _images(report, owner, wanted)
        due = [image.pk for image in images if not report.leaves(image, wanted[image.pk].caption, replace=replace)]
        now = due if most is None else due[: most - report.written]
        report.left += len(due) - len(now)
        for pks in in_chunks(now, _WRITE_AT_ONCE):
            _write(report, owner, {pk: wanted[pk] for pk in pks}, replace=replace)
    return report


def _rows(file: IO[bytes] | Path) -> Iterator[Row]:
    if isinstance(file, Path):
        return sidecars.rows_of_folder(file)
    if is_zip(file):
        return sidecars.rows_of_archive(file)
    if is_sidecar_name(name := str(getattr(file, "name", ""))):
        return sidecars.rows_of_one(file, name)
    for _row in tables.rows_of(file):  # to its end, before anything is written
        pass
    return tables.rows_of(file)


def _usable(report: Import, owner: User, rows: Sequence[Row], told: dict[int, str]) -> Iterator[tuple[int, Row]]:
    """The keys of pictures with what is to be said of them; each once, as what is `told` by key grows."""
    keys = _keys(owner, rows)
    for row in rows:
        found: list[int] = next((keys[name] for name in row.names if name in keys), [])
        if row.fault:
            report.refuse(row, Reason.UNREADABLE)
        elif len(found) != 1:
            report.refuse(row, Reason.SEVERAL if found else Reason.ABSENT)
        elif len(row.caption) > Caption.LONGEST:
            report.refuse(row, Reason.LONG)
        elif (pk := found[0]) not in told:
            told[pk] = row.caption
            yield pk, row
        elif told[pk] == row.caption:
            report.same += 1
        else:
            report.refuse(row, Reason.AGAIN)


def _keys(owner: User, rows: Sequence[Row]) -> dict[tuple[str, str], list[int]]:
    """By kind and name, the keys of the first and the last picture called so. A statement for each kind of name, about
    those rows alone that have no surer one."""
    keys: dict[tuple[str, str], list[int]] = {}
    for kind in (*tables.NAMES, sidecars.STEM):
        open_rows = (row.names for row in rows if keys.keys().isdisjoint(row.names))
        named = {name for names in open_rows for each, name in names if each == kind}
        asked = {name: value for name in named if (value := _as_kept(kind, name))}
        if asked:
            known = _known(owner, kind, set(asked.values()))
            keys |= {(kind, name): known[value] for name, value in asked.items() if value in known}
    return keys


def _known(owner: User, kind: str, values: Set[str]) -> dict[str, list[int]]:
    images = Image.objects.filter(owner=owner).order_by()
    if kind == sidecars.STEM:  # which no database knows
        known: dict[str, list[int]] = {}
        for pk, file_name in images.values_list("pk", "file_name").iterator():
            if (stem := file_name.rpartition(".")[0]) in values:
                known.setdefault(stem, []).append(pk)
        return known
    named = images.filter(**{f"{kind}__in": values}).values_list(kind)
    return {str(value): sorted({first, last}) for value, first, last in named.annotate(Min("pk"), Max("pk"))}


def _as_kept(kind: str, name: str) -> str:
    """The name as pictures have it; "" for a UUID that is none."""
    if kind in ("file_name", sidecars.STEM):
        return clean_file_name(name)
    try:
        return str(UUID(name)) if kind == "uuid" else name
    except ValueError:
        return ""


def _images(report: Import, owner: User, wanted: Mapping[int, Row], *, lock: bool = False) -> list[Image]:
    """The pictures of these keys; those that went away a moment ago are problems."""
    images = Image.objects.filter(owner=owner, pk__in=list(wanted)).only("pk", "description", "description_by_person")
    found = list(images.locked() if lock else images)
    for pk in wanted.keys() - {image.pk for image in found}:
        report.refuse(wanted[pk], Reason.ABSENT)
    return found


def _write(report: Import, owner: User, wanted: Mapping[int, Row], *, replace: bool) -> None:
    """Looked at again under a lock: somebody may have described one of them meanwhile."""
    with transaction.atomic():
        for image in _images(report, owner, wanted, lock=True):
            caption = wanted[image.pk].caption
            if not report.leaves(image, caption, replace=replace):
                services.caption_write_by_person(image_id=image.pk, author=owner, text=caption)
                report.written += 1
