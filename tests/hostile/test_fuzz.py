"""What holds for any bytes and any text, however senseless. `MMSITE_TEST_EXAMPLES=5000` looks longer."""

import io
import math
import os
import struct
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, date
from typing import Any

import pytest
from django.test import Client
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from captioning.exceptions import BadTable
from captioning.tables import MOST_ROWS, rows_of
from gallery import archives, decoding
from gallery.embedded import LONGEST, read_caption, read_packet
from gallery.exceptions import NotNow, UploadRefused
from gallery.metadata import LONGEST_NAME, UNREADABLE, read_metadata
from gallery.models import User
from gallery.pictures import fit
from gallery.validators import clean_file_name
from search.query.parse import parse
from search.query.terms import FIELDS, LONGEST_TEXT
from tests.gallery.making import animation, encode, exif_of, quarters
from tests.hostile.archives import packed
from tests.hostile.bombs import after_soi, segment
from tests.hostile.test_names import is_harmless

EXAMPLES = int(os.environ.get("MMSITE_TEST_EXAMPLES", "100"))
TODAY = date(2026, 11, 26)
THOROUGH = {
    "deadline": None,
    "derandomize": True,
    "suppress_health_check": list(HealthCheck),
    "database": None,
}
pytestmark = pytest.mark.filterwarnings("ignore")


def thorough(share: float = 1.0) -> Any:
    """So much of the examples: of what takes longer, fewer are tried."""
    return settings(max_examples=max(2, int(EXAMPLES * share)), **THOROUGH)  # type: ignore[arg-type]


# Queries

WORDS = [
    *(f"{name}:" for name in FIELDS),
    "July",
    "2023",
    "14th",
    "last",
    "-",
    "+",
    "|",
    "~",
    "^",
    '"',
    "\\",
    "dog",
    "NEAR(",
    "*",
]
QUERIES = st.lists(st.sampled_from(WORDS) | st.text(max_size=8), max_size=25).map(" ".join) | st.text(max_size=200)


@thorough(2)
@given(QUERIES)
@example("^" * 2_000)
@example('"' * 2_000)
@example("-" * 2_000 + "a")
@example("tag:" * 500)
@example("\ud800")
def test_whatever_is_asked_is_understood_and_reads_the_same_again(text: str) -> None:
    query = parse(text, today=TODAY)
    assert parse(query.text, today=TODAY) == query
    assert len(query.text) <= LONGEST_TEXT
    for hint in query.hints:
        assert 0 <= hint.start <= hint.end <= len(query.source)
        parse(query.corrected(hint), today=TODAY)


@pytest.mark.django_db
@pytest.mark.usefixtures("fresh_index")
def test_whatever_is_asked_is_answered() -> None:
    client = Client()
    client.force_login(User.objects.create_user("ada"))

    @thorough(0.5)
    @given(QUERIES)
    @example("NEAR(a b, 5) OR *")
    @example('caption: "a" AND ^b')
    @example("{a b} : c")
    def ask(text: str) -> None:
        printable = text.encode("utf-8", "replace").decode()
        assert client.get("/search/", {"q": printable}).status_code == (400 if "\0" in printable else 200)

    ask()


# What stands beside the pixels

NUMBERS = st.sampled_from([0, 1, 2, 8, 26, 100, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF]) | st.integers(0, 0xFFFFFFFF)
TAGS = st.sampled_from(
    [0x010E, 0x010F, 0x0110, 0x0112, 0x8769, 0x8825, 0x9003, 0x9011, 0x9010, 0xA005, 0x927C, 1, 2, 3, 4, 0x02BC, 0x83BB]
)
ENTRIES = st.tuples(TAGS, st.integers(0, 14), NUMBERS, NUMBERS)


@st.composite
def blocks(draw: st.DrawFn) -> bytes:
    """EXIF whose directories point at each other, at what follows, or nowhere."""
    order, head = draw(st.sampled_from([(">", b"MM\0*"), ("<", b"II*\0")]))
    parts = b""
    for entries in draw(st.lists(st.lists(ENTRIES, max_size=6), min_size=1, max_size=3)):
        parts += struct.pack(order + "H", len(entries))
        parts += b"".join(struct.pack(order + "HHII", *entry) for entry in entries)
        parts += struct.pack(order + "I", draw(NUMBERS))
    return (
        b"Exif\0\0"
        + head
        + struct.pack(order + "I", draw(st.just(8) | NUMBERS))
        + parts
        + draw(st.binary(max_size=200))
    )


RED = encode(PILImage.new("RGB", (8, 8), "red"), "JPEG")


def check_beside(content: bytes) -> None:
    """It is read without an error, and what is read can be kept."""
    with PILImage.open(io.BytesIO(content)) as picture:
        picture.load()
        found, caption = read_metadata(picture), read_caption(picture)
    assert 1 <= found.orientation <= 8
    assert all(len(name) <= LONGEST_NAME and name.isprintable() for name in found.camera)
    assert found.gps is None or (
        all(map(math.isfinite, found.gps)) and abs(found.gps[0]) <= 90 and abs(found.gps[1]) <= 180
    )
    if found.taken_at:
        assert found.taken_at.year >= 1826
        found.taken_at.astimezone(UTC)
    assert len(caption) <= LONGEST and "\0" not in caption
    caption.encode()


@thorough(2)
@given(blocks())
def test_any_exif(block: bytes) -> None:
    check_beside(after_soi(RED, segment(0xE1, block)))


@thorough()
@given(st.dictionaries(TAGS, st.text(max_size=40) | st.binary(max_size=40)), st.text("0123456789:+-. Z\0", max_size=30))
def test_any_words_of_cameras(base: dict[int, Any], when: str) -> None:
    details = {0x9003: when, 0x9011: when[:6]}
    try:
        exif = exif_of({tag: value for tag, value in base.items() if tag not in (0x8769, 0x8825, 0xA005)}, details)
        content = encode(PILImage.new("RGB", (8, 8)), "JPEG", exif=exif)
    except (ValueError, TypeError, struct.error, AttributeError):
        return  # Pillow wouldn't write it
    check_beside(content)


@thorough()
@given(st.binary(max_size=300), st.sampled_from([b"\x04\x04", b"\x04\x24", b"\0\0"]))
def test_any_iptc(block: bytes, resource: bytes) -> None:
    check_beside(after_soi(RED, segment(0xED, b"Photoshop 3.0\x008BIM" + resource + b"\0\0" + block)))


XML = st.sampled_from(
    [
        *("<", ">", "/>", "</", "&amp;", "&#0;", "&#xD800;", "&b;", "<![CDATA[", "]]>", "]>"),
        *("<!DOCTYPE a [", "<!ENTITY b 'c'>", "<?xml version='1.0'?>", "<x:xmpmeta xmlns:x='adobe:ns:meta/'>"),
        *("<rdf:Description", "<dc:description>", "<rdf:li xml:lang='x-default'>"),
    ]
)


@thorough()
@given(st.lists(XML | st.text(max_size=10), max_size=30).map("".join))
def test_any_xmp(text: str) -> None:
    packet = text.encode("utf-8", "replace")
    with suppress(*UNREADABLE):  # which its callers expect
        assert isinstance(read_packet(packet), str)
    check_beside(after_soi(RED, segment(0xE1, b"http://ns.adobe.com/xap/1.0/\0" + packet)))


# Archives

CHANGES = st.lists(
    st.tuples(st.floats(0, 1, exclude_max=True), st.integers(0, 255), st.sampled_from("xid")), max_size=12
)


def changed(content: bytes, changes: Sequence[tuple[float, int, str]]) -> bytes:
    """With bytes overwritten, inserted and deleted."""
    made = bytearray(content)
    for where, byte, kind in changes:
        at = int(where * len(made))
        made[at : at + (kind != "i")] = b"" if kind == "d" else bytes([byte])
    return bytes(made)


ARCHIVES = [
    packed(("a.png", b"hello"), ("folder/ä.png", b"world" * 100)),
    packed(("a.png", bytes(3_000)), ("b.png", b"x" * 500), method=8),
    packed(*((f"{number}.png", b"") for number in range(20))),
]


@thorough(2)
@given(st.sampled_from(ARCHIVES), CHANGES)
def test_any_archive(content: bytes, changes: Sequence[tuple[float, int, str]]) -> None:
    """Each entry can be read, or is refused for a fault of its own, and not of the disk."""
    try:
        archive = archives.archive_open(io.BytesIO(changed(content, changes)))
    except UploadRefused as refusal:
        assert not isinstance(refusal, NotNow)
        return
    with archive:
        for info in archives.entries(archive):
            assert is_harmless(clean_file_name(archives.name_of(info)))
            try:
                with archives.entry_read(archive, info) as file:
                    assert len(file.read()) < 1_000_000
            except UploadRefused as refusal:
                assert not isinstance(refusal, NotNow)


@thorough()
@given(st.binary(max_size=300), st.sampled_from([b"", b"PK\3\4", b"PK\5\6", b"PK\1\2", b"PK\6\6", b"PK\6\7"]))
def test_any_bytes_as_an_archive(content: bytes, head: bytes) -> None:
    test_any_archive.hypothesis.inner_test(head + content, [])  # type: ignore[attr-defined]


@thorough(2)
@given(st.text(max_size=400))
@example("\u0344" * 400)
@example("\ufb2c" * 400)
def test_any_name(name: str) -> None:
    kept = clean_file_name(name)
    assert is_harmless(kept) and clean_file_name(kept) == kept
    kept.encode()


# Tables of captions

CELLS = st.sampled_from(
    ["caption", "uuid", "file_name", "sha256", '"', ",", ";", "\t", "\n", "\r\n", "{", "}", ":", "a.jpg", "'=1"]
)


@thorough(2)
@given(st.lists(CELLS | st.text(max_size=6), max_size=40).map("".join))
@example('{"caption": NaN, "uuid": 1}')
@example("[" * 5_000)
@example('{"caption":' * 3_000)
@example('{"caption": "\\ud800", "file_name": "a"}')
@example("caption,file_name\n" + "\0,\0\n")
@example('{"caption": "a", "uuid": ' + "1" * 5_000 + "}")
def test_any_table(text: str) -> None:
    try:
        rows = list(rows_of(io.BytesIO(text.encode("utf-8", "replace"))))
    except BadTable as refusal:
        assert str(refusal)
        return
    for row in rows:
        assert row.number <= MOST_ROWS and row.caption and "\0" not in row.caption
        row.caption.encode()


@thorough()
@given(st.binary(max_size=300))
def test_any_bytes_as_a_table(content: bytes) -> None:
    try:
        list(rows_of(io.BytesIO(content)))
    except BadTable as refusal:
        assert str(refusal)


# Pictures

PICTURES = [
    *(encode(quarters((32, 24)), format) for format in ("JPEG", "PNG", "WEBP", "GIF", "AVIF", "HEIF", "TIFF")),
    encode(quarters((32, 24)), "JPEG", progressive=True),
    encode(quarters((32, 24)).convert("P"), "PNG", transparency=b"\0\x80"),
    encode(quarters((32, 24)), "TIFF", compression="tiff_lzw"),
    *(animation(3, format, size=(32, 24)) for format in ("GIF", "PNG", "WEBP", "AVIF")),
]


@thorough(2)
@given(st.sampled_from(PICTURES), CHANGES)
def test_what_the_door_lets_in_the_worker_can_show(content: bytes, changes: Sequence[tuple[float, int, str]]) -> None:
    file = io.BytesIO(changed(content, changes))
    try:
        found = decoding.inspect_picture(file)
    except UploadRefused as refusal:
        assert not isinstance(refusal, NotNow)
        return
    size = (found.width, found.height)
    assert decoding.open_picture(file, max_side=1_600).size == fit(size, 1_600)
    if found.frames > 1:
        assert decoding.animate(file, max_side=16).size == fit(size, 16)
