"""The text reader in a process of its own."""

import os
import signal
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from PIL import Image as PILImage

import ml
from ml.errors import ModelNotFound
from ml.readers import process
from ml.readers.process import ReaderEnded, ReaderProcess
from ml.readers.rapidocr import RapidOCRReader
from tests.ml.test_readers import SIZE, sheet

pytest.importorskip("rapidocr")
pytestmark = pytest.mark.models


@pytest.fixture(scope="module")
def reader() -> Iterator[Any]:
    started = ReaderProcess()
    yield started
    started._end()


def texts(reader: Any, *pictures: PILImage.Image) -> list[list[str]]:
    return [[line.text for line in lines] for lines in reader.read(pictures)]


def test_it_reads_as_in_this_process(reader: Any) -> None:
    pictures = [PILImage.new("RGB", SIZE, "white"), sheet("Größe Café niño"), sheet("HELLO").resize((2_400, 1_200))]
    here = RapidOCRReader.load()
    assert reader.read(pictures) == here.read(pictures)
    assert reader.info == here.info


def test_it_is_what_a_site_has() -> None:
    shared: Any = ml.load_reader("rapidocr")
    assert isinstance(shared, ReaderProcess)
    assert shared._process.pid != os.getpid()


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_ended_is_followed_by_another(reader: Any, how: signal.Signals) -> None:
    before = reader._process
    before.send_signal(how)
    assert texts(reader, sheet("HELLO")) == [["HELLO"]]
    assert before.returncode == -how
    assert reader._process.pid != before.pid


def test_a_picture_of_which_it_dies_costs_this_one(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def ask(image: PILImage.Image) -> Any:
        asked.append(reader._process.pid)
        reader._process.kill()
        return real(image)

    real: Callable[[PILImage.Image], Any] = reader._ask
    with monkeypatch.context() as patch:
        patch.setattr(reader, "_ask", ask)
        with pytest.raises(ReaderEnded, match="ended while it worked"):
            reader.read([sheet("HELLO")])
    assert len(set(asked)) == 2  # one more try, since the first may have ended by itself
    assert texts(reader, sheet("HELLO")) == [["HELLO"]]


def test_whoever_is_interrupted_leaves_no_answer_behind(reader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> Any:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(reader, "_answer", interrupted)
        with pytest.raises(KeyboardInterrupt):
            reader.read([sheet("HELLO")])
    assert texts(reader, PILImage.new("RGB", SIZE, "white")) == [[]]


def test_what_fails_is_said_and_the_next_is_read(reader: Any) -> None:
    with pytest.raises(RuntimeError, match=r"The reader of text failed: \w+"):
        reader._read(PILImage.new("RGB", (0, 0)))
    assert texts(reader, sheet("HELLO")) == [["HELLO"]]


def test_what_keeps_it_from_beginning_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process.sys, "executable", "/bin/false")
    with pytest.raises(ReaderEnded):
        ReaderProcess()


def test_an_error_of_the_model_keeps_its_class_and_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    said = {"error": "ModelNotFound", "sentence": "It is not installed."}
    monkeypatch.setattr(ReaderProcess, "_answer", lambda self: said)
    with pytest.raises(ModelNotFound, match="It is not installed"):
        ReaderProcess()


def test_it_ends_while_there_is_nothing_to_read_and_begins_anew() -> None:
    idle: Any = ReaderProcess(idle_seconds=0)
    assert idle._process.wait(timeout=30) == 0
    idle._idle_seconds = process.IDLE_SECONDS
    assert texts(idle, sheet("HELLO"), sheet("AGAIN")) == [["HELLO"], ["AGAIN"]]


def test_it_ends_with_whoever_started_it() -> None:
    started: Any = ReaderProcess()
    started._process.stdin.close()
    assert started._process.wait(timeout=30) == 0
    started._process.stdout.close()
