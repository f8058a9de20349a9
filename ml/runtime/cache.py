"""Compiled networks on the disk: each made once for all processes, made again where it is damaged, and few of them."""

import hashlib
import os
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from ml.files import alone, sha256, whole

MOST_BYTES = 3_000_000_000  #: of a folder; beyond that, what was used longest ago goes
_SUFFIX = ".onnx"
_DIGEST = ".sha256"


class Cache:
    """A folder of files that can be made again. Processes and threads may share it."""

    def __init__(self, folder: Path, most_bytes: int = MOST_BYTES) -> None:
        self._folder = folder
        self._most_bytes = most_bytes

    def get(self, *parts: str) -> Path | None:
        """The whole file that was made of these parts, or None where there is none."""
        path = self._path(parts)
        try:
            if path.with_suffix(_DIGEST).read_text(encoding="ascii") != sha256(path):
                return None
        except (OSError, ValueError):
            return None
        with suppress(OSError):
            os.utime(path)  # used just now
        return path

    def fetch(self, *parts: str, make: Callable[[Path], None]) -> Path:
        """The file of these parts, by `make` where it is missing or damaged; meanwhile others wait for it.

        Raises OSError where the folder cannot be written, and whatever `make` raises.
        """
        if (path := self.get(*parts)) is not None:
            return path
        self._folder.mkdir(parents=True, exist_ok=True)
        path = self._path(parts)
        with alone(self._folder):
            if self.get(*parts) is None:
                with whole(path) as partial:
                    make(partial)
                    digest = sha256(partial)
                with whole(path.with_suffix(_DIGEST)) as partial:
                    partial.write_text(digest, encoding="ascii")
                self._forget(besides=path)
        return path

    def drop(self, *parts: str) -> None:
        """Forget a file that turned out to be of no use."""
        self._path(parts).with_suffix(_DIGEST).unlink(missing_ok=True)

    def _path(self, parts: tuple[str, ...]) -> Path:
        return self._folder / (hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32] + _SUFFIX)

    def _forget(self, besides: Path) -> None:
        """Make room. Who has one of these files open goes on using it."""
        files = [(path.stat(), path) for path in self._folder.glob(f"*{_SUFFIX}")]
        room = self._most_bytes - sum(stat.st_size for stat, _ in files)
        for stat, path in sorted(files, key=lambda each: each[0].st_mtime):
            if room >= 0:
                break
            if path != besides:
                path.with_suffix(_DIGEST).unlink(missing_ok=True)
                path.unlink(missing_ok=True)
                room += stat.st_size
