"""The process in which strangers' bytes are decoded, started and asked by `gallery.decoding`.

It holds itself to limits of memory and processor time, knows no secrets, and has neither the database nor a descriptor
of the process that asks. What it answers is JSON and plain pixels: whoever takes it over by a flaw of a decoder gets no
further by its answers.
"""

import fcntl
import io
import json
import math
import os
import resource
import signal
import socket
import sys
import traceback
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import partial
from typing import IO, Any

import django
from django.conf import settings
from django.utils import translation

MOST_ASKED = 65_536  # bytes of a question
_BLOCK = 256 << 10

Answer = tuple[dict[str, Any], bytes]


class Bytes(io.RawIOBase):
    """A file by its descriptor, read without moving its position, which the process that asks shares."""

    def __init__(self, descriptor: int) -> None:
        super().__init__()
        self._descriptor, self._at = descriptor, 0

    def readinto(self, buffer: Any) -> int:
        data = os.pread(self._descriptor, len(buffer), self._at)
        buffer[: len(data)] = data
        self._at += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        begin = {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: os.fstat(self._descriptor).st_size}[whence]
        if begin + offset < 0:
            raise ValueError("before the beginning")
        self._at = begin + offset
        return self._at

    def tell(self) -> int:
        return self._at

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True


def facts(file: IO[bytes]) -> Answer:
    """What `validators.PictureFacts` says of a file beside its name and its bytes."""
    from gallery.inspection import inspect_picture  # noqa: PLC0415  settings come first

    found = inspect_picture(file)
    said = {**vars(found), "taken_at": found.taken_at.isoformat() if found.taken_at else None}
    return said, b""


def picture(file: IO[bytes], *, max_side: int) -> Answer:
    """As pictures.open_picture, as raw pixels."""
    from gallery import pictures  # noqa: PLC0415

    opened = pictures.open_picture(file, max_side=max_side)
    return {"mode": opened.mode, "size": opened.size}, opened.tobytes()


def animation(file: IO[bytes], *, max_side: int) -> Answer:
    """As webp.animate."""
    from gallery import webp  # noqa: PLC0415

    made = webp.animate(file, max_side=max_side)
    return {"size": made.size}, made.content


DEEDS: dict[str, Callable[..., Answer]] = {"facts": facts, "picture": picture, "animation": animation}


def main(channel: int, lock: int, options: Mapping[str, Any]) -> None:
    """Answers questions until whoever asks is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever asks
    _limit_memory(options["GALLERY_LIMITS"]["decode_bytes"])
    settings.configure(**options)
    django.setup()
    warnings.simplefilter("ignore")  # of what is wrong with strangers' files, which is their usual state
    from gallery import pictures  # noqa: PLC0415

    pictures.take_turns(partial(_turn, lock))
    with socket.socket(fileno=channel) as connection:
        while _answer_one(connection, options["GALLERY_LIMITS"]["decode_seconds"]):
            pass


def _answer_one(connection: socket.socket, seconds: int) -> bool:
    """Whether there was a question."""
    message, descriptors, _, _ = socket.recv_fds(connection, MOST_ASKED, 1)
    if not message:
        return False
    asked = json.loads(message)
    try:
        _limit_time(seconds)
        with io.BufferedReader(Bytes(descriptors[0]), _BLOCK) as file, translation.override(asked.pop("language")):
            said, payload = _said(DEEDS[asked.pop("do")], file, asked)
    finally:
        os.close(descriptors[0])
    head = json.dumps({**said, "bytes": len(payload)}).encode()
    with suppress(BrokenPipeError, ConnectionResetError):
        connection.sendall(head + b"\n")
        connection.sendall(payload)
    return True


def _said(deed: Callable[..., Answer], file: IO[bytes], options: Mapping[str, Any]) -> Answer:
    from gallery.exceptions import UploadRefused  # noqa: PLC0415

    try:
        return deed(file, **options)
    except UploadRefused as refusal:
        return {"refused": str(refusal)}, b""
    except MemoryError:
        return {"stopped": "memory"}, b""
    except OSError as error:
        if error.errno is not None:
            return {"errno": error.errno, "strerror": error.strerror}, b""
        return {"unexpected": traceback.format_exc()}, b""
    except Exception:  # noqa: BLE001  a boundary: decoders raise anything; whoever asks writes it to the log
        return {"unexpected": traceback.format_exc()}, b""


def _limit_memory(most: int) -> None:
    """Of what this process allocates. Where memory runs short nonetheless, it is the first to go."""
    resource.setrlimit(resource.RLIMIT_DATA, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with suppress(OSError), open("/proc/self/oom_score_adj", "w") as score:
        score.write("1000")


def _limit_time(seconds: int) -> None:
    """The kernel ends this process after so many more seconds of processor time."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    most = math.ceil(used.ru_utime + used.ru_stime) + seconds
    resource.setrlimit(resource.RLIMIT_CPU, (most, resource.RLIM_INFINITY))


@contextmanager
def _turn(lock: int) -> Iterator[None]:
    """One of the processes that share the file `lock` at a time. The kernel takes it back from one that ends."""
    fcntl.lockf(lock, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.lockf(lock, fcntl.LOCK_UN)


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), json.loads(sys.argv[3]))
