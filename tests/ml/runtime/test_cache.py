"""Compiled networks on the disk."""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ml.runtime.cache import Cache

PROCESS = """
import sys, time
from pathlib import Path
from ml.runtime.cache import Cache

def make(path):
    time.sleep(0.2)
    path.write_bytes(b"made")
    with open(sys.argv[2], "a") as made:
        made.write("made\\n")

print(Cache(Path(sys.argv[1])).fetch("network", make=make).read_bytes())
"""


class Maker:
    """Counts how often it is asked."""

    def __init__(self, content: bytes = b"compiled") -> None:
        self.content = content
        self.times = 0

    def __call__(self, path: Path) -> None:
        self.times += 1
        path.write_bytes(self.content)


def test_what_was_made_once_is_there(tmp_path: Path) -> None:
    maker = Maker()
    paths = {Cache(tmp_path / "new").fetch("network", "fp32", make=maker) for _ in range(3)}
    assert [path.read_bytes() for path in paths] == [b"compiled"]
    assert maker.times == 1
    assert Cache(tmp_path / "new").get("network", "fp32") in paths
    assert Cache(tmp_path / "new").get("network", "int8") is None


def test_parts_are_kept_apart(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    first, second = (cache.fetch(*parts, make=Maker(str(parts).encode())) for parts in (("a", "b"), ("ab",)))
    assert first.read_bytes() != second.read_bytes()


@pytest.mark.parametrize("suffix", [".onnx", ".sha256"])
@pytest.mark.parametrize("damage", [b"", b"compile", b"\xffcompiled"])
def test_what_is_damaged_is_made_again(tmp_path: Path, suffix: str, damage: bytes) -> None:
    cache, maker = Cache(tmp_path), Maker()
    path = cache.fetch("network", make=maker)
    path.with_suffix(suffix).write_bytes(damage)
    assert cache.get("network") is None
    assert cache.fetch("network", make=maker).read_bytes() == b"compiled"
    assert maker.times == 2


def test_what_fails_leaves_nothing(tmp_path: Path) -> None:
    def fail(path: Path) -> None:
        path.write_bytes(b"half")
        raise ValueError("no graph")

    with pytest.raises(ValueError, match="no graph"):
        Cache(tmp_path).fetch("network", make=fail)
    assert list(tmp_path.iterdir()) == []


def test_threads_make_it_once(tmp_path: Path) -> None:
    maker = Maker()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda _: Cache(tmp_path).fetch("network", make=maker), range(8)))
    assert maker.times == 1


def test_processes_make_it_once(tmp_path: Path) -> None:
    made = tmp_path / "made"
    command = [sys.executable, "-c", PROCESS, str(tmp_path / "cache"), str(made)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    assert [process.communicate()[0] for process in processes] == ["b'made'\n"] * 3
    assert made.read_text() == "made\n"


def test_what_was_used_longest_ago_makes_room(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=250)
    for age, name in ((300, "old"), (200, "older, but used"), (100, "newer")):
        path = cache.fetch(name, make=Maker(bytes(80)))
        os.utime(path, times=(path.stat().st_atime, path.stat().st_mtime - age))
    cache.get("older, but used")
    cache.fetch("newest", make=Maker(bytes(80)))
    assert cache.get("old") is None
    assert all(cache.get(name) for name in ("older, but used", "newer", "newest"))


def test_one_that_is_too_large_alone_is_kept(tmp_path: Path) -> None:
    cache = Cache(tmp_path, most_bytes=10)
    assert cache.fetch("large", make=Maker(bytes(80))).stat().st_size == 80
    assert cache.get("large") is not None
