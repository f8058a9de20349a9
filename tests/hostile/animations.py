"""Animations that contradict themselves, or hurry."""

import struct
import zlib
from collections.abc import Iterator

from tests.gallery.making import animation, encode, plain, png_chunk
from tests.hostile.bombs import SIGNATURE, gif_of_frames
from tests.hostile.case import ANY_REASON, Case, category, shown

FIRST = (0, 90, 200)


def gif_control(disposal: int, delay: int, transparent: int | None = None) -> bytes:
    flags = disposal << 2 | (transparent is not None)
    return b"\x21\xf9\x04" + struct.pack("<BHBB", flags, delay, transparent or 0, 0)


def gif_frame(box: tuple[int, int, int, int]) -> bytes:
    """One frame at (left, top), of (width, height); its codes fill one pixel alone."""
    return b"," + struct.pack("<HHHHB", *box, 0) + b"\x02\x02\x4c\x01\0"


def gif(*parts: bytes, size: tuple[int, int] = (64, 48)) -> bytes:
    head = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\xff\0\0\0\0\xff"
    return head + b"".join(parts) + b";"


@category
def gif_without_delay() -> Iterator[Case]:
    yield shown(animation(3, "GIF", duration=0), colour=FIRST, frames=3)
    yield shown(animation(3, "GIF", duration=655_350), colour=FIRST, frames=3)
    yield shown(gif_of_frames(20, (64, 48)), frames=20)


@category
def gif_with_frames_outside_of_its_screen() -> Iterator[Case]:
    for box in ((60, 40, 1, 1), (64, 48, 1, 1), (65_535, 65_535, 1, 1), (0, 0, 1, 1), (63, 47, 9, 9)):
        content = gif(gif_frame((0, 0, 1, 1)), gif_control(0, 10) + gif_frame(box))
        yield Case(content, refused=ANY_REASON, size=(0, 0))


@category
def gif_with_frames_larger_than_its_screen() -> Iterator[Case]:
    for side in (65, 5_000, 65_535):
        yield Case(gif(gif_frame((0, 0, side, side))), refused=ANY_REASON, size=(0, 0))
        content = gif(gif_frame((0, 0, 1, 1)), gif_frame((0, 0, side, side)))
        yield Case(content, refused=ANY_REASON, size=(0, 0))


@category
def gif_that_disposes_of_what_never_was() -> Iterator[Case]:
    for disposal in range(8):
        content = gif(*(gif_control(disposal, 10) + gif_frame((0, 0, 1, 1)) for _ in range(3)))
        yield Case(content, refused=ANY_REASON, size=(64, 48))


@category
def gif_with_a_transparent_colour_that_it_lacks() -> Iterator[Case]:
    for index in (1, 2, 255):
        content = gif(*(gif_control(2, 10, index) + gif_frame((0, 0, 1, 1)) for _ in range(2)))
        yield Case(content, refused=ANY_REASON, size=(64, 48))


@category
def gif_with_bad_extensions() -> Iterator[Case]:
    frame = gif_frame((0, 0, 1, 1))
    for extension in (
        b"\x21\xff\x0bNETSCAPE2.0\0",
        b"\x21\xff\x0bNETSCAPE2.0\x03\x01\xff\xff\0",
        b"\x21\xff\xff" + bytes(255) + b"\0",
        b"\x21\xfe" + b"\xff" * 256 * 100 + b"\0",
        b"\x21\xf9\0",
        b"\x21\x01\x0c" + bytes(12) + b"\0",
        b"\x21",
        b"\0" * 10_000,
    ):
        yield Case(gif(extension, frame), refused=ANY_REASON, size=(64, 48))


@category
def moving_formats() -> Iterator[Case]:
    for format in ("GIF", "PNG", "WEBP", "AVIF"):
        yield shown(animation(4, format, duration=80), colour=FIRST, frames=4)


def apng(*chunks: bytes) -> bytes:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    return SIGNATURE + header + b"".join(chunks) + png_chunk(b"IEND", b"")


def frame_control(
    number: int, box: tuple[int, int, int, int] = (64, 48, 0, 0), delay: tuple[int, int] = (1, 10)
) -> bytes:
    return png_chunk(b"fcTL", struct.pack(">IIIIIHHBB", number, *box, *delay, 0, 0))


RED_PIXELS = zlib.compress((b"\0" + b"\xff\0\0" * 64) * 48)


def apng_of(second: bytes, *, frames: int = 2) -> bytes:
    counted = png_chunk(b"acTL", struct.pack(">II", frames, 0))
    data = png_chunk(b"fdAT", struct.pack(">I", 2) + RED_PIXELS)
    return apng(counted, frame_control(0), png_chunk(b"IDAT", RED_PIXELS), second, data)


@category
def apng_that_counts_wrongly() -> Iterator[Case]:
    for frames in (0, 1, 3, 900, 0xFFFFFFFF):
        yield Case(apng_of(frame_control(1), frames=frames), refused=ANY_REASON, size=(64, 48))
    for number in (0, 5, 0xFFFFFFFF):
        yield Case(apng_of(frame_control(number)), refused=ANY_REASON, size=(64, 48))


@category
def apng_with_frames_outside_of_it() -> Iterator[Case]:
    for box in ((64, 48, 1, 1), (0, 0, 0, 0), (65, 49, 0, 0), (64, 48, 0xFFFFFFFF, 0xFFFFFFFF), (30_000, 30_000, 0, 0)):
        yield Case(apng_of(frame_control(1, box)), refused=ANY_REASON, size=(64, 48))


@category
def apng_of_no_time() -> Iterator[Case]:
    for delay in ((0, 0), (1, 0), (65_535, 1), (1, 65_535)):
        yield Case(apng_of(frame_control(1, delay=delay)), refused=ANY_REASON, size=(64, 48))


@category
def apng_with_a_hidden_first_picture() -> Case:
    counted = png_chunk(b"acTL", struct.pack(">II", 1, 0))
    data = png_chunk(b"fdAT", struct.pack(">I", 1) + RED_PIXELS)
    content = apng(counted, png_chunk(b"IDAT", zlib.compress((b"\0" + bytes(192)) * 48)), frame_control(0), data)
    return Case(content, refused=ANY_REASON, size=(64, 48))


@category
def apng_without_its_frames() -> Iterator[Case]:
    counted = png_chunk(b"acTL", struct.pack(">II", 5, 0))
    yield Case(apng(counted, png_chunk(b"IDAT", RED_PIXELS)), refused=ANY_REASON, size=(64, 48))
    yield Case(apng(counted, frame_control(0), png_chunk(b"IDAT", RED_PIXELS)), refused=ANY_REASON, size=(64, 48))
    yield Case(apng(png_chunk(b"acTL", b""), png_chunk(b"IDAT", RED_PIXELS)), refused=ANY_REASON, size=(64, 48))


@category
def webp_with_frames_outside_of_it() -> Iterator[Case]:
    content = encode(plain(), "WEBP", save_all=True, append_images=[plain("blue")], duration=50)
    at = content.index(b"ANMF") + 8
    for place in (b"\xff\xff\xff\xff\xff\xff", b"\1\0\0\1\0\0"):
        yield Case(content[:at] + place + content[at + 6 :], refused=ANY_REASON, size=(64, 48))
    second = content.rindex(b"ANMF") + 8
    yield Case(content[: second + 12] + b"\0\0\0" + content[second + 15 :], refused=ANY_REASON, size=(64, 48))


@category
def avif_that_lies_about_its_frames() -> Iterator[Case]:
    content = animation(3, "AVIF", duration=50)
    for box in (b"stsz", b"stts", b"stsc", b"stco"):
        at = content.index(box) + 8
        yield Case(content[:at] + b"\x7f\xff\xff\xff" * 2 + content[at + 8 :], refused=ANY_REASON, size=(64, 48))
