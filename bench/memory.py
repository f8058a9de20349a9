"""Memory and processor time of processes, as Linux counts them."""

import os
from collections import defaultdict
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

PROC = Path("/proc")


@dataclass(frozen=True)
class Process:
    """`rss` and `pss` in MB: what it has in memory, and that with shared pages split among those who share them.
    `peak`: the most it ever had. `cpu`: seconds, with those of children that have ended."""

    pid: int
    parent: int
    command: str
    rss: float
    pss: float
    peak: float
    cpu: float


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


def of_site(supervisor: int) -> dict[str, list[Process]]:
    """A site's processes by what they do: web, worker, and the decoders of either."""
    found = descendants(supervisor)
    commands = {process.pid: process.command for process in found}
    kinds: dict[str, list[Process]] = defaultdict(list)
    for process in found:
        is_decoder = "gallery.decoder" in process.command
        command = commands.get(process.parent, "") if is_decoder else process.command
        owner = "web" if "gunicorn" in command else "worker"
        kinds[f"{owner}'s decoders" if is_decoder else owner].append(process)
    return kinds


def _process(pid: int) -> Process:
    folder = PROC / str(pid)
    command = (folder / "cmdline").read_bytes().replace(b"\0", b" ").decode()
    sizes = {
        **_lines((folder / "smaps_rollup").read_text().partition("\n")[2]),
        **_lines((folder / "status").read_text()),
    }
    fields = (folder / "stat").read_text().rpartition(")")[2].split()
    return Process(
        pid=pid,
        parent=int(fields[1]),
        command=command,
        rss=_megabytes(sizes["Rss"]),
        pss=_megabytes(sizes["Pss"]),
        peak=_megabytes(sizes["VmHWM"]),
        cpu=sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK"),
    )


def _lines(text: str) -> dict[str, str]:
    return dict(line.split(":", 1) for line in text.splitlines() if ":" in line)


def _megabytes(text: str) -> float:
    return int(text.split(maxsplit=1)[0]) * 1024 / 1e6
