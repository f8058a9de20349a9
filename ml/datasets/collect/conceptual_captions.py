"""Conceptual Captions: 3.3 million captions with addresses of pictures, from Google's list.

Sharma, Ding, Goodman and Soricut 2018, https://aclanthology.org/P18-1238. Each line of the list is a caption, a tab and
an address, without a header. Google lets the list be used for any purpose; the pictures belong to their owners.
"""

from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from tqdm import tqdm

from ml.datasets.collect import report
from ml.datasets.collect.collection import LICENCE, collect, collecting
from ml.datasets.collect.downloads import Downloads, Wish
from ml.datasets.collect.limits import Limits
from ml.datasets.collect.robots import Robots
from ml.datasets.examples import Split
from ml.errors import DatasetError

KIND = "conceptual-captions"
_LONGEST_LINE = 65_536  # bytes
_LOOKED_AT = 100  # rows, of which one must be right for the list to be such a list


def download(
    tsv: Path,
    output: Path,
    *,
    split: Split,
    limits: Limits,
    licence: str = LICENCE,
    limit: int | None = None,
    obey_robots: bool = False,
) -> str:
    """Download the pictures of the list's first `limit` rows; goes on where an earlier call was stopped.

    Returns the figures in a few words. Raises DatasetError where the list is missing or is another one, the folder
    holds something else, or the disk is full; Stopped on Ctrl-C. What was decided is kept in each case.
    """
    total = _check(tsv, limit)
    with collecting(output, split, kind=KIND, licence=licence) as collection:
        with (
            Downloads(limits, Robots(limits) if obey_robots else None) as downloads,
            tqdm(total=total, desc=split, unit="row", smoothing=0.05) as bar,
        ):
            collect(collection, _wishes(tsv, limit), downloads, bar)
        return report.sentence(collection.journal)


def _wishes(tsv: Path, limit: int | None) -> Iterator[Wish]:
    """A wish for each row, whatever the row is."""
    with tsv.open("rb") as file:
        for number, line in enumerate(_lines(file)):
            if number == limit:
                return
            yield _wish(f"{number:09d}", _row(line))


def _wish(key: str, row: tuple[str, str] | None) -> Wish:
    if row is None:
        return Wish(key, "", (), "", unfit="bad row")
    caption, address = row
    return Wish(key, address, (caption,), address, unfit="" if caption else "no caption")


def _row(line: bytes) -> tuple[str, str] | None:
    """Caption and address, or None where the line is something else."""
    try:
        caption, address = line.decode("utf-8").split("\t")
    except ValueError:  # also UnicodeDecodeError
        return None
    return caption.strip(), address.strip()


def _has_address(row: tuple[str, str] | None) -> bool:
    return row is not None and row[1].lower().startswith(("http://", "https://"))


def _lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines; of one that is too long to be a row, nothing."""
    while line := file.readline(_LONGEST_LINE):
        whole = line.endswith(b"\n") or len(line) < _LONGEST_LINE
        yield line if whole else b""
        while not whole:
            more = file.readline(_LONGEST_LINE)
            whole = more.endswith(b"\n") or len(more) < _LONGEST_LINE


def _check(tsv: Path, limit: int | None) -> int:
    """How many rows there are to do. Raises DatasetError where the file is not such a list."""
    try:
        with tsv.open("rb") as file:
            if not any(_has_address(_row(line)) for line in islice(_lines(file), _LOOKED_AT)):
                raise DatasetError(
                    f"{tsv} is not a list of captions and addresses: none of its first rows is `caption<TAB>address`."
                )
            file.seek(0)
            rows = sum(1 for _ in _lines(file))
    except OSError as error:
        raise DatasetError(f"The list {tsv} cannot be read: {error.strerror}.") from error
    return rows if limit is None else min(rows, limit)
