"""What the processes of a site count and time, for Prometheus: web and workers alike.

Each process writes its numbers into a file of one folder, which `manage.py run` makes, and every web process reads all.
"""

import os
import shutil
from pathlib import Path

from django.conf import settings
from prometheus_client import REGISTRY, CollectorRegistry, Histogram, start_http_server, values
from prometheus_client.mmap_dict import MmapedDict
from prometheus_client.multiprocess import MultiProcessCollector

FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # prometheus_client's own
STEP_SECONDS = (0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 60)

FILE_BYTES = 1 << 18  # of one process and kind of number; all that there are fit in


class _Allocated(MmapedDict):
    """A file of numbers whose blocks are there before it is mapped: on a full disk, to write to a page without one ends
    the process (SIGBUS). Where there are none, the numbers lie in memory and are counted by nobody else."""

    def __init__(self, filename: str, read_mode: bool = False) -> None:
        if not (read_mode or _allocate(Path(filename))) and hasattr(os, "memfd_create"):
            filename = f"/proc/self/fd/{os.memfd_create('numbers')}"
        super().__init__(filename, read_mode)  # type: ignore[no-untyped-call]


def _allocate(path: Path) -> bool:
    try:
        with path.open("ab") as file:
            if not file.tell():
                file.write(bytes(FILE_BYTES))
    except OSError:
        path.unlink(missing_ok=True)
        return False
    return True


values.MmapedDict = _Allocated  # type: ignore[attr-defined]  # before there is any number: see mmsite.apps

REQUESTS = Histogram("mmsite_request_seconds", "Until the answer to a request begins.", ["status"])
STEPS = Histogram("mmsite_step_seconds", "Work on one picture, by step.", ["step"], buckets=STEP_SECONDS)


def share(name: str) -> None:
    """Has the processes that this one starts from now on count together. Whoever calls it shares that name with nobody:
    the numbers of the run before are thrown away."""
    folder = Path(settings.DATA_DIR) / "metrics" / name
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    os.environ[FOLDER] = str(folder)


def counted() -> CollectorRegistry:
    """The numbers of all processes that count together, or else of this one."""
    if FOLDER not in os.environ:
        return REGISTRY
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    return registry


def serve(host: str, port: int) -> None:
    """Tells these numbers at an address of their own, in a thread, for as long as this process lives; to whoever asks.
    For hosts without a web process. Raises OSError."""
    start_http_server(port, addr=host, registry=counted())
