"""Captions of a person's pictures as tables, CSV or JSON Lines, and back."""

import csv
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain
from typing import IO, Any, NamedTuple

from django.db.models import Prefetch
from django.utils.translation import gettext as _

from captioning.exceptions import BadTable
from captioning.models import Caption
from gallery.models import Image, User
from gallery.names import tidy
from gallery.wording import grouped

COLUMNS = ("uuid", "file_name", "sha256", "caption", "source", "model", "unsure", "review", "by", "when")
NAMES = ("uuid", "sha256", "file_name")  # by which rows name pictures, the surest first
MOST_ROWS = 1_000_000  # which is about what spreadsheets hold
LONGEST_ROW = 100_000  # characters, line ends among them
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


class Row(NamedTuple):
    """What a row says: a caption, and how its picture may be called, by kinds such as NAMES; the first name that is a
    picture's counts. `number` counts as spreadsheets and editors do, with headings and empty lines."""

    number: int
    caption: str
    names: Sequence[tuple[str, str]]
    file: str = ""  #: which sidecar it is
    fault: str = ""  #: why that can't be read, in a sentence


def rows_of(file: IO[bytes]) -> Iterator[Row]:
    """The rows that have a caption, of CSV (parted by commas, semicolons or tabs) or JSON Lines, whichever the file
    begins like. Constant memory. Raises BadTable at what can't be read."""
    file.seek(0)
    text = io.TextIOWrapper(file, encoding="utf-8-sig", newline="")
    number = 0
    try:
        lines = _Lines(text)
        first = next(lines, "")
        read = _objects if first.lstrip().startswith("{") else _cells
        for number, said in read(first, lines):
            lines.row_ended()
            if number > MOST_ROWS:
                raise BadTable(_("The table has more than %(most)s rows. Part it.") % {"most": grouped(MOST_ROWS)})
            if caption := tidy(said.get("caption", "")):
                names = [(name, said[name]) for name in NAMES if said.get(name)]
                yield Row(number, caption, names[:1])
    except UnicodeDecodeError as error:
        raise BadTable(_("This is no text in UTF-8. In a spreadsheet, save it as “CSV UTF-8”.")) from error
    except (csv.Error, ValueError, RecursionError) as error:
        raise BadTable(_("Row %(row)s of the table can’t be read.") % {"row": grouped(number + 1)}) from error
    finally:
        text.detach()  # which else closes the file along with itself


class _Lines(Iterator[str]):
    """The lines of a text, as long as a row of them has no more than LONGEST_ROW characters; else ValueError."""

    def __init__(self, text: IO[str]) -> None:
        self._text, self._left = text, LONGEST_ROW

    def __next__(self) -> str:
        line = self._text.readline(self._left + 1)
        self._left -= len(line)
        if self._left < 0:
            raise ValueError("This row is too long.")
        if not line:
            raise StopIteration
        return line

    def row_ended(self) -> None:
        self._left = LONGEST_ROW


def _cells(first: str, text: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    table = csv.reader(chain([first], text), delimiter=max(",;\t", key=first.count))
    columns = [tidy(column).casefold() for column in next(table, [])]
    if "caption" not in columns:
        raise BadTable(_("The table has no column “caption”. Its first row has to name the columns."))
    if not set(NAMES).intersection(columns):
        raise BadTable(_("The table names no pictures: it needs a column “uuid”, “sha256” or “file_name”."))
    yield 1, {}
    for number, cells in enumerate(table, start=2):
        yield number, _texts({name: _unquoted(cell) for name, cell in zip(columns, cells, strict=False)})


def _objects(first: str, text: Iterable[str]) -> Iterator[tuple[int, dict[str, str]]]:
    for number, line in enumerate(chain([first], text), start=1):
        said = json.loads(line) if line.strip() else {}
        if not isinstance(said, dict) or not isinstance(said.get("caption"), str | None):
            raise ValueError(line)
        yield number, _texts(said)


def _texts(said: Mapping[str, object]) -> dict[str, str]:
    # no database has NUL or half a surrogate pair in texts
    return {
        name: value.replace("\0", "").encode("utf-16", "surrogatepass").decode("utf-16", "replace")
        for name in ("caption", *NAMES)
        if isinstance(value := said.get(name), str)
    }


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
