"""Odd modes, depths, packings and codings: most are pictures, and have to look right."""

import io
import struct
import zlib
from collections.abc import Iterator, Sequence
from typing import Any

from PIL import Image as PILImage
from PIL import ImageCms, TiffImagePlugin

from tests.gallery.making import animation, encode, plain, png, png_chunk, quarters
from tests.hostile.bombs import after_soi, segment, tiff_of
from tests.hostile.case import ANY_REASON, DAMAGED, NOT_SUPPORTED, Case, category, refused, shown

RED = (255, 0, 0)
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def tiff(picture: PILImage.Image, **options: Any) -> bytes:
    return encode(picture, "TIFF", **options)


@category
def one_bit() -> Iterator[Case]:
    for format in ("PNG", "TIFF", "GIF"):
        yield shown(encode(plain(1, mode="1"), format), colour=(255, 255, 255))


@category
def gray_of_one_two_and_four_bits() -> Iterator[Case]:
    for depth, value in ((1, 1), (2, 2), (4, 9)):
        byte = int(format(value, f"0{depth}b") * (8 // depth), 2)
        level = 255 * value // ((1 << depth) - 1)
        content = png((64, 48), depth=depth, color_type=0, rows=[bytes([byte]) * (8 * depth)] * 48)
        yield shown(content, colour=(level, level, level))


@category
def gray_of_sixteen_bits() -> Iterator[Case]:
    row = (32_768).to_bytes(2, "big") * 64
    yield shown(png((64, 48), depth=16, color_type=0, rows=[row] * 48), colour=(127, 127, 127))
    yield shown(tiff(PILImage.new("I;16", (64, 48), 32_768)), colour=(127, 127, 127))
    yield shown(tiff(PILImage.new("I;16", (64, 48), 32_768), compression="tiff_lzw"), colour=(127, 127, 127))


@category
def colours_of_sixteen_bits() -> Iterator[Case]:
    pixel = struct.pack(">HHH", 65_535, 32_768, 0)
    yield shown(png((64, 48), depth=16, color_type=2, rows=[pixel * 64] * 48), colour=(255, 128, 0))
    see_through = pixel + struct.pack(">H", 32_768)
    yield shown(png((64, 48), depth=16, color_type=6, rows=[see_through * 64] * 48), colour=(255, 128, 0))
    yield shown(png((64, 48), depth=16, color_type=4, rows=[b"\x80\0\xff\xff" * 64] * 48), colour=(128, 128, 128))


@category
def transparency_of_every_kind() -> Iterator[Case]:
    yield shown(encode(plain((255, 0, 0, 128), mode="RGBA")), colour=RED)
    yield shown(encode(plain((90, 10), mode="LA")), colour=(90, 90, 90))
    yield shown(encode(plain("red"), transparency=(0, 0, 0)), colour=RED)
    yield shown(encode(plain(200, mode="L"), transparency=3), colour=(200, 200, 200))
    yield shown(encode(plain((255, 0, 0, 128), mode="RGBA"), "WEBP", lossless=True, exact=True), colour=RED)


@category
def palettes_with_transparency() -> Iterator[Case]:
    palette = png_chunk(b"PLTE", bytes((255, 0, 0, 0, 255, 0)))
    for alpha in (b"", b"\xff", b"\x80\x80", b"\x80" * 300):
        extra = [palette, png_chunk(b"tRNS", alpha)]
        content = png((64, 48), depth=8, color_type=3, rows=[bytes(64)] * 48, extra=extra)
        yield Case(content, refused=DAMAGED, size=(64, 48), colours=((0.5, 0.5, RED),))


@category
def indices_past_the_palette() -> Iterator[Case]:
    palette = png_chunk(b"PLTE", bytes((255, 0, 0)))
    content = png((64, 48), depth=8, color_type=3, rows=[b"\xfe" * 64] * 48, extra=[palette])
    yield Case(content, refused=DAMAGED, size=(64, 48))
    gif = bytearray(encode(quarters(), "GIF"))
    gif[10] &= 0xF8  # a palette of two colours; what was the rest of it comes as rubbish
    yield Case(bytes(gif), refused=ANY_REASON, size=(64, 48))


@category
def png_without_its_palette() -> Case:
    content = png((64, 48), depth=8, color_type=3, rows=[bytes(64)] * 48)
    return Case(content, refused=DAMAGED, size=(64, 48))


@category
def interlaced() -> Iterator[Case]:
    picture = quarters()
    passes = b""
    for left, top, across, down in ADAM7:
        for y in range(top, 48, down):
            passes += b"\0" + b"".join(bytes(picture.getpixel((x, y))) for x in range(left, 64, across))  # type: ignore[arg-type]
    header = png_chunk(b"IHDR", struct.pack(">IIBBBBB", 64, 48, 8, 2, 0, 0, 1))
    content = b"\x89PNG\r\n\x1a\n" + header + png_chunk(b"IDAT", zlib.compress(passes)) + png_chunk(b"IEND", b"")
    yield shown(content, quarters=True)
    yield refused(content.replace(zlib.compress(passes), zlib.compress(passes[:2_000])), ANY_REASON)
    yield shown(encode(quarters(), "GIF", interlace=1), quarters=True)
    yield shown(encode(quarters(), "JPEG", progressive=True, quality=95), quarters=True)


@category
def of_one_pixel() -> Iterator[Case]:
    for format in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF"):
        yield Case(encode(plain("red", (1, 1)), format), refused=ANY_REASON, size=(1, 1), colours=((0.5, 0.5, RED),))


@category
def cmyk() -> Iterator[Case]:
    yield shown(encode(plain((0, 255, 255, 0), mode="CMYK"), "JPEG", quality=95), colour=RED)
    yield shown(tiff(plain((0, 255, 255, 0), mode="CMYK")), colour=RED)


@category
def adobe_markers() -> Iterator[Case]:
    """What the three numbers of Adobe's marker make of the same components."""
    inverted = encode(plain((255, 0, 0, 255), mode="CMYK"), "JPEG", quality=95)
    at = inverted.index(b"Adobe") + 11
    for transform in (0, 2, 7):
        content = inverted[:at] + bytes([transform]) + inverted[at + 1 :]
        yield Case(content, refused=DAMAGED, size=(64, 48))
    plain_red = encode(plain("red"), "JPEG", quality=95)
    marker = segment(0xEE, b"Adobe" + struct.pack(">HHHB", 100, 0, 0, 1))
    yield shown(after_soi(plain_red, marker), colour=RED)
    yield shown(after_soi(encode(plain("red"), "JPEG", quality=95, keep_rgb=True)), colour=RED)


@category
def lab() -> Iterator[Case]:
    profiles = ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB")
    picture = ImageCms.profileToProfile(plain("red"), *profiles, outputMode="LAB")
    assert picture is not None
    yield shown(tiff(picture), colour=RED)
    yield shown(tiff(picture, compression="tiff_deflate"), colour=RED)


def measured(values: Sequence[float]) -> PILImage.Image:
    return PILImage.frombytes("F", (len(values), 1), struct.pack(f"<{len(values)}f", *values)).resize(
        (64, 48), PILImage.Resampling.NEAREST
    )


@category
def measurements() -> Iterator[Case]:
    dark_to_bright = ((0.1, 0.5, (0, 0, 0)), (0.9, 0.5, (255, 255, 255)))
    yield Case(tiff(measured([-500, 4_000])), size=(64, 48), colours=dark_to_bright)
    yield Case(tiff(PILImage.merge("RGB", [plain(9, mode="L")] * 3).convert("I")), size=(64, 48))
    yield Case(tiff(measured([-3e38, 3e38])), size=(64, 48), colours=dark_to_bright)


@category
def measurements_that_are_no_numbers() -> Iterator[Case]:
    nan, infinity = float("nan"), float("inf")
    bright = (0.9, 0.5, (255, 255, 255))
    yield Case(tiff(measured([nan, 1, 2, 3])), size=(64, 48), colours=(bright,))
    yield Case(tiff(measured([-infinity, 1, 2, 3])), size=(64, 48), colours=(bright,))
    yield Case(tiff(measured([nan, nan])), size=(64, 48))
    yield Case(tiff(measured([infinity, -infinity, nan])), size=(64, 48))


@category
def every_mode_of_tiff() -> Iterator[Case]:
    for mode in TiffImagePlugin.SAVE_INFO:
        yield Case(tiff(PILImage.new(mode, (64, 48))), size=(64, 48))


@category
def every_packing_of_tiff() -> Iterator[Case]:
    for packing in (
        "raw",
        "packbits",
        "tiff_lzw",
        "tiff_deflate",
        "tiff_adobe_deflate",
        "jpeg",
        "zstd",
        "webp",
        "lzma",
    ):
        try:
            content = tiff(quarters(), compression=packing)
        except (OSError, ValueError, KeyError):
            continue  # this Pillow doesn't write it
        yield shown(content, quarters=True, refused=ANY_REASON, within=40)


@category
def fax() -> Iterator[Case]:
    for packing in ("group3", "group4", "tiff_ccitt"):
        yield Case(tiff(plain(1, mode="1"), compression=packing), size=(64, 48), colours=((0.5, 0.5, (255,) * 3),))


@category
def big_tiff() -> Case:
    return shown(tiff(quarters(), big_tiff=True), quarters=True, file_name="large.tif")


@category
def tiff_in_tiles() -> Iterator[Case]:
    entries = [
        (256, 4, 1, 64),
        (257, 4, 1, 48),
        (258, 3, 1, 8),
        (259, 3, 1, 1),
        (262, 3, 1, 1),
        (277, 3, 1, 1),
        (322, 4, 1, 64),
        (323, 4, 1, 48),
        (324, 4, 1, 8),
        (325, 4, 1, 64 * 48),
    ]
    for width, length in ((64, 48), (0, 48), (0x7FFFFFF0, 0x7FFFFFF0)):
        sized = [(tag, kind, count, {322: width, 323: length}.get(tag, value)) for tag, kind, count, value in entries]
        directory = struct.pack("<H", len(sized)) + b"".join(struct.pack("<HHII", *entry) for entry in sized)
        content = b"II*\0" + struct.pack("<I", 8 + 64 * 48) + b"\x80" * 64 * 48 + directory + bytes(4)
        yield Case(content, refused="" if width == 64 else ANY_REASON, size=(64, 48) if width in (0, 64) else None)


@category
def tiff_of_pages() -> Case:
    return shown(animation(5, "TIFF"), colour=(0, 90, 200), frames=1)


@category
def tiff_where_white_is_nothing() -> Case:
    return shown(tiff_of(bytes(64 * 48), _262=0), colour=(255, 255, 255))


@category
def tiff_of_no_such_kind() -> Iterator[Case]:
    for tag, value in (
        (259, 999),
        (258, 99),
        (262, 77),
        (277, 9),
        (277, 60_000),
        (278, 0),
        (284, 2),
        (339, 9),
        (274, 99),
    ):
        yield Case(tiff_of(bytes(64 * 48), **{f"_{tag}": value}), refused=ANY_REASON, size=(64, 48))


@category
def deep_heic() -> Iterator[Case]:
    import pillow_heif

    for mode, pixel in (("RGB;16", struct.pack("<HHH", 65_535, 0, 0)), ("L;16", struct.pack("<H", 65_535))):
        made = pillow_heif.from_bytes(mode=mode, size=(64, 48), data=pixel * 64 * 48)
        buffer = io.BytesIO()
        made.save(buffer, quality=-1)
        yield Case(buffer.getvalue(), refused=ANY_REASON, size=(64, 48), colours=((0.5, 0.5, RED),)[: mode == "RGB;16"])


@category
def arithmetic_and_lossless_jpegs() -> Iterator[Case]:
    content = encode(quarters(), "JPEG")
    at = content.index(b"\xff\xc0") + 1
    for frame in (0xC3, 0xC5, 0xC6, 0xC7, 0xC9, 0xCA, 0xCB, 0xCD, 0xCE, 0xCF, 0xC8):
        yield Case(content[:at] + bytes([frame]) + content[at + 1 :], refused=ANY_REASON, size=(64, 48))


@category
def jpeg_of_twelve_bits() -> Iterator[Case]:
    content = encode(quarters(), "JPEG")
    at = content.index(b"\xff\xc0") + 4
    for depth in (0, 1, 12, 16, 255):
        yield refused(content[:at] + bytes([depth]) + content[at + 1 :], ANY_REASON)


@category
def jpeg_of_odd_components() -> Iterator[Case]:
    content = encode(quarters(), "JPEG")
    at = content.index(b"\xff\xc0") + 9
    for count in (0, 2, 4, 5, 255):
        yield refused(content[:at] + bytes([count]) + content[at + 1 :], ANY_REASON)
    for sampling in (0x00, 0x44, 0x55, 0xFF, 0x14, 0x31):
        yield Case(content[: at + 2] + bytes([sampling]) + content[at + 3 :], refused=ANY_REASON, size=(64, 48))


@category
def jpeg_whose_height_comes_later() -> Iterator[Case]:
    """DNL: no height in the header, and a marker behind the first scan that gives it."""
    content = encode(quarters(), "JPEG")
    later = content.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 0, 64), 1)
    yield refused(later, ANY_REASON)
    yield refused(later[:-2] + segment(0xDC, struct.pack(">H", 48)) + b"\xff\xd9", ANY_REASON)


@category
def jpeg_with_stray_restarts() -> Iterator[Case]:
    content = encode(quarters((640, 480)), "JPEG")
    interval = segment(0xDD, struct.pack(">H", 1))
    yield Case(after_soi(content, interval), refused=ANY_REASON, size=(640, 480))
    middle = content.index(b"\xff\xda") + 40
    for marker in (b"\xff\xd0", b"\xff\xd7" * 500, b"\xff" * 5_000, b"\xff\x01", b"\xff\xd8"):
        yield Case(content[:middle] + marker + content[middle:], refused=ANY_REASON, size=(640, 480))


@category
def jpeg_with_bad_tables() -> Iterator[Case]:
    content = encode(quarters(), "JPEG")
    huffman, quantum = content.index(b"\xff\xc4") + 5, content.index(b"\xff\xdb") + 4
    yield Case(content[:huffman] + b"\xff" * 16 + content[huffman + 16 :], refused=ANY_REASON, size=(64, 48))
    yield Case(content[:quantum] + b"\x0f" + content[quantum + 1 :], refused=ANY_REASON, size=(64, 48))
    yield Case(content[: quantum + 1] + bytes(64) + content[quantum + 65 :], refused=ANY_REASON, size=(64, 48))


@category
def jpeg_in_several_pictures() -> Case:
    return shown(animation(3, "MPO"), colour=(0, 90, 200), frames=1)


@category
def raw_files_in_disguise() -> Iterator[Case]:
    yield refused(tiff(plain(), tiffinfo={254: 1}), NOT_SUPPORTED, "photo.jpg")
    yield refused(tiff(plain(), tiffinfo={50_706: b"\1\4\0\0"}), NOT_SUPPORTED, "photo.dng")
