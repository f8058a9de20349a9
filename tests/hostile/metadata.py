"""What stands beside the pixels: profiles, EXIF, XMP, IPTC. None of it may cost a picture, or turn it wrongly."""

import random
import struct
import zlib
from collections.abc import Iterator
from typing import Any

from PIL import ExifTags

from tests.gallery.making import (
    encode,
    exif_of,
    gray_profile,
    plain,
    png_chunk,
    quarters,
    srgb_profile,
    swapped_profile,
)
from tests.hostile.bombs import after_soi, png_with, segment
from tests.hostile.case import DAMAGED, Case, category, shown

RED = (255, 0, 0)
XMP = b"http://ns.adobe.com/xap/1.0/\0"
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "TIFF")


def with_exif(block: bytes, **more: Any) -> Iterator[Case]:
    """The block in a JPEG, a PNG and a WebP; the picture is red."""
    for format in ("JPEG", "PNG", "WEBP"):
        yield shown(encode(plain(), format, exif=b"Exif\0\0" + block), colour=RED, **more)


def with_xmp(packet: bytes) -> Iterator[Case]:
    if len(packet) < 65_000:
        yield shown(after_soi(encode(plain(), "JPEG"), segment(0xE1, XMP + packet)), colour=RED)
    text = png_chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + packet)
    yield shown(png_with(text), colour=RED, refused="" if len(packet) < 1_000_000 else DAMAGED)
    yield shown(encode(plain(), "WEBP", xmp=packet), colour=RED)


def directory(*entries: tuple[int, int, int, int], following: int = 0) -> bytes:
    return (
        struct.pack(">H", len(entries))
        + b"".join(struct.pack(">HHII", *entry) for entry in entries)
        + struct.pack(">I", following)
    )


def tiff(*parts: bytes) -> bytes:
    return b"MM\0*" + struct.pack(">I", 8) + b"".join(parts)


@category
def profile_of_another_space() -> Iterator[Case]:
    for profile in (gray_profile(), srgb_profile().replace(b"RGB ", b"CMYK"), srgb_profile().replace(b"RGB ", b"Lab ")):
        yield shown(encode(plain(), "JPEG", icc_profile=profile), colour=RED)
        yield shown(encode(plain(), icc_profile=profile), colour=RED)
    yield shown(encode(plain((0, 255, 255, 0), mode="CMYK"), "JPEG", icc_profile=srgb_profile()), colour=RED)


@category
def profile_that_is_rubbish() -> Iterator[Case]:
    dice = random.Random(5)
    good = srgb_profile()
    for profile in (b"", b"x", good[:127], good[:200], dice.randbytes(3_000), good[:36] + bytes(len(good) - 36)):
        yield shown(encode(plain(), "JPEG", icc_profile=profile), colour=RED)


@category
def profile_with_flipped_bits() -> Iterator[Case]:
    dice = random.Random(6)
    for _ in range(12):
        profile = bytearray(srgb_profile())
        for _ in range(6):
            profile[dice.randrange(128, len(profile))] ^= 1 << dice.randrange(8)
        yield Case(encode(plain(), icc_profile=bytes(profile)), size=(64, 48))


@category
def profile_whose_size_lies() -> Iterator[Case]:
    for size in (0, 1, 0x7FFFFFFF, 0xFFFFFFFF):
        profile = struct.pack(">I", size) + srgb_profile()[4:]
        yield shown(encode(plain(), "JPEG", icc_profile=profile), colour=RED)
    tags = bytearray(srgb_profile())
    struct.pack_into(">I", tags, 128, 0xFFFFFFFF)  # the number of tags
    yield shown(encode(plain(), icc_profile=bytes(tags)), colour=RED)


@category
def profile_in_pieces_that_are_missing() -> Iterator[Case]:
    for number, of in ((1, 9), (9, 1), (0, 0), (255, 255)):
        piece = segment(0xE2, b"ICC_PROFILE\0" + bytes([number, of]) + swapped_profile())
        yield Case(after_soi(encode(plain(), "JPEG"), piece), size=(64, 48))


@category
def profile_that_says_otherwise() -> Iterator[Case]:
    for format in FORMATS:
        yield shown(encode(plain(), format, icc_profile=swapped_profile()), colour=(0, 255, 0))


@category
def exif_that_is_rubbish() -> Iterator[Case]:
    dice = random.Random(9)
    for block in (b"", b"II", b"II*\0\xff\xff\xff\xff", b"MM\0*\0\0\0\x08\xff\xff\x01\x12", dice.randbytes(5_000)):
        yield from with_exif(block)


@category
def exif_that_contains_itself() -> Iterator[Case]:
    exif, gps, interop = ExifTags.IFD.Exif, ExifTags.IFD.GPSInfo, ExifTags.IFD.Interop
    yield from with_exif(tiff(directory((exif, 4, 1, 8), (gps, 4, 1, 8), (interop, 4, 1, 8), following=8)))
    yield from with_exif(tiff(directory((exif, 4, 1, 26)), directory((exif, 4, 1, 26), (interop, 4, 1, 8))))


@category
def exif_of_enormous_counts() -> Iterator[Case]:
    entries = [(tag, kind, 0xFFFFFFFF, 8) for tag, kind in ((0x010F, 2), (0x0112, 3), (0x8769, 4), (0x9286, 7))]
    yield from with_exif(tiff(directory(*entries)))
    yield from with_exif(tiff(directory(*((0x0112, kind, 0x10000000, 0) for kind in range(1, 14)))))


@category
def exif_of_every_type_where_none_belongs() -> Iterator[Case]:
    tags = (0x010E, 0x010F, 0x0110, 0x0132, 0x8769, 0x8825)
    for kind in (0, 1, 2, 3, 5, 7, 9, 10, 11, 12, 13, 99):
        block = tiff(directory(*((tag, kind, 1, 0x00010000) for tag in tags)))
        yield shown(encode(plain(), "JPEG", exif=b"Exif\0\0" + block), colour=RED)


@category
def exif_of_megabytes() -> Iterator[Case]:
    block = tiff(directory((0x010E, 2, 5_000_000, 26)), b"a" * 5_000_000)
    for format in ("PNG", "WEBP"):
        yield shown(encode(plain(), format, exif=b"Exif\0\0" + block), colour=RED)
    full = segment(0xE1, b"Exif\0\0" + tiff(directory((0x010E, 2, 60_000, 26)), b"a" * 60_000))
    yield shown(after_soi(encode(plain(), "JPEG"), full * 50), colour=RED)


@category
def exif_of_sixty_thousand_entries() -> Iterator[Case]:
    entries = [(tag, 4, 1, 8) for tag in range(0x8769, 0x8769 + 5_000)]
    yield from with_exif(tiff(directory(*entries)))


@category
def orientations_that_are_none() -> Iterator[Case]:
    for value in (0, 9, 77, 65_535):
        exif = exif_of({ExifTags.Base.Orientation: value})
        for format in ("JPEG", "PNG", "WEBP", "TIFF"):
            yield shown(encode(quarters(), format, exif=exif), quarters=True, within=40)
    for kind, value in ((2, 0x36000000), (7, 6 << 24), (5, 8), (11, 0x40C00000), (4, 0xFFFFFFFF), (3, 0)):
        block = tiff(directory((0x0112, kind, 1, value)))
        yield Case(encode(plain(), "JPEG", exif=b"Exif\0\0" + block), size=(64, 48))


@category
def orientations_that_are_some() -> Iterator[Case]:
    from tests.gallery.test_pictures import STORED

    for orientation, method in STORED.items():
        held = quarters() if method is None else quarters().transpose(method)
        exif = exif_of({ExifTags.Base.Orientation: orientation})
        for format in ("JPEG", "PNG", "TIFF"):
            yield shown(encode(held, format, exif=exif, **({"quality": 95} if format == "JPEG" else {})), quarters=True)


@category
def orientation_said_twice() -> Iterator[Case]:
    """In EXIF and in XMP: EXIF counts, and once."""
    packet = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    content = encode(quarters(), "JPEG", quality=95, exif=exif_of({ExifTags.Base.Orientation: 1}))
    yield shown(after_soi(content, segment(0xE1, XMP + packet)), quarters=True)
    exif = segment(0xE1, b"Exif\0\0" + exif_of({ExifTags.Base.Orientation: 3}).tobytes()[6:])
    yield Case(after_soi(content, exif, exif), size=(64, 48))


@category
def places_that_are_none() -> Iterator[Case]:
    nan = float("nan")
    for parts in ((nan,) * 3, (float("inf"),) * 3, (91.0, 0.0, 0.0), (-1.0, 0.0, 0.0), (1e300,) * 3, ()):
        try:
            exif = exif_of(gps={1: "N", 2: parts, 3: "E", 4: (1.0, 2.0, 3.0)})
            yield shown(encode(plain(), "JPEG", exif=exif), colour=RED)
        except (ValueError, OverflowError, struct.error):
            continue  # not to be written, so nobody sends it
    for numerator, denominator in ((1, 0), (0, 0), (0xFFFFFFFF, 1), (1, 0xFFFFFFFF)):
        rationals = struct.pack(">6I", *(numerator, denominator) * 3)
        place = directory((1, 2, 2, 0x4E000000), (2, 5, 3, 100), (3, 2, 2, 0x45000000), (4, 5, 3, 100))
        block = tiff(directory((0x8825, 4, 1, 26)), place)
        yield from with_exif(block.ljust(100, b"\0") + rationals)
    for kind in (11, 12):  # floats and doubles, which may be no numbers
        floats = struct.pack(">3d", nan, nan, nan)
        place = directory((1, 2, 2, 0x4E000000), (2, kind, 3, 100), (3, 2, 2, 0x45000000), (4, kind, 3, 100))
        yield from with_exif(tiff(directory((0x8825, 4, 1, 26)), place).ljust(100, b"\0") + floats)


@category
def dates_that_are_none() -> Iterator[Case]:
    for text in (
        "0000:00:00 00:00:00",
        "9999:12:31 23:59:59",
        "2024:02:30 00:00:00",
        "1" * 60_000,
        "\0" * 19,
        "²0²4:01:01 00:00:00",
    ):
        exif = exif_of(details={ExifTags.Base.DateTimeOriginal: text.encode("latin-1", "replace")})
        yield shown(encode(plain(), "JPEG", exif=exif), colour=RED)
    for offset in ("+99:99", "+23:59", "-24:00", "Z", "+00:00:00.5"):
        details = {ExifTags.Base.DateTimeOriginal: "0001:01:01 00:00:00", ExifTags.Base.OffsetTimeOriginal: offset}
        yield shown(encode(plain(), "JPEG", exif=exif_of(details=details)), colour=RED)


@category
def cameras_with_markup() -> Iterator[Case]:
    for name in (
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "\x1b[31m\r\nSet-Cookie: a=b",
        "\u202egpj",
        "a" * 15_000,
    ):
        exif = exif_of({0x010F: name, 0x0110: name, 0x010E: name})
        yield shown(encode(plain(), "JPEG", exif=exif), colour=RED)


@category
def xmp_that_laughs_a_billion_times() -> Iterator[Case]:
    entities = b"".join(b'<!ENTITY l%d "%s">' % (n, b"&l%d;" % (n - 1) * 10) for n in range(1, 10))
    packet = b'<?xml version="1.0"?><!DOCTYPE x [<!ENTITY l0 "ha">' + entities + b"]><x>&l9;</x>"
    yield from with_xmp(packet)


@category
def xmp_that_reads_other_files() -> Iterator[Case]:
    for address in (b"file:///etc/passwd", b"http://127.0.0.1:1/"):
        yield from with_xmp(b'<!DOCTYPE x [<!ENTITY e SYSTEM "' + address + b'">]><x>&e;</x>')


@category
def xmp_of_megabytes() -> Iterator[Case]:
    yield from with_xmp(b"<x>" + b"a" * 5_000_000 + b"</x>")


@category
def xmp_that_is_deep() -> Iterator[Case]:
    yield from with_xmp(b"<a>" * 100_000 + b"</a>" * 100_000)
    yield from with_xmp(b"<a " + b" ".join(b'a%d=""' % n for n in range(50_000)) + b"/>")


@category
def xmp_that_is_rubbish() -> Iterator[Case]:
    for packet in (
        b"",
        b"\0",
        b"<",
        b"<x",
        b"\xff\xfe<\0x\0",
        b"<?xml version='1.0' encoding='utf-7'?><x/>",
        b"<x>\xff</x>",
        b"<x>\0</x>",
    ):
        yield from with_xmp(packet)


@category
def iptc_that_is_rubbish() -> Iterator[Case]:
    dice = random.Random(13)
    head = b"Photoshop 3.0\x008BIM\x04\x04\0\0"
    for block in (
        b"\xff\xff\xff\xff",
        struct.pack(">I", 20) + b"\x1c\x02\x78\xff\xff" + b"a" * 15,
        struct.pack(">I", 20) + b"\x1c\x02\x78\x80\x04\xff\xff\xff\xff" + b"a" * 11,
        struct.pack(">I", 200) + dice.randbytes(200),
    ):
        yield shown(after_soi(encode(plain(), "JPEG"), segment(0xED, head + block)), colour=RED)


@category
def comments() -> Iterator[Case]:
    for text in (b"", b"\0" * 60_000, b"<script>alert(1)</script>", bytes(range(256))):
        yield shown(after_soi(encode(plain(), "JPEG"), segment(0xFE, text)), colour=RED)
    latin = png_chunk(b"tEXt", b"a" * 200 + b"\0\xff\xfe") + png_chunk(b"tEXt", b"") + png_chunk(b"zTXt", b"a\0\7xx")
    yield shown(png_with(latin), colour=RED, refused=DAMAGED)


@category
def png_chunks_of_bad_values() -> Iterator[Case]:
    for kind, data in (
        (b"gAMA", bytes(4)),
        (b"gAMA", b"\xff" * 4),
        (b"cHRM", b"\xff" * 32),
        (b"cHRM", b"\xff" * 7),
        (b"sRGB", b""),
        (b"pHYs", b"\xff" * 9),
        (b"pHYs", bytes(9)),
        (b"tRNS", b"\0"),
        (b"iCCP", b"x"),
        (b"iCCP", b"x\0\7" + zlib.compress(b"y")),
        (b"eXIf", b""),
        (b"bKGD", b""),
        (b"????", b"unknown"),
    ):
        yield shown(png_with(png_chunk(kind, data)), colour=RED, refused=DAMAGED)
