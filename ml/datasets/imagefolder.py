"""The one form in which data sets lie on disk: Hugging Face's ImageFolder.

A folder for each split (`train`, `dev`, `test`) holds pictures and `metadata.jsonl`, one JSON object a line:
`file_name`, `captions`, `split`, `source`, `licence`, and whatever else the maker of the set knows, such as `category`.
`datasets.load_dataset("imagefolder", data_dir=root)` reads it too.
Source: https://huggingface.co/docs/datasets/image_dataset#imagefolder
"""

import fcntl
import hashlib
import json
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from ml.datasets.examples import SPLITS, Example, Split
from ml.errors import DatasetError

METADATA = "metadata.jsonl"


class Writer:
    """Adds pictures to a split, one after the other; may be killed at any moment and opened again to go on.

    A picture lies whole under its name before its row is written, and a row is written at once, so that a killed
    writer leaves at most a picture without a row, which the next `add` of that name replaces.
    """

    def __init__(self, root: Path, split: Split) -> None:
        """Open or begin a split. Raises DatasetError where another process is writing it."""
        self.folder = root / split
        self.split = split
        self.folder.mkdir(parents=True, exist_ok=True)
        self._file = (self.folder / METADATA).open("ab", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise DatasetError(f"Another process is writing {self.folder}; wait until it is done.") from error
        self._mend()
        self.names = {row["file_name"] for row in rows(root, split)}  #: what is already here

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let others write."""
        self._file.close()

    def add(
        self, name: str, picture: bytes, *, captions: Sequence[str], source: str, licence: str, **more: Any
    ) -> bool:
        """Add a picture under a file name; `more` are further columns, fit for JSON.

        Says whether it was new: a name that is here already is left as it is. Raises OSError where the disk is full.
        """
        if name in self.names:
            return False
        partial = self.folder / f".{name}.partial"
        try:
            partial.write_bytes(picture)
            partial.replace(self.folder / name)
        finally:
            partial.unlink(missing_ok=True)
        row = {"file_name": name, "captions": list(captions), "split": self.split, "source": source, "licence": licence}
        self._append(json.dumps({**row, **more}, ensure_ascii=False).encode() + b"\n")
        self.names.add(name)
        return True

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
        """Cut a last row that was not written to its end."""
        content = (self.folder / METADATA).read_bytes()
        if not content.endswith(b"\n"):
            self._file.truncate(content.rfind(b"\n") + 1)


def rows(root: Path, split: Split) -> Iterator[dict[str, Any]]:
    """The rows of a split as they were written. Raises DatasetError for a line that is not a row."""
    path = root / split / METADATA
    try:
        with path.open(encoding="utf-8") as file:
            for number, line in enumerate(file, 1):
                yield _row(line, f"{path}, line {number}")
    except (FileNotFoundError, NotADirectoryError) as error:
        raise DatasetError(f"{root} is no image folder with a split {split}: it has no {split}/{METADATA}.") from error
    except UnicodeDecodeError as error:
        raise DatasetError(f"{path} is not text in UTF-8.") from error


def read(root: Path, split: Split) -> Iterator[Example]:
    """The examples of a split, in the order in which they were added. Raises DatasetError."""
    for row in rows(root, split):
        yield example(root, split, row)


def example(root: Path, split: Split, row: Mapping[str, Any]) -> Example:
    """What a row says."""
    return Example(
        path=root / split / row["file_name"],
        captions=tuple(row["captions"]),
        source=row.get("source", ""),
        licence=row.get("licence", ""),
        category=row.get("category", ""),
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


def _row(line: str, place: str) -> dict[str, Any]:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise DatasetError(f"{place} is not JSON.") from error
    if not isinstance(row, dict) or not isinstance(row.get("file_name"), str):
        raise DatasetError(f"{place} names no file: it needs a column file_name.")
    if "captions" not in row and isinstance(row.get("text"), str):
        row["captions"] = [row["text"]]  # the column of Hugging Face's own examples
    captions = row.get("captions")
    if not isinstance(captions, list) or not captions or not all(isinstance(caption, str) for caption in captions):
        raise DatasetError(f"{place} has no captions: it needs a column captions, a list of texts.")
    name = Path(row["file_name"])
    if name.is_absolute() or ".." in name.parts:
        raise DatasetError(f"{place} names a file outside of the data set.")
    return row
