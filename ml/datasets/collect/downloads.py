"""Threads that fetch what is wanted, each host in its turn; what comes back is a picture, or why there is none."""

import base64
import binascii
import hashlib
import logging
import random
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from queue import SimpleQueue
from threading import Thread
from types import TracebackType
from typing import Self
from urllib.parse import unquote_to_bytes

from ml.datasets.collect import pictures, request
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import Limits
from ml.datasets.collect.pictures import Picture
from ml.datasets.collect.request import parse
from ml.datasets.collect.robots import Robots
from ml.datasets.collect.turns import Turns
from outbound import Address

log = logging.getLogger(__name__)

_MAY_PASS = {408, 425, 429, 500, 502, 503, 504}  # statuses that another try may turn into a 200
_LONGEST_WAIT = 120.0  # seconds; a host that asks for more is not asked again
_WAITING_PER_WORKER = 16  # how far ahead the wishes are read, so that slow hosts hold up nobody


@dataclass(frozen=True)
class Wish:
    """A picture that is wanted, and what will be said of it."""

    key: str  #: which row or find it is; the picture's file name will begin so
    address: str  #: http, https, or a data: URI that holds the picture itself
    captions: tuple[str, ...]
    source: str  #: where the picture comes from, for the data set
    category: str = ""
    unfit: str = ""  #: the reason why it is dropped without asking anybody

    @property
    def identity(self) -> str:
        """The address by which two wishes are the same: without its fragment, and short where it holds the picture."""
        if self.address.startswith("data:"):
            return f"data:{hashlib.sha256(self.address.encode()).hexdigest()}"
        return self.address.partition("#")[0]


Outcome = Picture | Dropped


@dataclass
class _Job:
    wish: Wish
    address: Address
    visited: set[str] = field(default_factory=set)
    failures: int = 0


class Downloads:
    """A pool of threads, to be closed."""

    def __init__(self, limits: Limits, robots: Robots | None) -> None:
        """`robots` is asked before each request, where it is given."""
        self._limits = limits
        self._robots = robots
        self._turns: Turns[_Job] = Turns(limits.per_host)
        self._results: SimpleQueue[tuple[Wish, Outcome]] = SimpleQueue()
        for _ in range(limits.workers):
            # Daemons: a program that was told to stop does not wait for a host that drips.
            Thread(target=self._work, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._turns.close()

    def fetch(self, wishes: Iterable[Wish]) -> "Fetching":
        """Fetch all of them; see `Fetching`."""
        return Fetching(self, iter(wishes), self._limits.workers * _WAITING_PER_WORKER)

    def begin(self, wish: Wish) -> None:
        """Let the threads fetch it."""
        try:
            if wish.address.startswith("data:"):
                self._results.put((wish, pictures.check(decode_data(wish.address, self._limits), self._limits)))
            else:
                address = parse(wish.address)
                self._turns.put(_Job(wish, address), address.host)
        except Dropped as dropped:
            self._results.put((wish, dropped))

    def has_result(self) -> bool:
        """Whether `next_result` would not wait."""
        return not self._results.empty()

    def next_result(self) -> tuple[Wish, Outcome]:
        """Wait for what became of one of the wishes that were begun."""
        return self._results.get()

    def _work(self) -> None:
        while (turn := self._turns.take()) is not None:
            job, host = turn
            pause = self._limits.pause
            try:
                pause = max(pause, self._step(job))
            except Dropped as dropped:
                pause = max(pause, self._failed(job, dropped))
            except Exception as error:  # a thread that died would leave the others waiting for ever
                log.exception("%s", job.address)
                self._results.put((job.wish, Dropped("unforeseen", f"{type(error).__name__}: {error}"[:200])))
            self._turns.release(host, pause)

    def _step(self, job: _Job) -> float:
        """One request of a job, whose answer ends it or leads on. Says how long to leave the host alone."""
        delay = self._robots.check(job.address) if self._robots else 0.0
        job.visited.add(str(job.address))
        answer, body = request.get(job.address, self._limits, max_bytes=self._limits.max_bytes)
        if answer.status == 200:
            self._results.put((job.wish, pictures.check(body, self._limits)))
        elif answer.leads_to:
            self._follow(job, parse(answer.leads_to))
        else:
            raise Dropped(
                f"status {answer.status}",
                str(job.address),
                again=answer.status in _MAY_PASS,
                wait=_seconds(answer.headers.get("Retry-After")),
            )
        return delay

    def _follow(self, job: _Job, target: Address) -> None:
        """Ask where a redirect leads, once that host is ready."""
        if str(target) in job.visited:
            raise Dropped("redirect loop", f"{job.address} leads back to {target}")
        if len(job.visited) > self._limits.redirects:
            raise Dropped("too many redirects", f"more than {self._limits.redirects}, the last to {target}")
        job.address = target
        self._turns.put(job, target.host)

    def _failed(self, job: _Job, dropped: Dropped) -> float:
        """Try again later where that may help. Says how long to leave the host alone."""
        wait = dropped.wait or 0.0
        if not dropped.again or job.failures >= self._limits.retries or wait > _LONGEST_WAIT:
            self._results.put((job.wish, dropped))
            return min(wait, _LONGEST_WAIT)
        backoff = self._limits.backoff * 2**job.failures * random.uniform(0.5, 1.5)  # noqa: S311 - not a secret
        job.failures += 1
        self._turns.put(job, job.address.host, max(backoff, wait))
        return wait


class Fetching(Iterator[tuple[Wish, Outcome]]):
    """What becomes of each wish, as it comes in. Wishes are read only as far ahead as the threads need."""

    def __init__(self, downloads: Downloads, wishes: Iterator[Wish], ahead: int) -> None:
        self._downloads = downloads
        self._wishes = wishes
        self._begun = 0
        self.ahead = ahead  #: how many may be under way at once; may be lowered, to get no more than is needed

    def __next__(self) -> tuple[Wish, Outcome]:
        # What came in goes first: the next wish may take a search page seconds to tell.
        while self._begun < self.ahead and not self._downloads.has_result():
            wish = next(self._wishes, None)
            if wish is None:
                break
            self._downloads.begin(wish)
            self._begun += 1
        if not self._begun:
            raise StopIteration
        self._begun -= 1
        return self._downloads.next_result()


def decode_data(address: str, limits: Limits) -> bytes:
    """The bytes in a data: URI (https://www.rfc-editor.org/rfc/rfc2397). Raises Dropped."""
    head, comma, content = address.partition(",")
    if not comma:
        raise Dropped("bad address", address[:60])
    if len(content) > 2 * limits.max_bytes:
        raise Dropped("too many bytes", f"a data: URI of {len(content):,} letters")
    raw = unquote_to_bytes(content)
    if not head.endswith(";base64"):
        return raw
    try:
        return base64.b64decode(raw)
    except binascii.Error as error:
        raise Dropped("bad address", address[:60]) from error


def _seconds(retry_after: str | None) -> float | None:
    """A Retry-After header: seconds, or a date (https://www.rfc-editor.org/rfc/rfc9110#field.retry-after)."""
    if not retry_after:
        return None
    if retry_after.strip().isdecimal():
        return float(retry_after)
    try:
        return max(parsedate_to_datetime(retry_after).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None
