"""Small files that want much: pixels, bytes, frames, or time."""

import io
import random
import struct
import zlib
from collections.abc import Iterator

from PIL import Image as PILImage

from tests.gallery.making import encode, plain, png, png_chunk, srgb_profile
from tests.hostile.case import ANY_REASON, DAMAGED, STOPPED, TOO_LARGE, Case, category, refused, shown

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png_of_zeros(size: tuple[int, int], *, depth: int = 8, color_type: int = 0, bands: int = 1) -> bytes:
    """A PNG as large as you like, black, packed row by row."""
    row = bytes(1 + (size[0] * depth * bands + 7) // 8)
    packer = zlib.compressobj(1)
    pixels = b"".join(packer.compress(row * 16) for _ in range(size[1] // 16)) + packer.compress(row * (size[1] % 16))
    header = struct.pack(">IIBBBBB", *size, depth, color_type, 0, 0, 0)
    pixels += packer.flush()
    return SIGNATURE + png_chunk(b"IHDR", header) + png_chunk(b"IDAT", pixels) + png_chunk(b"IEND", b"")


def png_with(*chunks: bytes) -> bytes:
    content = encode(plain())
    at = content.index(b"IDAT") - 4
    return content[:at] + b"".join(chunks) + content[at:]


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def after_soi(content: bytes, *segments: bytes) -> bytes:
    return content[:2] + b"".join(segments) + content[2:]


def jpeg_of_scans(scans: int, size: tuple[int, int]) -> bytes:
    """A progressive JPEG with so many scans, each of which refines nothing and costs a walk over all its blocks."""
    content = encode(plain("gray", size, "L"), "JPEG", progressive=True)
    end = content.rindex(b"\xff\xd9")
    # End-of-band runs of 32,767 blocks: 14 bits follow the code of EOB14, the only one in this table.
    table = segment(0xC4, bytes([0x10, 1, *bytes(15), 0xE0]))
    blocks = -(-size[0] // 8) * -(-size[1] // 8)
    runs = -(-blocks // 32_767)
    bits = "".join("0" + "1" * 14 for _ in range(runs))
    bits += "1" * (-len(bits) % 8)
    data = int(bits, 2).to_bytes(len(bits) // 8, "big").replace(b"\xff", b"\xff\0")
    scan = segment(0xDA, bytes([1, 1, 0x00, 1, 63, 0x00])) + data
    return content[:end] + table + scan * scans + content[end:]


def gif_of_frames(frames: int, size: tuple[int, int], *, frame: tuple[int, int] = (1, 1)) -> bytes:
    """A GIF with a large screen, of which each frame changes a little."""
    screen = b"GIF89a" + struct.pack("<HHBBB", *size, 0x80, 0, 0) + b"\0\0\0\xff\xff\xff"
    control = b"\x21\xf9\x04" + struct.pack("<BHBB", 0, 0, 0, 0)
    one = control + b"," + struct.pack("<HHHHB", 0, 0, *frame, 0) + b"\x02\x02\x44\x01\0"
    return screen + one * frames + b";"


@category
def header_of_two_billion_pixels_a_side() -> Iterator[Case]:
    for size in ((0x7FFFFFFF, 0x7FFFFFFF), (0xFFFFFFFF, 1), (1, 0x7FFFFFFF), (30_001, 1), (1, 30_001)):
        yield refused(png(size, depth=8, color_type=2, rows=[]), ANY_REASON, "bomb.png")


@category
def png_of_169_megapixels() -> Case:
    return refused(png_of_zeros((13_000, 13_000), depth=1), TOO_LARGE, "bomb.png")


@category
def jpeg_of_65500_pixels_a_side() -> Case:
    content = encode(plain(), "JPEG")
    return refused(content.replace(struct.pack(">HH", 48, 64), struct.pack(">HH", 65_500, 65_500), 1), TOO_LARGE)


@category
def gif_with_an_enormous_screen() -> Case:
    return refused(gif_of_frames(1, (65_535, 65_535)), TOO_LARGE, "bomb.gif")


@category
def tiff_of_four_billion_pixels() -> Case:
    content = bytearray(encode(plain(), "TIFF"))
    first = struct.unpack_from("<I", content, 4)[0]
    for at in range(first + 2, first + 26, 12):
        if struct.unpack_from("<H", content, at)[0] in (256, 257):
            struct.pack_into("<HHII", content, at, struct.unpack_from("<H", content, at)[0], 4, 1, 0xFFFF0)
    return refused(bytes(content), TOO_LARGE, "bomb.tif")


@category
def webp_with_an_enormous_canvas() -> Case:
    content = bytearray(encode(plain((1, 2, 3, 4), mode="RGBA"), "WEBP", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\0"))
    at = content.index(b"VP8X") + 12
    content[at : at + 6] = struct.pack("<I", 16_382)[:3] * 2
    return refused(bytes(content), ANY_REASON, "bomb.webp")


@category
def avif_and_heic_with_enormous_extents() -> Iterator[Case]:
    for format in ("AVIF", "HEIF"):
        content = bytearray(encode(plain(), format))
        at = content.index(b"ispe") + 8
        struct.pack_into(">II", content, at, 60_000, 60_000)
        yield refused(bytes(content), ANY_REASON)


@category
def strip_of_one_pixel() -> Iterator[Case]:
    yield refused(png_of_zeros((1, 100_000)), TOO_LARGE)
    yield refused(png_of_zeros((100_000, 1)), TOO_LARGE)
    yield shown(png_of_zeros((1, 30_000)), (1, 30_000), colour=(0, 0, 0))
    yield shown(encode(plain("red", (30_000, 2)), "JPEG"), (30_000, 2), colour=(255, 0, 0))


@category
def png_texts_that_unpack_to_gigabytes() -> Iterator[Case]:
    text = zlib.compress(bytes(80_000_000), 9)
    yield refused(png_with(png_chunk(b"zTXt", b"Comment\0\0" + text)))
    yield refused(png_with(png_chunk(b"iTXt", b"Comment\0\1\0\0\0" + text)))
    small = zlib.compress(b" " * 8_000_000, 9)
    yield refused(png_with(*[png_chunk(b"zTXt", b"Comment\0\0" + small)] * 12))


@category
def png_profile_that_unpacks_to_gigabytes() -> Case:
    profile = zlib.compress(bytes(80_000_000), 9)
    return shown(png_with(png_chunk(b"iCCP", b"sRGB\0\0" + profile)), colour=(255, 0, 0), refused=DAMAGED)


@category
def png_of_a_million_chunks() -> Case:
    return shown(png_with(png_chunk(b"tIME", bytes(7)) * 100_000), colour=(255, 0, 0))


@category
def png_of_a_million_empty_pieces() -> Case:
    content = encode(plain())
    at = content.index(b"IDAT") - 4
    return shown(content[:at] + png_chunk(b"IDAT", b"") * 100_000 + content[at:], colour=(255, 0, 0), refused=DAMAGED)


@category
def jpeg_of_many_segments() -> Case:
    content = encode(plain(), "JPEG")
    return shown(after_soi(content, segment(0xE9, bytes(60_000)) * 200), colour=(255, 0, 0))


@category
def jpeg_of_a_hundred_scans() -> Case:
    return shown(jpeg_of_scans(100, (640, 480)), (640, 480), colour=(128, 128, 128))


@category(heavy=True)
def jpeg_of_ten_thousand_scans() -> Case:
    return refused(jpeg_of_scans(10_000, (5_000, 5_000)), STOPPED)


@category
def gif_of_a_hundred_thousand_frames() -> Case:
    return refused(gif_of_frames(100_000, (16, 16)), TOO_LARGE, "bomb.gif")


@category(heavy=True)
def gif_of_frames_with_many_pixels() -> Case:
    return refused(gif_of_frames(900, (4_000, 4_000)), f"{TOO_LARGE}|{STOPPED}", "bomb.gif")


@category
def png_that_claims_a_billion_frames() -> Case:
    return shown(png_with(png_chunk(b"acTL", struct.pack(">II", 1_000_000_000, 0))), refused=ANY_REASON)


@category
def png_of_many_frames() -> Case:
    frames = [plain((index % 256, index // 256, 0), (4, 4)) for index in range(1_100)]
    return refused(encode(frames[0], save_all=True, append_images=frames[1:]), TOO_LARGE)


@category
def webp_of_many_frames() -> Case:
    frames = [plain((index % 256, index // 256 * 60, 90), (4, 4)) for index in range(1_100)]
    return refused(encode(frames[0], "WEBP", save_all=True, append_images=frames[1:], lossless=True), TOO_LARGE)


@category
def tiff_of_a_thousand_pages() -> Case:
    page = plain("red", (8, 8))
    return shown(encode(page, "TIFF", save_all=True, append_images=[page] * 500), (8, 8), colour=(255, 0, 0), frames=1)


@category
def tiff_strip_that_unpacks_to_more() -> Iterator[Case]:
    """A strip said to hold a few rows holds hundreds of megabytes."""
    strip = zlib.compress(bytes(60_000_000), 9)
    for compression in (8, 32_946):
        yield Case(tiff_of(strip, compression=compression), refused=ANY_REASON, size=(64, 48))


def tiff_of(strip: bytes, *, size: tuple[int, int] = (64, 48), compression: int = 1, **tags: int) -> bytes:
    """A gray TIFF of one strip; more tags by their numbers: `_262=0`."""
    entries = {
        256: (4, size[0]),
        257: (4, size[1]),
        258: (3, 8),
        259: (3, compression),
        262: (3, 1),
        273: (4, 8),
        277: (3, 1),
        278: (4, size[1]),
        279: (4, len(strip)),
    } | {int(name[1:]): (4 if value > 0xFFFF else 3, value) for name, value in tags.items()}
    directory = struct.pack("<H", len(entries))
    for tag, (kind, value) in sorted(entries.items()):
        directory += struct.pack("<HHI", tag, kind, 1) + (
            struct.pack("<HH", value, 0) if kind == 3 else struct.pack("<I", value)
        )
    strip += b"\0" * (len(strip) % 2)
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + directory + bytes(4)


@category
def jpeg_with_a_profile_of_megabytes() -> Case:
    profile = srgb_profile() + random.Random(1).randbytes(8_000_000)
    return shown(encode(plain(), "JPEG", icc_profile=profile), colour=(255, 0, 0))


@category(heavy=True)
def largest_black_and_white() -> Case:
    return shown(png_of_zeros((10_900, 11_000), depth=1), (10_900, 11_000), colour=(0, 0, 0))


@category(heavy=True)
def largest_with_transparency() -> Case:
    content = png_of_zeros((10_900, 11_000), color_type=6, bands=4)
    return shown(content, (10_900, 11_000))


@category(heavy=True)
def largest_with_a_see_through_palette() -> Case:
    content = png_of_zeros((10_900, 11_000), color_type=3)
    at = content.index(b"IDAT") - 4
    palette = png_chunk(b"PLTE", b"\xff\0\0" * 2) + png_chunk(b"tRNS", b"\x80\xff")
    return shown(content[:at] + palette + content[at:], (10_900, 11_000), colour=(255, 0, 0))


@category(heavy=True)
def largest_of_sixteen_bits() -> Iterator[Case]:
    yield shown(png_of_zeros((10_900, 11_000), depth=16), (10_900, 11_000), colour=(0, 0, 0))
    yield shown(png_of_zeros((10_900, 11_000), depth=16, color_type=2, bands=3), (10_900, 11_000), colour=(0, 0, 0))


@category(heavy=True)
def largest_of_measurements() -> Case:
    buffer = io.BytesIO()
    PILImage.new("F", (10_900, 11_000)).save(buffer, "TIFF", compression="tiff_adobe_deflate")
    return shown(buffer.getvalue(), (10_900, 11_000), colour=(0, 0, 0))


@category(heavy=True)
def largest_progressive_jpeg() -> Iterator[Case]:
    for subsampling in (0, 2):
        content = encode(plain("red", (10_900, 11_000)), "JPEG", progressive=True, subsampling=subsampling, quality=60)
        yield shown(content, (10_900, 11_000), colour=(255, 0, 0), refused=f"{STOPPED}|{DAMAGED}")


@category(heavy=True)
def largest_in_one_strip() -> Iterator[Case]:
    size = (10_900, 11_000)
    yield shown(tiff_of(bytes(size[0] * size[1])[:90_000_000], size=(9_000, 10_000)), (9_000, 10_000))
    strip = zlib.compress(bytes(size[0] * size[1]), 1)
    yield shown(tiff_of(strip, size=size, compression=8), size, refused=STOPPED)


@category(heavy=True)
def largest_avif_and_heic() -> Iterator[Case]:
    for format in ("AVIF", "HEIF"):
        picture = plain("red", (4_000, 3_000))
        content = encode(picture, format, **({"speed": 10} if format == "AVIF" else {}))
        yield shown(content, (4_000, 3_000), colour=(255, 0, 0), refused=STOPPED)


@category(heavy=True)
def heaviest_animations() -> Iterator[Case]:
    """Just within the limits of frames and pixels."""
    yield shown(gif_of_frames(300, (1_400, 1_400)), (1_400, 1_400), refused=STOPPED)
    yield shown(gif_of_frames(990, (770, 770)), (770, 770), refused=STOPPED)
