"""Strangers' bytes are decoded here and nowhere else: in processes of their own (gallery.decoder), which are bounded in
memory and time. One that hangs, eats memory or dies of a file costs this file, and neither a page nor other work.

Processes are started when they are first needed (0.2 s) and then stay, one for each picture that this process decodes
at once. What they answer is distrusted, too: it is JSON and pixels.
"""

import atexit
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, Any

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from PIL import Image as PILImage

from gallery.exceptions import NotNow, UploadRefused
from gallery.inspection import Inspection
from gallery.metadata import Camera, Position
from gallery.webp import Moving

logger = logging.getLogger(__name__)

# Real time. The limit proper is one of processor time, which a busy machine doesn't change.
LONGEST_WAIT_SECONDS = 90.0
QUESTIONS = 200  # to one process, after which another takes its place: nothing that leaks grows for ever
AT_ONCE = min(4, os.cpu_count() or 1)
_SETTINGS = ("GALLERY_LIMITS", "LANGUAGE_CODE", "LOCALE_PATHS", "FORMAT_MODULE_PATH", "TIME_ZONE", "USE_TZ")
_PIECE = 1 << 20
_LONGEST_HEAD = 1 << 20
_MOST_BYTES = 400_000_000  # of an answer
_MODES = {"RGB": 3, "RGBA": 4}
# No secrets. glibc keeps 32 MB of what a picture leaves for the next one, instead of asking the system for 7,000 pages
# each time: a ninth of the time.
_ENVIRONMENT = {
    "PYTHONDONTWRITEBYTECODE": "1",
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TRIM_THRESHOLD_": str(32 << 20),
}
# What ends a process from outside, and is not the file's fault.
_FROM_OUTSIDE = (-signal.SIGKILL, -signal.SIGTERM, -signal.SIGHUP, -signal.SIGINT)


class _Ended(Exception):
    """The decoder ended without an answer, with this status."""

    def __init__(self, status: int | None) -> None:
        super().__init__(f"status {status}")
        self.status = status


def inspect_picture(file: IO[bytes]) -> Inspection:
    """As inspection.inspect_picture. Raises UploadRefused."""
    said, __ = _ask(file, "facts")
    taken_at, gps = said.pop("taken_at"), said.pop("gps")
    return Inspection(
        **{
            **said,
            "camera": Camera(*said["camera"]),
            "taken_at": datetime.fromisoformat(taken_at) if taken_at else None,
            "gps": Position(*gps) if gps else None,
        }
    )


def open_picture(file: IO[bytes], *, max_side: int) -> PILImage.Image:
    """As pictures.open_picture. Raises UploadRefused."""
    said, pixels = _ask(file, "picture", max_side=max_side)
    width, height = said["size"]
    if max(width, height) > max_side or len(pixels) != width * height * _MODES[said["mode"]]:
        raise ValueError(f"A decoder answered nonsense: {said}")
    return PILImage.frombytes(said["mode"], (width, height), pixels)


def animate(file: IO[bytes], *, max_side: int) -> Moving:
    """As webp.animate. Raises UploadRefused."""
    said, content = _ask(file, "animation", max_side=max_side)
    width, height = said["size"]
    return Moving((width, height), content)


def _ask(file: IO[bytes], deed: str, **options: Any) -> tuple[dict[str, Any], bytes]:
    """The answer. Raises UploadRefused: also for a file of which the decoder dies, NotNow where it is not the file's
    fault; and the OSError that reading the file raised there."""
    message = json.dumps({"do": deed, "language": translation.get_language() or settings.LANGUAGE_CODE, **options})
    with _descriptor_of(file) as descriptor:
        try:
            said, payload = _pool.ask(message.encode(), descriptor)
        except _Ended as ended:
            raise _refusal(ended, deed) from ended
    if "refused" in said:
        raise UploadRefused(said["refused"])
    if "stopped" in said:
        raise UploadRefused(_("This picture is too large to be opened here."))
    if "errno" in said:
        raise OSError(said["errno"], said["strerror"])
    if "unexpected" in said:
        logger.error("A picture could not be decoded (%s):\n%s", deed, said["unexpected"])
        raise UploadRefused(_("This picture is damaged, or too large to be opened here."))
    return said, payload


def _refusal(ended: _Ended, deed: str) -> UploadRefused:
    logger.warning("A decoder ended while it worked (%s): %s", deed, ended)
    if ended.status == -signal.SIGXCPU:
        return UploadRefused(_("This picture takes too long to be opened."))
    if ended.status is None or ended.status in _FROM_OUTSIDE:
        return NotNow(_("This picture could not be opened just now. Try again later."))
    return UploadRefused(_("This picture is damaged, or too large to be opened here."))


@contextmanager
def _descriptor_of(file: IO[bytes]) -> Iterator[int]:
    """A descriptor by which another process reads the file: its own, or that of a copy."""
    file.seek(0)  # what was written to it is on its way to the kernel, too
    try:
        descriptor = file.fileno()
    except (AttributeError, OSError):  # it lies in memory
        with _unnamed_file() as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)
            copy.flush()
            yield copy.fileno()
        file.seek(0)
    else:
        yield descriptor


def _options() -> str:
    """The settings that a decoder knows."""
    return json.dumps({name: getattr(settings, name) for name in _SETTINGS}, default=str)


def _unnamed_file() -> IO[bytes]:
    """In memory where the system can, so that a full disk keeps nobody from looking."""
    if hasattr(os, "memfd_create"):
        return os.fdopen(os.memfd_create("picture"), "w+b")
    return tempfile.TemporaryFile()


class _Decoder:
    """One process, for one question at a time."""

    def __init__(self, options: str, lock: int) -> None:
        self.options, self.asked = options, 0
        self._channel, theirs = socket.socketpair()
        self._channel.settimeout(LONGEST_WAIT_SECONDS)
        with theirs:
            self._process = subprocess.Popen(  # noqa: S603  our own command
                [sys.executable, "-m", "gallery.decoder", str(theirs.fileno()), str(lock), options],
                cwd=settings.BASE_DIR,
                env=_ENVIRONMENT,
                stdin=subprocess.DEVNULL,
                pass_fds=(theirs.fileno(), lock),
            )

    def ask(self, message: bytes, descriptor: int) -> tuple[dict[str, Any], bytes]:
        """Raises _Ended."""
        self.asked += 1
        try:
            socket.send_fds(self._channel, [message], [descriptor])
            with self._channel.makefile("rb") as answers:
                head = answers.readline(_LONGEST_HEAD)
                if not head.endswith(b"\n"):
                    raise _Ended(self._status())
                said = json.loads(head)
                size = min(said.pop("bytes"), _MOST_BYTES)
                payload = answers.read(size)
        except TimeoutError:
            raise _Ended(None) from None
        except (BrokenPipeError, ConnectionResetError):
            raise _Ended(self._status()) from None
        if len(payload) < size:
            raise _Ended(self._status())
        return said, payload

    def close(self) -> None:
        """Ends the process, whatever it does."""
        self._channel.close()
        self._process.kill()
        self._process.wait()

    def leave(self) -> None:
        """After a fork: the process is the parent's, which goes on asking it."""
        self._channel.close()
        self._process.returncode = 0

    def _status(self) -> int | None:
        try:
            return self._process.wait(timeout=10)
        except subprocess.TimeoutExpired:
            return None


class _Pool:
    """Processes that wait for a question."""

    def __init__(self) -> None:
        self._idle: list[_Decoder] = []
        self._places = threading.BoundedSemaphore(AT_ONCE)
        self._turns: IO[bytes] | None = None  # the file by which they take turns with large pictures
        self._lock = threading.Lock()

    def ask(self, message: bytes, descriptor: int) -> tuple[dict[str, Any], bytes]:
        """Raises _Ended. A process that was ended from outside while it waited, or worked, is replaced once."""
        with self._places:
            try:
                return self._try(message, descriptor)
            except _Ended as ended:
                if ended.status not in _FROM_OUTSIDE:
                    raise
                return self._try(message, descriptor)

    def close(self) -> None:
        """Ends those that wait."""
        with self._lock:
            while self._idle:
                self._idle.pop().close()
            if self._turns is not None:
                self._turns.close()
                self._turns = None

    def leave(self) -> None:
        """After a fork, of the parent's."""
        while self._idle:
            self._idle.pop().leave()
        if self._turns is not None:
            self._turns.close()

    def _try(self, message: bytes, descriptor: int) -> tuple[dict[str, Any], bytes]:
        decoder = self._take()
        try:
            answer = decoder.ask(message, descriptor)
        except BaseException:
            decoder.close()
            raise
        if decoder.asked < QUESTIONS:
            with self._lock:
                self._idle.append(decoder)
        else:
            decoder.close()
        return answer

    def _take(self) -> _Decoder:
        options = _options()
        with self._lock:
            if self._turns is None:
                self._turns = _unnamed_file()
            while self._idle:
                decoder = self._idle.pop()
                if decoder.options == options:
                    return decoder
                decoder.close()
        return _Decoder(options, self._turns.fileno())


_pool = _Pool()


def _begin_anew() -> None:
    global _pool
    left, _pool = _pool, _Pool()
    left.leave()


def _end() -> None:
    _pool.close()


os.register_at_fork(after_in_child=_begin_anew)
atexit.register(_end)
