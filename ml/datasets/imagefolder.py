"""The one form in which data sets lie on disk: Hugging Face's ImageFolder.

A folder for each split (`train`, `dev`, `test`) holds pictures and `metadata.jsonl`, one JSON object a line:
`file_name`, `captions`, `split`, `source`, `licence`, `category`, and whatever else the maker of the set knows.
`datasets.load_dataset("imagefolder", data_dir=root)` reads it too; it wants the same columns in every split.
Source: https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

import fcntl
import hashlib
import json
import os
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath
from types import TracebackType
from typing import Any, Self

from ml.datasets.examples import SPLITS, Example, Split
from ml.errors import DatasetError

METADATA = "metadata.jsonl"
_SURROGATE = re.compile(rb"\\u[dD][89a-fA-F]")  # in JSON one may stand alone, half a pair


class Writer:
    """Adds pictures to a split, one after the other; may be killed at any moment and opened again to go on.

    A picture lies whole under its name before its row is written, and a row is written at once, so that a killed
    writer leaves at most a picture without a row, which the next `add` of that name replaces.
    """

    def __init__(self, root: Path, split: Split) -> None:
        """Open or begin a split. Raises DatasetError where another process is writing it, or a row is not one."""
        self.folder = root / split
        self.split = split
        self.folder.mkdir(parents=True, exist_ok=True)
        self._partial = self.folder / ".partial"  # one name for all: a picture's own may be as long as a name can be
        self._lock = os.open(self.folder, os.O_RDONLY)  # the folder, since `rewrite` replaces the file
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._partial.unlink(missing_ok=True)
            self._file = (self.folder / METADATA).open("ab", buffering=0)
        except OSError as error:
            os.close(self._lock)
            if isinstance(error, BlockingIOError):
                raise DatasetError(f"Another process is writing {self.folder}; wait until it is done.") from error
            raise
        try:
            self._mend()
            self.names = {row["file_name"] for row in rows(root, split)}  #: what is already here
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        self._file.close()
        os.close(self._lock)

    def add(
        self, name: str, picture: bytes, *, captions: Sequence[str], source: str, licence: str, **more: Any
    ) -> bool:
        """Add a picture under a file name, which may lie in folders; `more` are further columns, fit for JSON.

        Says whether it was new: a name that is here already is left as it is. Raises OSError where the disk is full,
        DatasetError for a name outside of the split or a text that is not Unicode; then nothing of it stays.
        """
        if name in self.names:
            return False
        if not _stays_inside(name) or name == METADATA:
            raise DatasetError(f"{name!r} cannot be the name of a picture in {self.folder}.")
        row = {"file_name": name, "captions": list(captions), "split": self.split, "source": source, "licence": licence}
        line = _line({**row, "category": "", **more})
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._partial.write_bytes(picture)
            self._partial.replace(path)
        finally:
            self._partial.unlink(missing_ok=True)
        try:
            self._append(line)
        except OSError:
            path.unlink()
            raise
        self.names.add(name)
        return True

    def rewrite(self, kept: Iterable[Mapping[str, Any]]) -> None:
        """Put these rows in the place of all, at once or not at all; pictures stay as they are."""
        names = set()
        try:
            with self._partial.open("wb") as file:
                for row in kept:
                    file.write(_line(row))
                    names.add(row["file_name"])
            self._partial.replace(self.folder / METADATA)
        finally:
            self._partial.unlink(missing_ok=True)
        self._file.close()
        self._file = (self.folder / METADATA).open("ab", buffering=0)
        self.names = names

    def _append(self, line: bytes) -> None:
        """Write a whole row, or nothing of it."""
        start = os.fstat(self._file.fileno()).st_size
        try:
            while line:
                line = line[self._file.write(line) :]
        except OSError:
            self._file.truncate(start)
            raise

    def _mend(self) -> None:
        """Cut a last row that was not written to its end; end one that only lacks the end of its line."""
        whole, line = 0, b"\n"
        with (self.folder / METADATA).open("rb") as file:
            for line in file:
                whole += len(line)
        if _is_torn(line):
            self._file.truncate(whole - len(line))
        elif not line.endswith(b"\n"):
            self._append(b"\n")


def rows(root: Path, split: Split) -> Iterator[dict[str, Any]]:
    """The rows of a split as they were written. Raises DatasetError for a line that is not a row.

    A last line without an end that is not JSON is passed over: a writer was killed there, or is writing it now.
    """
    path = root / split / METADATA
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip() and not _is_torn(line):
                    yield _row(line, f"{path}, line {number}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(f"{root} is no image folder with a split {split}: it has no {split}/{METADATA}.") from error


def read(root: Path, split: Split) -> Iterator[Example]:
    """The examples of a split, in the order in which they were added. Raises DatasetError."""
    for row in rows(root, split):
        yield example(root, split, row)


def example(root: Path, split: Split, row: Mapping[str, Any]) -> Example:
    """What a row says."""
    return Example(
        path=root / split / row["file_name"],
        captions=tuple(row["captions"]),
        **{column: str(row.get(column) or "") for column in ("source", "licence", "category")},
    )


def splits(root: Path) -> list[Split]:
    """The splits that an image folder has."""
    return [split for split in SPLITS if (root / split / METADATA).is_file()]


def fingerprint(root: Path, split: Split) -> str:
    """Hex SHA-256 of what a split's examples are called and say, in their order: row by row, what a run learns from.

    Flickr8k in its usual layout and its image folder have the same one.
    """
    from ml.datasets.examples import read as read_any

    digest = hashlib.sha256()
    for found in read_any(root, split):
        name = "/".join(found.path.relative_to(root).parts[1:])
        digest.update(json.dumps([name, found.captions]).encode() + b"\n")
    return digest.hexdigest()


def _row(line: bytes, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except UnicodeDecodeError as error:
        raise DatasetError(f"{place} is not text in UTF-8.") from error
    except ValueError as error:
        raise DatasetError(f"{place} is not JSON.") from error
    if _SURROGATE.search(line) and not _is_unicode(row):
        raise DatasetError(f"{place} holds what is not Unicode text.")
    if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
        raise DatasetError(f"{place} names no file: it needs a column file_name.")
    if "captions" not in row and isinstance(row.get("text"), str):
        row["captions"] = [row["text"]]  # the column of Hugging Face's own examples
    captions = row.get("captions")
    if not isinstance(captions, list) or not captions or not all(isinstance(caption, str) for caption in captions):
        raise DatasetError(f"{place} has no captions: it needs a column captions, a list of texts.")
    if not _stays_inside(row["file_name"]):
        raise DatasetError(f"{place} names a file outside of the data set.")
    return row


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts and "\0" not in name


def _is_unicode(row: object) -> bool:
    try:
        json.dumps(row, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True


def _line(row: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(dict(row), ensure_ascii=False).encode() + b"\n"
    except UnicodeEncodeError as error:
        raise DatasetError(f"The row of {row['file_name']!r} holds what is not Unicode text.") from error


def _is_torn(line: bytes) -> bool:
    """Whether a line was not written to its end."""
    if line.endswith(b"\n"):
        return False
    try:
        json.loads(line)
    except ValueError:
        return True
    return False
