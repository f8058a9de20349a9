"""Captions of a person's pictures as tables, CSV or JSON Lines, and back."""

import csv
import io
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any

from django.core.exceptions import ValidationError
from django.db.models import Prefetch

from captioning import services
from captioning.exceptions import BadTable, CaptionChanged
from captioning.models import Caption
from gallery.models import Image, User
from gallery.names import tidy

COLUMNS = ("uuid", "file_name", "sha256", "caption", "source", "model", "unsure", "review", "by", "when")
_CHUNK = 500
# Spreadsheets take cells that begin so for formulas, whoever wrote them; one apostrophe more makes them text.
_FORMULA = re.compile("'*[=+@-]")


def csv_of(owner: User) -> Iterator[str]:
    """A table with a row for each picture of the owner, oldest first; see COLUMNS. Constant memory."""
    yield _csv_line(dict(zip(COLUMNS, COLUMNS, strict=True)))
    for row in _rows(owner):
        yield _csv_line(row)


def jsonl_of(owner: User) -> Iterator[str]:
    """The same as JSON Lines."""
    for row in _rows(owner):
        yield json.dumps(row, ensure_ascii=False) + "\n"


@dataclass
class Import:
    """What became of the rows of a table."""

    written: int = 0
    same: int = 0
    kept: int = 0  #: pictures that a person described otherwise
    problems: list[str] = field(default_factory=list)  #: sentences on rows that could not be used


def captions_import(*, owner: User, file: IO[str], is_jsonl: bool, replace: bool = False) -> Import:
    """Take the captions of a table for the owner's own, of pictures that it names by `uuid`, `sha256`, or `file_name`.

    What is said already stays as it is, and so does what a person said otherwise, unless `replace`. Rows without a
    caption are passed over. Raises BadTable.
    """
    report = Import()
    for number, row in enumerate(_table(file, is_jsonl=is_jsonl), start=1):
        caption = tidy(row.get("caption", ""))
        if not caption:
            continue
        found = _named(owner, row)
        if len(found) != 1:
            problem = "names no picture" if not found else "names several pictures; say which by uuid"
            report.problems.append(f"Row {number} {problem}.")
            continue
        (image,) = found
        if len(caption) > Caption.LONGEST:
            report.problems.append(f"Row {number} has more than {Caption.LONGEST:,} characters.")
        elif caption == tidy(image.description):
            report.same += 1
        elif image.description_by_person and not replace:
            report.kept += 1
        else:
            before = None if replace else image.description
            try:
                services.caption_write_by_person(image_id=image.pk, author=owner, text=caption, before=before)
                report.written += 1
            except CaptionChanged:
                report.problems.append(f"Row {number} came while the picture's caption was changed; take it in again.")
    return report


def _table(file: IO[str], *, is_jsonl: bool) -> Iterator[dict[str, str]]:
    """The texts of each row."""
    try:
        if is_jsonl:
            for line in file:
                if line.strip():
                    yield _object(json.loads(line))
        else:
            table = csv.DictReader(file)
            if "caption" not in (table.fieldnames or ()):
                raise BadTable("The table has no column `caption`.")
            for row in table:
                yield {name: _unquoted(value) for name, value in _texts(row).items()}
    except (csv.Error, json.JSONDecodeError, UnicodeDecodeError) as error:
        raise BadTable(f"This is no such table: {error}.") from error


def _object(row: Any) -> dict[str, str]:
    if not isinstance(row, dict):
        raise BadTable("Each line has to be an object.")
    return _texts(row)


def _texts(row: Mapping[str, object]) -> dict[str, str]:
    # no database has NUL in texts
    return {name: value.replace("\0", "") for name, value in row.items() if isinstance(value, str)}


def _named(owner: User, row: dict[str, str]) -> list[Image]:
    """The pictures that a row names, by the surest of its names; two of them say that it is not sure enough."""
    images = Image.objects.filter(owner=owner)
    for name in ("uuid", "sha256", "file_name"):
        if value := row.get(name):
            try:
                return list(images.filter(**{name: value})[:2])
            except (ValueError, ValidationError):  # no UUID, or half a surrogate pair
                return []
    return []


def _rows(owner: User) -> Iterator[dict[str, Any]]:
    current = Caption.objects.filter(is_current=True).select_related("author", "reviewed_by")
    images = Image.objects.filter(owner=owner).order_by("pk")
    with_captions = images.prefetch_related(Prefetch("captions", current))
    for image in with_captions.iterator(chunk_size=_CHUNK):
        names = {"uuid": str(image.uuid), "file_name": image.file_name, "sha256": image.sha256}
        caption = next(iter(image.captions.all()), None)
        yield dict.fromkeys(COLUMNS, "") | names | (_said(caption) if caption else {})


def _said(caption: Caption) -> dict[str, Any]:
    by = caption.author or caption.reviewed_by
    return {
        "caption": caption.text,
        "source": caption.source,
        "model": caption.model,
        "unsure": caption.unsure,
        "review": caption.review,
        "by": by.get_username() if by else "",
        "when": (caption.reviewed_at or caption.created_at).isoformat(),
    }


def _csv_line(row: dict[str, Any]) -> str:
    line = io.StringIO()
    csv.DictWriter(line, COLUMNS).writerow({name: _quoted(value) for name, value in row.items()})
    return line.getvalue()


def _quoted(value: Any) -> Any:
    return f"'{value}" if isinstance(value, str) and _FORMULA.match(value) else value


def _unquoted(value: str) -> str:
    return value.removeprefix("'") if _FORMULA.match(value) else value
