"""A real disk that is small enough to be filled."""

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

MEGABYTES = 64


class Disk:
    """A small disk at `folder`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._filler = folder / ".filler"

    def fill(self) -> None:
        """Until not a byte is free."""
        free = os.statvfs(self.folder)
        with self._filler.open("ab") as filler:
            os.posix_fallocate(filler.fileno(), 0, max(1, filler.tell() + free.f_bavail * free.f_frsize))
        assert not os.statvfs(self.folder).f_bavail

    def free(self) -> None:
        self._filler.unlink()

    def files(self) -> list[str]:
        """What lies on it, whole or in part."""
        found = (path for path in self.folder.rglob("*") if path.is_file() and path != self._filler)
        return sorted(str(path.relative_to(self.folder)) for path in found)


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={MEGABYTES}m", "tmpfs", str(folder)]
    try:
        mounted = subprocess.run(mount, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        pytest.skip("No small disk can be made here: there is no `mount`")
    if mounted.returncode:
        pytest.skip(f"No small disk can be made here, which takes root and a kernel that lets it: {mounted.stderr}")
    try:
        yield Disk(folder)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
