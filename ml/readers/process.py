"""The text reader in a process of its own: there it takes half of the memory that it takes beside the other models, and
gives back what a picture left, all of it when there is nothing to read.

`python -m ml.readers.process SECONDS` is that process. It says what it is as a line of JSON, a ModelInfo or an error of
ml.errors; then for each picture, (line of JSON: its size; RGB), it says a line of JSON: what it read, or what it failed
of. It ends when nobody asks it anything for so many seconds, and when whoever started it has ended.
"""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import IO, Any

from PIL import Image as PILImage
from PIL.Image import Image

from ml import errors
from ml.interfaces import ModelInfo, TextLine
from ml.readers.rapidocr import LONGEST, RapidOCRReader, scaled

ROOT = Path(__file__).parents[2]  # where `ml` is found, wherever this process is
IDLE_SECONDS = 120.0  # it takes a second to start anew
LONGEST_SECONDS = 300  #: for one picture, after which it ends by itself


class ReaderEnded(RuntimeError):
    """The process ended while it read a picture, or has not begun."""


class ReaderProcess:
    """Implements ml.interfaces.TextReader. Safe to call from several threads at once; they take turns."""

    def __init__(self, idle_seconds: float = IDLE_SECONDS) -> None:
        """Start the process. Raises what RapidOCRReader.load raises there, or ReaderEnded."""
        self._idle_seconds = idle_seconds
        self._turn = threading.Lock()
        self._end: Callable[[], object] = lambda: None
        self._begin()

    def read(self, images: Sequence[Image]) -> list[list[TextLine]]:
        """Read RGB pictures of any size: the lines of each, in reading order. Raises ReaderEnded."""
        return [self._read(scaled(image, LONGEST)) for image in images]

    def _read(self, image: Image) -> list[TextLine]:
        with self._turn:
            is_new = self._process.poll() is not None
            if is_new:  # it had nothing to do
                self._begin()
            try:
                said = self._ask(image)
            except ReaderEnded:
                if is_new:
                    raise
                self._begin()  # the last one was about to end, or somebody ended it
                said = self._ask(image)
        if "failed" in said:
            raise RuntimeError(f"The reader of text failed: {said['failed']}")
        return [_line(**line) for line in said["lines"]]

    def _begin(self) -> None:
        self._end()
        self._process = subprocess.Popen(  # noqa: S603  our own command
            [sys.executable, "-m", "ml.readers.process", str(self._idle_seconds)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        self._end = weakref.finalize(self, _end, self._process)  # also at the end of this process
        said = self._answer()
        if "error" in said:
            self._end()
            raise getattr(errors, said["error"])(said["sentence"])
        self.info = ModelInfo(**said)

    def _ask(self, image: Image) -> dict[str, Any]:
        questions = _pipe(self._process.stdin)
        try:
            with suppress(BrokenPipeError):  # then there is no answer either
                questions.write(json.dumps(image.size).encode() + b"\n")
                questions.write(image.tobytes())
                questions.flush()
            return self._answer()
        except BaseException:  # no later question may get this one's answer
            self._end()
            raise

    def _answer(self) -> dict[str, Any]:
        line = _pipe(self._process.stdout).readline()
        if not line.endswith(b"\n"):
            raise ReaderEnded("The reader of text ended while it worked.")
        said: dict[str, Any] = json.loads(line)
        return said


def _pipe(stream: IO[bytes] | None) -> IO[bytes]:
    if stream is None:
        raise TypeError("It was started without a pipe.")
    return stream


def _line(text: str, confidence: float, corners: Sequence[Sequence[float]]) -> TextLine:
    first, second, third, fourth = ((x, y) for x, y in corners)
    return TextLine(text, confidence, (first, second, third, fourth))


def _end(process: "subprocess.Popen[bytes]") -> None:
    with suppress(BrokenPipeError), process:  # for a question that nobody will read
        process.kill()


def main(idle_seconds: float) -> None:
    """Answer until nobody asks any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # meant for whoever asks
    questions, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # whatever prints stands in no answer's way
    try:
        reader = RapidOCRReader.load()
    except errors.ModelError as error:
        _say(answers, {"error": type(error).__name__, "sentence": str(error)})
        return
    _say(answers, asdict(reader.info))
    while select.select([questions], [], [], idle_seconds)[0] and (head := questions.readline()):
        width, height = json.loads(head)
        signal.alarm(LONGEST_SECONDS)
        picture = PILImage.frombytes("RGB", (width, height), questions.read(width * height * 3))
        try:
            (lines,) = reader.read([picture])
        except Exception as error:  # noqa: BLE001  a boundary: whoever asks raises it
            _say(answers, {"failed": f"{type(error).__name__}: {error}"})
        else:
            _say(answers, {"lines": [asdict(line) for line in lines]})
        signal.alarm(0)


def _say(answers: IO[bytes], what: dict[str, Any]) -> None:
    answers.write(json.dumps(what).encode() + b"\n")
    answers.flush()


if __name__ == "__main__":
    with suppress(BrokenPipeError):  # whoever asked has ended
        main(float(sys.argv[1]))
