"""Files of arrays that are whole or not there, and whose every byte is checked before it is believed."""

import hashlib
import os
import tempfile
import time
from collections.abc import Mapping
from contextlib import suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from search.backends.exceptions import IndexCorrupt

Arrays = Mapping[str, npt.NDArray[Any]]

_MAGIC = b"mmsite snapshot 2\n"  # a new number for every change of what lies in the arrays
_BODY_AT = len(_MAGIC) + 65  # a SHA-256 in hex and a line break
# Seconds after which a file that nobody finished was left by a process that died.
_LEFT_AFTER = 3_600


def write_arrays(path: Path, arrays: Arrays) -> None:
    """Write arrays to `path` atomically: readers see the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".{path.name}."
    _remove_left(path.parent, prefix)
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=prefix)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            file.write(_MAGIC.ljust(_BODY_AT, b"\n"))
            np.savez(file, **arrays)  # type: ignore[arg-type]  # the stubs take a name for allow_pickle
            checksum = _checksum_of_body(file)
            file.seek(len(_MAGIC))
            file.write(checksum)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def read_arrays(path: Path) -> dict[str, npt.NDArray[Any]]:
    """The arrays of a file that `write_arrays` wrote. Raises IndexCorrupt, or FileNotFoundError."""
    try:
        with path.open("rb") as file:
            head = file.read(_BODY_AT)
            if not head.startswith(_MAGIC) or head[len(_MAGIC) : -1] != _checksum_of_body(file):
                raise IndexCorrupt(f"{path} is damaged: its checksum doesn't fit its bytes.")
            file.seek(_BODY_AT)
            with np.load(file, allow_pickle=False) as arrays:
                return dict(arrays)
    except FileNotFoundError:
        raise
    except OSError as error:  # another user's file, a disk that fails
        raise IndexCorrupt(f"{path} can't be read: {error.strerror}.") from error


def _remove_left(folder: Path, prefix: str) -> None:
    """Or a process that is killed while it writes, again and again, would fill the disk."""
    for file in folder.iterdir():
        if file.name.startswith(prefix):
            with suppress(FileNotFoundError):  # another process was faster
                if time.time() - file.stat().st_mtime > _LEFT_AFTER:
                    file.unlink()


def _checksum_of_body(file: BufferedReader | BufferedRandom) -> bytes:
    file.seek(_BODY_AT)
    return hashlib.file_digest(file, "sha256").hexdigest().encode()
