"""Remembers that something was prepared, so that the next start need not do it again while nothing has changed."""

import hashlib
from collections.abc import Iterable
from pathlib import Path

from django.conf import settings


def fingerprint(*names: str, files: Iterable[Path] = ()) -> str:
    """Changes with each of the names, and with name, size and time of each of the files. Reads no file."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(f"{name}\n".encode())
    for path in sorted(files):
        facts = path.stat()
        digest.update(f"{path} {facts.st_size} {facts.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def is_current(name: str, mark: str) -> bool:
    """Was `name` prepared when its fingerprint was `mark`?"""
    path = _path(name)
    return path.exists() and path.read_text(encoding="ascii") == mark


def put(name: str, mark: str) -> None:
    """`name` is prepared, as of this fingerprint."""
    path = _path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(mark, encoding="ascii")


def _path(name: str) -> Path:
    return Path(settings.DATA_DIR) / "stamps" / name
