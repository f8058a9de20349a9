"""Resident memory of processes, as Linux counts it."""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """`rss` and `pss` in MB: what it has in memory, and that with shared pages split among those who share them."""

    command: str
    rss: float
    pss: float


def descendants(pid: int) -> list[Process]:
    """The processes below `pid`, and their memory."""
    children: dict[int, list[int]] = {}
    for status in PROC.glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(fields[1]), []).append(int(status.parent.name))
    found, ahead = [], list(children.get(pid, []))
    while ahead:
        child = ahead.pop()
        ahead += children.get(child, [])
        with suppress(FileNotFoundError, ProcessLookupError):  # it has just ended
            found.append(_process(child))
    return found


def _process(pid: int) -> Process:
    command = (PROC / str(pid) / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    sizes = dict(
        line.split(":", 1) for line in (PROC / str(pid) / "smaps_rollup").read_text().splitlines()[1:] if ":" in line
    )
    return Process(command, rss=_megabytes(sizes["Rss"]), pss=_megabytes(sizes["Pss"]))


def _megabytes(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) * 1024 / 1e6
