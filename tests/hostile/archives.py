"""Archives that want to be elsewhere, larger, or deeper than they are. Each tells how many pictures come out of it."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Callable
from typing import Any, NamedTuple

from tests.gallery.making import encode, plain


class Archive(NamedTuple):
    """A ZIP file; how many pictures are taken out of it (None: whatever), and what is said of the rest, or of all."""

    content: bytes
    pictures: int | None
    refused: str = ""


ARCHIVES: dict[str, Callable[[], Archive]] = {}
DAMAGED = "damaged|cut short|no picture"


def archive(make: Callable[[], Archive]) -> Callable[[], Archive]:
    """Registers a maker under its own name."""
    ARCHIVES[make.__name__] = make
    return make


def picture(number: int = 0) -> bytes:
    return encode(plain((number % 256, number // 256, 7)))


def packed(*entries: tuple[Any, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as opened:
        for name, content in entries:
            opened.writestr(name, content)
    return buffer.getvalue()


def info(name: str, **values: Any) -> zipfile.ZipInfo:
    made = zipfile.ZipInfo(name)
    for key, value in values.items():
        setattr(made, key, value)
    return made


@archive
def folders_above() -> Archive:
    names = ("../../evil.png", "/etc/evil.png", "..\\..\\evil.png", "C:\\evil.png", "a/../../evil.png", "./../x.png")
    return Archive(packed(*((name, picture(number)) for number, name in enumerate(names))), len(names))


@archive
def links() -> Archive:
    link = info("passwd.png", external_attr=0o120777 << 16, create_system=3)
    return Archive(packed((link, b"/etc/passwd"), ("passwd.png/a.png", picture())), 1, "not a picture")


@archive
def devices_and_pipes() -> Archive:
    kinds = ((0o010644, "pipe.png"), (0o020644, "device.png"), (0o060644, "disk.png"), (0o140644, "socket.png"))
    entries = [(info(name, external_attr=mode << 16, create_system=3), picture(mode)) for mode, name in kinds]
    return Archive(packed(*entries), len(kinds))


@archive
def the_same_name_twice() -> Archive:
    import warnings

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return Archive(packed(("a.png", picture(1)), ("a.png", picture(2)), ("A.PNG", picture(3))), 3)


@archive
def names_of_every_kind() -> Archive:
    from tests.hostile.names import NAMES

    given = [named.given for named in NAMES.values() if named.given.strip() and "\0" not in named.given]
    wanted = [name for name in given if not name.replace("\\", "/").rpartition("/")[2].startswith(".")]
    content = packed(*((name, picture(number)) for number, name in enumerate(given)))
    return Archive(content, None if len(wanted) < 5 else len(wanted))


@archive
def names_that_are_no_text() -> Archive:
    content = packed(("aaaa.png", picture(1)), ("bbbb.png", picture(2)))
    return Archive(content.replace(b"aaaa", b"\xff\xfe\x80\x81").replace(b"bbbb", b"\0\0\0\0"), None)


@archive
def names_said_to_be_utf8() -> Archive:
    """The flag says UTF-8, and the bytes aren't."""
    content = packed(("ä.png", picture(1)))
    return Archive(content.replace("ä".encode(), b"\xff\xff"), None, DAMAGED)


@archive
def within_each_other() -> Archive:
    inner = packed(("a.png", picture()))
    for _ in range(20):
        inner = packed(("inner.zip", inner))
    return Archive(inner, 0, "archive within an archive")


@archive
def itself_by_another_name() -> Archive:
    return Archive(packed(("inner.png", packed(("a.png", picture())))), 0, "Archives are not supported")


@archive
def bomb() -> Archive:
    return Archive(packed(("bomb.png", bytes(300_000_000)), method=zipfile.ZIP_DEFLATED), 0, "too large")


@archive
def bomb_that_says_it_is_small() -> Archive:
    content = packed(("bomb.png", bytes(90_000_000)), method=zipfile.ZIP_DEFLATED)
    return Archive(content.replace(struct.pack("<I", 90_000_000), struct.pack("<I", 1_000)), 0, "damaged|larger")


@archive
def overlapping_entries() -> Archive:
    """Fifield's: many entries of the list share one piece of the file."""
    content = packed(("a.png", picture()))
    at = content.index(b"PK\1\2")
    end = content.index(b"PK\5\6")
    entry, closing = content[at:end], bytearray(content[end:])
    times = 2_000
    struct.pack_into("<HHII", closing, 8, times, times, len(entry) * times, at)
    return Archive(content[:at] + entry * times + bytes(closing), None)


@archive
def locked() -> Archive:
    content = bytearray(packed(("a.png", picture(1)), ("b.png", picture(2))))
    for signature, offset in ((b"PK\3\4", 6), (b"PK\1\2", 8)):
        content[content.index(signature) + offset] |= 1
    return Archive(bytes(content), 1, "password")


@archive
def packed_otherwise() -> Archive:
    content = packed(("a.png", picture(1)), method=zipfile.ZIP_LZMA)
    return Archive(content, 0, "packed in a way")


@archive
def packed_by_unknown_methods() -> Archive:
    content = bytearray(packed(("a.png", picture(1))))
    for signature, offset in ((b"PK\3\4", 8), (b"PK\1\2", 10)):
        struct.pack_into("<H", content, content.index(signature) + offset, 99)
    return Archive(bytes(content), 0, "packed in a way")


@archive
def sizes_that_lie() -> Archive:
    content = bytearray(packed(("a.png", picture(1)), ("b.png", picture(2))))
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 24, 0xFFFFFFF0)
    return Archive(bytes(content), None, "too large|damaged|unpacks to more")


@archive
def a_checksum_that_lies() -> Archive:
    content = bytearray(packed(("a.png", picture(1)), ("b.png", picture(2))))
    content[content.index(b"PK\1\2") + 16] ^= 0xFF
    return Archive(bytes(content), 1, "damaged")


@archive
def headers_that_disagree() -> Archive:
    content = packed(("a.png", picture(1)), ("b.png", picture(2)))
    return Archive(content.replace(b"a.png", b"x.png", 1), None, "damaged")


@archive
def a_list_that_points_elsewhere() -> Archive:
    content = bytearray(packed(("a.png", picture(1))))
    struct.pack_into("<I", content, content.index(b"PK\5\6") + 16, 0xFFFFFF)
    return Archive(bytes(content), 0, "damaged inside its archive")


@archive
def entries_that_point_elsewhere() -> Archive:
    content = bytearray(packed(("a.png", picture(1)), ("b.png", picture(2))))
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 42, 0x7FFFFFF0)
    return Archive(bytes(content), 1, "damaged")


@archive
def entries_that_point_past_what_numbers_say() -> Archive:
    """By offsets of 64 bits."""
    for_zip64 = struct.pack("<HHQ", 1, 8, 0xFFFFFFFFFFFFFFF0)
    content = bytearray(packed((info("a.png", extra=for_zip64), picture(1)), ("b.png", picture(2))))
    struct.pack_into("<I", content, content.index(b"PK\1\2") + 42, 0xFFFFFFFF)
    return Archive(bytes(content), 1, "damaged")


@archive
def a_list_of_more_than_there_are() -> Archive:
    content = bytearray(packed(("a.png", picture(1))))
    end = content.index(b"PK\5\6")
    struct.pack_into("<HH", content, end + 8, 60_000, 60_000)
    return Archive(bytes(content), None, DAMAGED)


@archive
def too_many_entries() -> Archive:
    return Archive(packed(*((f"{number}.png", b"") for number in range(10_001))), 0, "limit")


@archive
def a_list_of_megabytes() -> Archive:
    return Archive(packed(*((f"{number}/" + "n" * 60_000, b"") for number in range(120))), 0, "limit")


@archive
def extra_fields_that_are_rubbish() -> Archive:
    dice = random.Random(2)
    extras = (struct.pack("<HH", 1, 0xFFFF), struct.pack("<HH", 0x7075, 4) + b"\1\0\0\0", dice.randbytes(300))
    content = packed(*((info(f"{number}.png", extra=extra), picture(number)) for number, extra in enumerate(extras)))
    return Archive(content, None, DAMAGED)


@archive
def a_long_comment() -> Archive:
    buffer = io.BytesIO(packed(("a.png", picture())))
    with zipfile.ZipFile(buffer, "a") as opened:
        opened.comment = b"PK\5\6" * 16_000
    return Archive(buffer.getvalue(), None, DAMAGED)


@archive
def cut_short() -> Archive:
    content = packed(("a.png", picture(1)), ("b.png", picture(2)))
    return Archive(content[: len(content) // 2], 0, DAMAGED)


@archive
def a_head_alone() -> Archive:
    return Archive(b"PK\3\4" + bytes(26), 0, DAMAGED)


@archive
def empty() -> Archive:
    return Archive(packed(), 0, "no picture")


@archive
def folders_alone() -> Archive:
    return Archive(packed(("a/", b""), ("a/b/", b""), ("__MACOSX/x", b"x"), (".DS_Store", b"x")), 0, "no picture")


@archive
def rubbish_within() -> Archive:
    return Archive(packed(("a.png", b"no picture"), ("b.png", b""), ("c.png", picture())), 1, "not a picture|empty")


@archive
def with_another_before_it() -> Archive:
    return Archive(packed(("a.png", picture(1))) + packed(("b.png", picture(2))), 1)


@archive
def deflate_that_is_rubbish() -> Archive:
    content = packed(("a.png", picture()), method=zipfile.ZIP_DEFLATED)
    raw = zlib.compressobj(9, zlib.DEFLATED, -15)
    stream = raw.compress(picture()) + raw.flush()
    return Archive(content.replace(stream[2:10], b"\xff" * 8), 0, "damaged")


@archive
def dates_that_are_none() -> Archive:
    content = bytearray(packed(("a.png", picture(1))))
    for signature, offset in ((b"PK\3\4", 10), (b"PK\1\2", 12)):
        struct.pack_into("<HH", content, content.index(signature) + offset, 0xFFFF, 0)
    return Archive(bytes(content), 1)
