"""What a disk holds when the power goes: only what was synced is sure to be there.

`Disk` listens to what a process does to the files below a folder, and remembers what each fsync made durable: of a file
its bytes, of a folder its names. `cuts` are the moments just before each of these steps.
"""

import itertools
import os
import stat
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

# What is there afterwards: what was synced and nothing else; names that were not synced too, of files whose bytes were
# not, as when the journal of a file system is ahead of the bytes; or everything, as when a process alone was killed.
SYNCED, NAMES_TOO, ALL = "what was synced", "names too", "all"
OUTCOMES = [SYNCED, NAMES_TOO, ALL]

Names = dict[int, dict[str, int]]  # of each folder by its inode: what lies there


@dataclass(frozen=True)
class Cut:
    """The disk at one moment; `step` is what would have come next."""

    step: str
    root: int
    synced_names: Names
    names: Names
    synced_bytes: dict[int, bytes]
    bytes: dict[int, bytes]
    marks: Any

    def files(self, outcome: str) -> dict[str, bytes]:
        """The files that the power cut left, by their paths."""
        names = self.synced_names if outcome == SYNCED else self.names
        content = self.bytes if outcome == ALL else self.synced_bytes
        return dict(self._below("", self.root, names, content))

    def restore(self, target: Path, outcome: str) -> None:
        """Makes them below `target`."""
        for path, content in self.files(outcome).items():
            (target / path).parent.mkdir(parents=True, exist_ok=True)
            (target / path).write_bytes(content)

    def _below(self, folder: str, inode: int, names: Names, content: dict[int, bytes]) -> Iterator[tuple[str, bytes]]:
        for name, entry in names.get(inode, {}).items():
            if entry in self.names or entry in self.synced_names:
                yield from self._below(f"{folder}{name}/", entry, names, content)
            else:
                yield f"{folder}{name}", content.get(entry, b"")


class Disk:
    """Watches a folder. `mark` is asked at each cut for whatever else is to be known of that moment."""

    def __init__(self, root: Path, mark: Callable[[], Any]) -> None:
        self.cuts: list[Cut] = []
        self._root, self._mark = root, mark
        self._held: list[int] = []  # descriptors: no inode that was seen is ever given to another file
        self._hold(root)
        self._synced_names: Names = {}
        self._synced_bytes: dict[int, bytes] = {}

    def cut(self, step: str) -> None:
        """The power may go now."""
        names: Names = {}
        content: dict[int, bytes] = {}
        for folder in [self._root, *(path for path in self._root.rglob("*") if path.is_dir())]:
            entries = list(os.scandir(folder))
            names[folder.stat().st_ino] = {entry.name: entry.inode() for entry in entries}
            content |= {entry.inode(): Path(entry).read_bytes() for entry in entries if entry.is_file()}
        root = self._root.stat().st_ino
        synced = dict(self._synced_names), dict(self._synced_bytes)
        self.cuts.append(Cut(step, root, synced[0], names, synced[1], content, self._mark()))

    def watch(self, patch: pytest.MonkeyPatch) -> None:
        """From now on, each step is a cut."""
        for name in ("mkdir", "unlink", "remove", "replace", "rename", "link"):
            patch.setattr(os, name, self._before(name, getattr(os, name)))
        patch.setattr(os, "open", self._open(os.open))
        patch.setattr(os, "fsync", self._fsync(os.fsync))

    def close(self) -> None:
        for descriptor in self._held:
            os.close(descriptor)

    def _before(self, name: str, real: Callable[..., Any]) -> Callable[..., Any]:
        def step(path: Any, *arguments: Any, **options: Any) -> Any:
            if self._is_below(path):
                self.cut(f"{name} {Path(path).name}")
                if name in ("unlink", "remove", "replace", "rename") and os.path.exists(path):
                    self._hold(path)
            done = real(path, *arguments, **options)
            if name == "mkdir" and self._is_below(path):
                self._hold(path)
            return done

        return step

    def _open(self, real: Callable[..., int]) -> Callable[..., int]:
        def step(path: Any, flags: int, *arguments: Any, **options: Any) -> int:
            makes = flags & os.O_CREAT and self._is_below(path)
            if makes:
                self.cut(f"open {Path(path).name}")
            descriptor = real(path, flags, *arguments, **options)
            if makes:
                self._held.append(os.dup(descriptor))
            return descriptor

        return step

    def _fsync(self, real: Callable[[int], None]) -> Callable[[int], None]:
        def step(descriptor: int) -> None:
            path = Path(os.readlink(f"/proc/self/fd/{descriptor}"))
            if not self._is_below(path):
                return real(descriptor)
            self.cut(f"fsync {path.name}")
            real(descriptor)
            found = os.fstat(descriptor)
            if stat.S_ISDIR(found.st_mode):
                self._synced_names[found.st_ino] = {entry.name: entry.inode() for entry in os.scandir(path)}
            else:
                self._synced_bytes[found.st_ino] = path.read_bytes()
            return None

        return step

    def _hold(self, path: Any) -> None:
        self._held.append(os.open(path, os.O_RDONLY))

    def _is_below(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and Path(path).is_relative_to(self._root)


def numbered(cuts: list[Cut]) -> Iterator[tuple[str, Cut, str]]:
    """Each cut with each outcome, and what to call them."""
    for (number, cut), outcome in itertools.product(enumerate(cuts), OUTCOMES):
        yield f"before step {number}, {cut.step}: {outcome}", cut, outcome
