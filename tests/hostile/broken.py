"""Files that are damaged: cut short, contradicting themselves, or rubbish behind a good beginning."""

import functools
import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image as PILImage

from tests.gallery.making import animation, encode, plain, png, png_chunk
from tests.hostile.case import ANY_REASON, DAMAGED, EMPTY, UNKNOWN, Case, category, refused, shown

FORMATS = ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF")


@functools.cache
def textured(size: tuple[int, int] = (96, 64)) -> PILImage.Image:
    """The same in each run, and hard to pack."""
    dice = random.Random(7)
    return PILImage.frombytes("RGB", size, dice.randbytes(size[0] * size[1] * 3))


@functools.cache
def whole(format: str) -> bytes:
    return encode(textured(), format)


@category
def empty() -> Case:
    return refused(b"", EMPTY)


@category
def one_byte() -> Iterator[Case]:
    yield from (refused(bytes([byte]), UNKNOWN) for byte in (0, 0x42, 0xFF))


@category
def signature_alone() -> Iterator[Case]:
    for format in FORMATS:
        yield refused(whole(format)[:12], ANY_REASON)


@category
def cut_in_its_header() -> Iterator[Case]:
    for format in FORMATS:
        yield refused(whole(format)[:40], ANY_REASON)


@category
def cut_in_its_pixels() -> Iterator[Case]:
    for format in FORMATS:
        yield refused(whole(format)[: len(whole(format)) // 2])


@category
def cut_by_one_byte() -> Iterator[Case]:
    for format in FORMATS:
        yield Case(whole(format)[:-1], refused=DAMAGED, size=(96, 64))


@category
def rubbish_behind_a_signature() -> Iterator[Case]:
    dice = random.Random(3)
    for format in FORMATS:
        yield refused(whole(format)[:16] + dice.randbytes(4_000), ANY_REASON)


@category
def zeros_behind_a_header() -> Iterator[Case]:
    for format in FORMATS:
        content = whole(format)
        yield Case(content[:100] + bytes(len(content) - 100), refused=ANY_REASON, size=(96, 64))


@category
def flipped_bits() -> Iterator[Case]:
    """Whatever decoders make of it: a picture of some size, or a reason."""
    dice = random.Random(11)
    for format in FORMATS:
        for _ in range(3):
            content = bytearray(whole(format))
            for _ in range(dice.randint(1, 8)):
                content[dice.randrange(4, min(400, len(content)))] ^= 1 << dice.randrange(8)
            yield Case(bytes(content), refused=ANY_REASON, size=(0, 0))


@category
def pieces_left_out() -> Iterator[Case]:
    for format in FORMATS:
        content = whole(format)
        yield Case(content[:60] + content[120:], refused=ANY_REASON, size=(0, 0))


@category
def png_with_a_broken_checksum() -> Iterator[Case]:
    content = whole("PNG")
    for kind in (b"IHDR", b"IDAT"):
        at = content.index(kind) + 6
        yield refused(content[:at] + bytes([content[at] ^ 0xFF]) + content[at + 1 :], ANY_REASON)


@category
def png_without_pixels() -> Case:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    return refused(b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IEND", b""))


@category
def png_with_too_few_rows() -> Case:
    content = png((64, 48), depth=8, color_type=2, rows=[bytes(192)] * 20)
    return Case(content, refused=DAMAGED, size=(64, 48))  # Pillow takes what is missing for black


@category
def png_with_too_many_rows() -> Case:
    return Case(
        png((64, 48), depth=8, color_type=2, rows=[b"\xff\0\0" * 64] * 4_000),
        refused=DAMAGED,
        size=(64, 48),
        colours=((0.5, 0.5, (255, 0, 0)),),
    )


@category
def png_with_bad_deflate() -> Case:
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 0))
    pixels = bytearray(zlib.compress(bytes(193 * 48)))
    pixels[8:12] = b"\xff\xff\xff\xff"
    return refused(
        b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", bytes(pixels)) + png_chunk(b"IEND", b""), ANY_REASON
    )


@category
def png_without_its_end() -> Case:
    content = encode(plain())
    return Case(content[: content.index(b"IEND") - 4], refused=DAMAGED, size=(64, 48))


@category
def png_of_no_such_kind() -> Iterator[Case]:
    for depth, kind, interlace in ((3, 2, 0), (8, 5, 0), (16, 3, 0), (8, 2, 9), (0, 0, 0)):
        header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, depth, kind, 0, 0, interlace))
        pixels = png_chunk(b"IDAT", zlib.compress(bytes(500 * 48)))
        yield Case(b"\x89PNG\r\n\x1a\n" + header + pixels + png_chunk(b"IEND", b""), refused=ANY_REASON, size=(64, 48))


@category
def of_no_size() -> Iterator[Case]:
    for size in ((0, 48), (64, 0), (0, 0)):
        yield refused(png(size, depth=8, color_type=2, rows=[]), ANY_REASON)
    content = bytearray(encode(plain(), "GIF"))
    content[6:10] = bytes(4)
    yield Case(bytes(content), refused=ANY_REASON, size=(64, 48))
    yield refused(encode(plain(), "JPEG").replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 48, 0), 1), ANY_REASON)


@category
def riff_that_lies_about_its_length() -> Iterator[Case]:
    content = whole("WEBP")
    for length in (0, 8, 0xFFFFFFFF, len(content) * 2):
        yield Case(content[:4] + struct.pack("<I", length) + content[8:], refused=ANY_REASON, size=(96, 64))


@category
def gif_without_a_frame() -> Case:
    return refused(b"GIF89a" + struct.pack("<HHBBB", 64, 48, 0, 0, 0) + b";", ANY_REASON)


@category
def gif_of_bad_codes() -> Case:
    content = bytearray(whole("GIF"))
    content[-200:-2] = b"\xff" * 198
    return Case(bytes(content), refused=ANY_REASON, size=(96, 64))


@category
def tiff_whose_directory_is_itself() -> Case:
    content = bytearray(encode(plain(), "TIFF"))
    first = struct.unpack_from("<I", content, 4)[0]
    count = struct.unpack_from("<H", content, first)[0]
    struct.pack_into("<I", content, first + 2 + 12 * count, first)  # the next directory: the same
    return shown(bytes(content), colour=(255, 0, 0))


@category
def tiff_that_points_past_its_end() -> Iterator[Case]:
    content = bytearray(encode(plain(), "TIFF"))
    struct.pack_into("<I", content, 4, 0xFFFFFF00)
    yield refused(bytes(content), ANY_REASON)
    yield refused(b"II*\0" + struct.pack("<I", 8) + struct.pack("<H", 0xFFFF) + bytes(100), ANY_REASON)


@category
def tiff_without_strips() -> Case:
    entries = [(256, 4, 1, 64), (257, 4, 1, 48), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    directory = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    return refused(b"II*\0" + struct.pack("<I", 8) + directory + bytes(4), ANY_REASON)


@category
def iso_media_with_bad_boxes() -> Iterator[Case]:
    for format in ("AVIF", "HEIF"):
        content = whole(format)
        meta = content.index(b"meta") - 4
        for length in (0, 7, 0xFFFFFFFF):
            yield Case(
                content[:meta] + struct.pack(">I", length) + content[meta + 4 :], refused=ANY_REASON, size=(96, 64)
            )


@category
def animations_cut_short() -> Iterator[Case]:
    for format in ("GIF", "PNG", "WEBP", "AVIF"):
        content = encode(
            textured(), format, save_all=True, append_images=[textured().rotate(180), textured().rotate(90)]
        )
        yield refused(content[: int(len(content) * 0.6)])
    yield Case(animation(3, "GIF")[:-1], refused=DAMAGED, size=(64, 48), frames=3)
