"""Decoders are processes with limits, and know nothing."""

import errno
import io
import logging
import os
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.utils import translation

from gallery import decoding, inspection, pictures, webp
from gallery.exceptions import NotNow, UploadRefused
from tests.gallery.making import animation, encode, exif_of, noise, plain
from tests.hostile.bombs import jpeg_of_scans, png_of_zeros


@pytest.fixture
def limits(settings: Any) -> Iterator[Any]:
    """Sets limits, which new processes then keep."""

    def limit(**values: int) -> None:
        settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | values

    yield limit


def process_of_this() -> int:
    """The process that answered last."""
    return decoding._pool._idle[-1]._process.pid


def red(file: bytes | None = None) -> Any:
    return decoding.open_picture(io.BytesIO(file or encode(plain("red"))), max_side=100).getpixel((5, 5))


@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF"])
def test_it_answers_as_one_would_within_this_process(format: str) -> None:
    content = encode(noise((300, 200)), format)
    assert decoding.inspect_picture(io.BytesIO(content)) == inspection.inspect_picture(io.BytesIO(content))
    opened = decoding.open_picture(io.BytesIO(content), max_side=100)
    here = pictures.open_picture(io.BytesIO(content), max_side=100)
    assert (opened.mode, opened.size, opened.tobytes()) == (here.mode, here.size, here.tobytes())


def test_everything_that_a_file_says_comes_along() -> None:
    details = {0x9003: "2024:07:01 12:30:00", 0x9011: "+02:00"}
    exif = exif_of(
        {0x010F: "Leica", 0x0110: "M", 0x0112: 6, 0x010E: "Zwölf Boote"},
        details,
        {1: "N", 2: (1.0, 2.0, 3.0), 3: "E", 4: (4.0, 5.0, 6.0)},
    )
    content = encode(plain(), "JPEG", exif=exif)
    found = decoding.inspect_picture(io.BytesIO(content))
    assert found == inspection.inspect_picture(io.BytesIO(content))
    assert found.gps and found.taken_at and found.camera.make == "Leica" and found.caption


def test_animations() -> None:
    content = animation(3, duration=120)
    here = webp.animate(io.BytesIO(content), max_side=40)
    assert decoding.animate(io.BytesIO(content), max_side=40) == here
    assert here.size == (40, 30)


def test_whoever_gives_the_file_finds_it_where_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    path.write_bytes(encode(noise()))
    with path.open("rb") as file:
        decoding.inspect_picture(file)
        file.seek(0)
        assert file.read() == path.read_bytes()
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == path.stat().st_size


def test_refusals_speak_the_language_of_whoever_asks() -> None:
    with translation.override("de"), pytest.raises(UploadRefused, match="beschädigt"):
        decoding.inspect_picture(io.BytesIO(encode(noise(), "JPEG")[:2_000]))
    with pytest.raises(UploadRefused, match="damaged"):
        decoding.inspect_picture(io.BytesIO(encode(noise(), "JPEG")[:2_000]))


def test_one_that_takes_too_long_is_ended(limits: Any) -> None:
    limits(decode_seconds=1)
    bomb = jpeg_of_scans(40_000, (2_000, 2_000))  # some eight seconds
    with pytest.raises(UploadRefused, match="takes too long"):
        decoding.inspect_picture(io.BytesIO(bomb))
    assert red() == (255, 0, 0)


def test_many_quick_ones_are_not_one_that_takes_long(limits: Any) -> None:
    limits(decode_seconds=1)
    content = encode(noise((2_000, 1_500)), "JPEG")
    for _ in range(20):
        decoding.open_picture(io.BytesIO(content), max_side=1_600)


def test_one_that_takes_too_much_memory_is_refused(limits: Any) -> None:
    limits(decode_bytes=150_000_000)
    with pytest.raises(UploadRefused, match="too large to be opened here"):
        decoding.inspect_picture(io.BytesIO(png_of_zeros((8_000, 5_000), color_type=6, bands=4)))
    assert red() == (255, 0, 0)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_one_that_was_ended_while_it_waited_is_replaced(number: signal.Signals) -> None:
    red()
    ended = process_of_this()
    os.kill(ended, number)
    os.waitid(os.P_PID, ended, os.WEXITED | os.WNOWAIT)
    assert red() == (255, 0, 0)
    assert process_of_this() != ended


@pytest.mark.parametrize(
    ("number", "refusal"),
    [(signal.SIGSEGV, UploadRefused), (signal.SIGABRT, UploadRefused), (signal.SIGKILL, NotNow)],
)
def test_one_that_dies_costs_the_file_alone(
    number: signal.Signals, refusal: type[Exception], monkeypatch: pytest.MonkeyPatch, caplog: Any
) -> None:
    """Of a file: refused. By somebody else's hand, twice: not now."""

    def die(decoder: Any, message: bytes, descriptor: int) -> Any:
        os.kill(decoder._process.pid, number)
        raise decoding._Ended(decoder._status())

    with monkeypatch.context() as patch, caplog.at_level(logging.CRITICAL):
        patch.setattr(decoding._Decoder, "ask", die)
        with pytest.raises(UploadRefused) as caught:
            red()
    assert type(caught.value) is refusal
    assert red() == (255, 0, 0)


def test_one_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch, caplog: Any, settings: Any) -> None:
    settings.TIME_ZONE = "Asia/Tokyo"  # a process of this test's own
    monkeypatch.setattr(decoding, "LONGEST_WAIT_SECONDS", 0.05)  # it takes longer to start
    with caplog.at_level(logging.CRITICAL), pytest.raises(NotNow):
        red()


def test_the_disks_fault_is_not_the_files(tmp_path: Path) -> None:
    class FailingDisk(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(OSError, match="Input/output error"):
        decoding.inspect_picture(FailingDisk(b"x"))
    with (tmp_path / "a").open("wb") as unreadable, pytest.raises(OSError, match="Bad file descriptor"):
        decoding.inspect_picture(unreadable)


def test_they_know_no_secrets_and_hold_nothing_of_ours() -> None:
    red()
    folder = Path(f"/proc/{process_of_this()}")
    if not folder.exists():
        pytest.skip("This system has no /proc")
    named = {each.partition(b"=")[0] for each in (folder / "environ").read_bytes().split(b"\0") if each}
    assert named == {b"PYTHONDONTWRITEBYTECODE", b"MALLOC_MMAP_THRESHOLD_", b"MALLOC_TRIM_THRESHOLD_"}
    held = {os.readlink(path).partition(":")[0] for path in (folder / "fd").iterdir()}
    assert held <= {
        "socket",
        "pipe",
        "/dev/null",
        "/memfd",
        *(os.readlink(f"/proc/self/fd/{n}").partition(":")[0] for n in (1, 2)),
    }
    assert len(list((folder / "fd").iterdir())) <= 5  # three standard ones, the channel, the lock


def test_they_end_with_whoever_asks() -> None:
    with decoding._unnamed_file() as turns:
        decoder = decoding._Decoder(decoding._options(), turns.fileno())
        decoder._channel.close()
        assert decoder._process.wait(timeout=20) == 0


def test_after_a_fork_each_has_its_own() -> None:
    red()
    ours = process_of_this()
    child = os.fork()
    if not child:
        os._exit(0 if red() == (255, 0, 0) and process_of_this() != ours else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert red() == (255, 0, 0) and process_of_this() == ours


def test_one_is_replaced_after_many_questions(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "QUESTIONS", 2)
    assert len({(red(), process_of_this() if decoding._pool._idle else 0) for _ in range(5)}) > 1
