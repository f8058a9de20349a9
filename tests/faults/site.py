"""A running site whose processes are killed: its life meanwhile, and what was promised to whoever uploads."""

import hashlib
import io
import itertools
import json
import random
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import urllib3
from PIL import Image as PILImage

from bench import installation
from tests.mmsite.processes import child_groups, forked_by, members, processes

FAKES = {"MMSITE_CAPTIONER": "fake", "MMSITE_ENCODER": "fake", "MMSITE_TEXT_READER": "none"}
# As whoever keeps the site running waits before another start; systemd is told so by RestartSec.
RESTART_SECONDS = 1.0
TOKEN = """
from api.tokens import token_create
from gallery.models import User
print(token_create(owner=User.objects.get(), name="faults", scopes=["read", "write"]).secret)
"""


class Site:
    """An installation on SQLite with the fake models, started as `make run` does, and again when its supervisor is
    gone."""

    def __init__(self, folder: Path) -> None:
        self.environment = installation.environment(folder) | FAKES
        self.url = f"http://{self.environment['MMSITE_ADDRESS']}"
        self.media = folder / "media"
        self._log = (folder / "run.log").open("ab")
        self._database = folder / "db.sqlite3"
        self._manage("setup")
        self.token = self._manage("shell", "--verbosity=0", "-c", TOKEN).split()[-1]
        self._start()

    def keep_running(self) -> None:
        """Starts the supervisor again where it has ended, as what keeps a service running does."""
        if self._supervisor.poll() is not None:
            time.sleep(RESTART_SECONDS)
            self._start()

    def stop(self) -> None:
        """As Ctrl-C does, where it has not been stopped; no process is left."""
        if self._log.closed:
            return
        groups = child_groups(self._supervisor.pid)
        self._supervisor.send_signal(signal.SIGINT)
        self._supervisor.wait(timeout=installation.STOP_SECONDS)
        self._log.close()
        assert not [pid for group in groups for pid in members(group)]

    def fsck(self, *arguments: str) -> tuple[list[dict[str, Any]], str]:
        """What it finds, and what it could not check."""
        command = [*installation.MANAGE, "fsck", "--json", *arguments]
        run = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        if not run.stdout:
            return [], run.stderr
        report = json.loads(run.stdout)
        return report["findings"], json.dumps(report["unchecked"]) if report["unchecked"] else ""

    def ask(self, statement: str, *values: object) -> list[Any]:
        """Rows of the database, read beside the site."""
        with closing(sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=30)) as database:
            return database.execute(statement, values).fetchall()

    def victim(self, kind: str) -> int | None:
        """The process of a kind; None while there is none."""
        return self._family().get(kind)

    def orphans(self) -> list[int]:
        """Processes of web and worker whose parent has gone."""
        of_site = set(child_groups(self._supervisor.pid))
        known = {pid for pid, _parent, _group in processes()}
        return [pid for pid, parent, group in processes() if group in of_site and parent not in known]

    def _family(self) -> dict[str, int]:
        """Processes by what they are: the sentinel forks the worker, the monitor and the pusher in this order."""
        supervisor = self._supervisor.pid
        found = {"supervisor": supervisor}
        for leader in child_groups(supervisor):
            if b"gunicorn" in _command(leader):
                found["web"] = leader
                found |= dict(zip(["web worker"], forked_by(leader), strict=False))
            elif b"qcluster" in _command(leader):
                found["cluster"] = leader
                for sentinel in forked_by(leader)[:1]:
                    found["sentinel"] = sentinel
                    found |= dict(zip(["worker", "monitor", "pusher"], forked_by(sentinel), strict=False))
        return found

    def _start(self) -> None:
        self._supervisor = subprocess.Popen(
            [*installation.MANAGE, "run"], env=self.environment, stdout=self._log, stderr=self._log
        )

    def _manage(self, *arguments: str) -> str:
        command = [*installation.MANAGE, *arguments]
        return subprocess.run(command, env=self.environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@dataclass
class Life:
    """People who upload and search without pause, and what they were told. All of it is written by threads."""

    site: Site
    seed: int
    promised: dict[str, str] = field(default_factory=dict)  # uuid -> SHA-256
    answers: Counter[str] = field(default_factory=Counter)  # how often what was answered
    uploaded_at: float = 0.0  # when the last upload that was acknowledged had begun, by `time.monotonic`
    found_at: float = 0.0  # the same of searches
    _over: threading.Event = field(default_factory=threading.Event)
    _may_upload: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def lived(self) -> Iterator["Life"]:
        threads = [threading.Thread(target=target) for target in (self._upload, self._search)]
        for thread in threads:
            thread.start()
        try:
            yield self
        finally:
            self._over.set()
            for thread in threads:
                thread.join()

    @contextmanager
    def no_uploads(self) -> Iterator[None]:
        """The block begins when nobody uploads."""
        with self._may_upload:
            yield

    def _upload(self) -> None:
        chance = random.Random(self.seed)
        number = itertools.count()
        while not self._over.is_set():
            with self._may_upload:
                for _ in range(chance.choice([1, 1, 1, 5])):
                    content, began = picture(chance), time.monotonic()
                    fields = {"file": (f"{next(number)}.jpg", content, "image/jpeg")}
                    if said := self._request("POST", "images/", fields=fields):
                        sha256 = hashlib.sha256(content).hexdigest()
                        assert said["sha256"] == sha256
                        self.promised[said["uuid"]] = sha256
                        self.uploaded_at = began
            self._over.wait(chance.uniform(0.2, 1))

    def _search(self) -> None:
        chance = random.Random(self.seed + 1)
        while not self._over.is_set():
            began = time.monotonic()
            if self._request("GET", f"search/?q={chance.choice(['red', 'a green picture', 'something blue'])}"):
                self.found_at = began
            self._over.wait(chance.uniform(0.5, 1))

    def _request(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        """What was answered; {} where nobody did, which happens to whoever asks while web is killed."""
        headers = {"Authorization": f"Bearer {self.site.token}"}
        try:
            with urllib3.PoolManager(retries=False, timeout=60) as pool:
                answer = pool.request(method, f"{self.site.url}/api/v1/{path}", headers=headers, **options)
        except urllib3.exceptions.HTTPError:
            self.answers["none"] += 1
            self._over.wait(0.1)
            return {}
        self.answers[str(answer.status)] += 1
        if answer.status not in (HTTPStatus.OK, HTTPStatus.CREATED):
            self.answers[answer.data.decode()[:500]] += 1
            return {}
        said: dict[str, Any] = answer.json()
        return said


def picture(chance: random.Random) -> bytes:
    """A JPEG like no other."""
    small = PILImage.frombytes("RGB", (8, 6), chance.randbytes(8 * 6 * 3))
    buffer = io.BytesIO()
    small.resize((800, 600)).save(buffer, "JPEG")
    return buffer.getvalue()


def say(sentence: str) -> None:
    """To whoever waits for a long test."""
    sys.stdout.write(f"{time.strftime('%H:%M:%S')} {sentence}\n")
    sys.stdout.flush()


def until(condition: Callable[[], object], seconds: float, pause: float = 0.05) -> bool:
    """Whether it came true in so many seconds."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(pause)
    return True


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""
