"""A whole installation in a folder of its own, started and stopped as `make run` does it."""

import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
MANAGE = [sys.executable, str(ROOT / "manage.py")]
ADMIN = "admin"
PASSWORD = "correct horse battery staple"
START_SECONDS = 300.0  # where much else runs beside it
STOP_SECONDS = 120.0


class DidNotStart(Exception):
    """The site ended by itself, or did not answer in time; the text holds the end of its log."""


@dataclass(frozen=True)
class Installation:
    """A running site: its address, its environment, its supervisor, and how long it took to answer: from `setup` on,
    and from `run` on."""

    url: str
    environment: dict[str, str]
    supervisor: "subprocess.Popen[bytes]"
    start_seconds: float
    ready_seconds: float


def environment(folder: Path) -> dict[str, str]:
    """The environment of an installation with the built-in models, an empty library and a free port."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{probe.getsockname()[1]}"
    return {name: value for name, value in os.environ.items() if not name.startswith("MMSITE_")} | {
        "DJANGO_SETTINGS_MODULE": "mmsite.settings.prod",
        "MMSITE_DATA_DIR": str(folder),
        "MMSITE_ADDRESS": address,
        "MMSITE_ADMIN_NAME": ADMIN,
        "MMSITE_ADMIN_PASSWORD": PASSWORD,
        "MMSITE_SAMPLES": "0",
    }


@contextmanager
def running(variables: dict[str, str]) -> Iterator[Installation]:
    """Set up and run the site; the administrator is ADMIN with PASSWORD. Raises DidNotStart."""
    started = time.monotonic()
    log = Path(variables["MMSITE_DATA_DIR"]) / "run.log"
    url = f"http://{variables['MMSITE_ADDRESS']}"
    with ExitStack() as stack:
        with _kept(variables["MMSITE_ADDRESS"]), log.open("ab") as output:
            subprocess.run([*MANAGE, "setup"], env=variables, check=True, stdout=output, stderr=output)
            run_at = time.monotonic()
            supervisor = subprocess.Popen([*MANAGE, "run"], env=variables, stdout=output, stderr=output)
            stack.callback(_stop, supervisor)
            _wait_until_healthy(url, supervisor, log)
        ready_at = time.monotonic()
        yield Installation(url, variables, supervisor, ready_at - started, ready_at - run_at)


def _stop(supervisor: "subprocess.Popen[bytes]") -> None:
    supervisor.send_signal(signal.SIGINT)
    supervisor.wait(timeout=STOP_SECONDS)


@contextmanager
def _kept(address: str) -> Iterator[None]:
    """Has the system give the port to nobody who wants just any; whoever asks for this one gets it all the same."""
    host, port = address.split(":")
    with socket.socket() as keeper:
        keeper.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        keeper.bind((host, int(port)))
        yield


def _wait_until_healthy(url: str, supervisor: "subprocess.Popen[bytes]", log: Path) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and supervisor.poll() is None:
        try:
            with urllib.request.urlopen(f"{url}/healthz", timeout=2):
                return
        except (urllib.error.URLError, TimeoutError, ConnectionError):
            time.sleep(0.05)
    raise DidNotStart(log.read_text(encoding="utf-8", errors="replace")[-2_000:])
