"""Files that must be what they claim to be."""

import fcntl
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ml.errors import ModelCorrupt, ModelNotFound, UsageError

REINSTALL = "remove the folder .venv and run `make install`, or check the files of this project out again"


def sha256(path: Path) -> str:
    """Hex SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def verify_sha256(path: Path, expected: str) -> None:
    """Raise ModelNotFound or ModelCorrupt unless the file is there with the expected SHA-256."""
    if not path.is_file():
        raise ModelNotFound(f"{path} is missing; {REINSTALL}.")
    if (actual := sha256(path)) != expected:
        raise ModelCorrupt(f"{path} has SHA-256 {actual[:12]}…, expected {expected[:12]}…; {REINSTALL}.")


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A file to write beside `path`, which takes its place once it is whole. Raises OSError where that fails."""
    partial = path.with_name(f".{path.name}.partial")
    try:
        yield partial
        partial.replace(path)
    finally:
        partial.unlink(missing_ok=True)


@contextmanager
def writing(path: Path) -> Iterator[Path]:
    """As `whole`, for a file that somebody asked for by name. Raises UsageError where that fails."""
    try:
        with whole(path) as partial:
            yield partial
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror or error}.") from error


@contextmanager
def alone(folder: Path, busy: Exception | None = None) -> Iterator[None]:
    """Keep others that ask likewise out of a folder meanwhile. Where one is in it, raises `busy`, or waits without."""
    lock = os.open(folder, os.O_RDONLY)  # the system gives it back for whoever dies
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | (fcntl.LOCK_NB if busy else 0))
        yield
    except BlockingIOError as error:
        raise (busy or error) from error
    finally:
        os.close(lock)
