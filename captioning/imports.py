"""Captions out of tables, for the pictures that a person has here."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import IO
from uuid import UUID

from django.db import transaction
from django.db.models import Max, Min, TextChoices
from django.utils.translation import gettext_lazy as _

from captioning import services
from captioning.models import Caption
from captioning.tables import NAMES, Row, rows_of
from gallery.chunks import in_chunks
from gallery.models import Image, User
from gallery.names import tidy
from gallery.validators import clean_file_name
from gallery.wording import grouped

MOST_PROBLEMS = 100  # that are told; the others are counted
_READ_AT_ONCE = 10_000  # no index has file names: few looks through all pictures of a large library
_WRITE_AT_ONCE = 25  # others wait meanwhile


class Reason(TextChoices):
    """Why a row could not be used."""

    ABSENT = "absent", _("Row %(row)s names no picture.")
    SEVERAL = "several", _("Row %(row)s names several pictures; say which by uuid.")
    AGAIN = "again", _("Row %(row)s says something else of a picture than a row above.")
    LONG = "long", _("Row %(row)s has more than %(most)s characters.")


@dataclass(frozen=True)
class Problem:
    """A row that could not be used; its text is a sentence in the language of whoever reads it."""

    row: int
    reason: Reason

    def __str__(self) -> str:
        return str(self.reason.label) % {"row": grouped(self.row), "most": grouped(Caption.LONGEST)}


@dataclass
class Import:
    """What became of the rows of a table."""

    written: int = 0
    same: int = 0
    kept: int = 0  #: pictures that a person described otherwise
    left: int = 0  #: rows that may be left to write, since the import was told to stop
    unused: int = 0  #: rows with a problem
    problems: list[Problem] = field(default_factory=list)  #: the first of them

    @property
    def more_problems(self) -> int:
        """How many there are beside those that are told."""
        return self.unused - len(self.problems)

    def refuse(self, row: Row, reason: Reason) -> None:
        self.unused += 1
        if len(self.problems) < MOST_PROBLEMS:
            self.problems.append(Problem(row.number, reason))

    def leaves(self, image: Image, caption: str, *, replace: bool) -> bool:
        """Whether the picture stays as it is; counted, if so."""
        if caption == tidy(image.description):
            self.same += 1
        elif image.description_by_person and not replace:
            self.kept += 1
        else:
            return False
        return True


def captions_import(*, owner: User, file: IO[bytes], replace: bool = False, most: int | None = None) -> Import:
    """Take the captions of a table for the owner's own, of pictures that it names by `uuid`, `sha256`, or `file_name`.

    What is said already stays as it is, and so does what a person said otherwise, unless `replace`. Rows without a
    caption are passed over. No more than `most` captions are written; the same table, taken in again, goes on with
    those that are left. Raises BadTable, and has written nothing then.
    """
    for _row in rows_of(file):
        pass
    report, told = Import(), dict[int, str]()
    rows = rows_of(file)
    while piece := list(islice(rows, _READ_AT_ONCE)):
        if report.written == most:
            report.left += len(piece)
            continue
        wanted = dict(_usable(report, owner, piece, told))
        images = _images(report, owner, wanted)
        due = [image.pk for image in images if not report.leaves(image, wanted[image.pk].caption, replace=replace)]
        now = due if most is None else due[: most - report.written]
        report.left += len(due) - len(now)
        for pks in in_chunks(now, _WRITE_AT_ONCE):
            _write(report, owner, {pk: wanted[pk] for pk in pks}, replace=replace)
    return report


def _usable(report: Import, owner: User, rows: Sequence[Row], told: dict[int, str]) -> Iterator[tuple[int, Row]]:
    """The keys of pictures with what is to be said of them; each once, as what is `told` by key grows."""
    keys = _keys(owner, rows)
    for row in rows:
        found = keys.get((row.kind, row.name), [])
        if len(found) != 1:
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
    """By kind and name, the keys of the first and the last picture called so. A statement for each kind of name."""
    keys: dict[tuple[str, str], list[int]] = {}
    for kind in NAMES:
        asked = {row.name: value for row in rows if row.kind == kind and (value := _as_kept(kind, row.name))}
        if not asked:
            continue
        named = Image.objects.filter(owner=owner, **{f"{kind}__in": set(asked.values())}).order_by().values_list(kind)
        known = {str(value): sorted({first, last}) for value, first, last in named.annotate(Min("pk"), Max("pk"))}
        keys |= {(kind, name): known[value] for name, value in asked.items() if value in known}
    return keys


def _as_kept(kind: str, name: str) -> str:
    """The name as pictures have it; "" for a UUID that is none."""
    if kind == "file_name":
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
