"""XMP beside pictures: what its files are called, and what stands in them."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gallery.archives import entries, sidecar_entries, sidecar_entry
from gallery.exceptions import UploadRefused
from gallery.folders import file_take
from gallery.models import User
from gallery.sidecars import LARGEST, caption_beside, is_sidecar_name, names_beside, picture_named_by, sidecar_read
from tests.gallery.making import encode, plain, zipped
from tests.gallery.test_embedded import ALT, PACKET, XMP

MINE = PACKET.format(ALT.format("<rdf:li>mine</rdf:li>")).encode()
ALT_TEXT = (
    '<rdf:Description xmlns:i="http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"><i:AltTextAccessibility><rdf:Alt>'
    '<rdf:li xml:lang="de">Hund</rdf:li><rdf:li xml:lang="x-default">a dog</rdf:li></rdf:Alt></i:AltTextAccessibility>'
    "</rdf:Description>"
)


def captions(told: list[tuple[str, Any]]) -> list[str]:
    return [values[1] for name, values in told if name == "captioned"]


def test_names() -> None:
    assert names_beside("2024.a/beach.x.jpg") == [
        "2024.a/beach.x.jpg.xmp",
        "2024.a/beach.x.jpg.XMP",
        "2024.a/beach.x.xmp",
        "2024.a/beach.x.XMP",
    ]
    assert names_beside("beach")[0] == "beach.xmp"
    assert [is_sidecar_name(name) for name in ("a.jpg.XMP", "a.xmp", "a.jpg", "xmp")] == [True, True, False, False]
    assert picture_named_by("beach.jpg.XMP") == "beach.jpg"


@pytest.mark.parametrize(
    ("inside", "said"),
    [
        (ALT_TEXT, "a dog"),
        (ALT_TEXT + ALT.format("<rdf:li>Rex</rdf:li>"), "Rex"),
        (ALT.format('<rdf:li xml:lang="x-default"> </rdf:li>') + ALT_TEXT, "a dog"),
        (ALT.format("<rdf:li>OLYMPUS DIGITAL CAMERA</rdf:li>"), ""),
        (ALT.format(f"<rdf:li>{'x' * 5_000}</rdf:li>"), "x" * 5_000),
        (
            "<rdf:Description><x><rdf:Description><dc:description>part</dc:description></rdf:Description></x>"
            "</rdf:Description>",
            "",
        ),
        ("", ""),
    ],
)
def test_alt_text_counts_where_there_is_no_description(inside: str, said: str) -> None:
    assert sidecar_read(io.BytesIO(PACKET.format(inside).encode())) == said


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-16-le"])
def test_unicode_of_every_kind(encoding: str) -> None:
    assert sidecar_read(io.BytesIO(XMP.decode().encode(encoding))) == "Rex, é"


@pytest.mark.parametrize("packet", [b"", b"<x", b"\0", b" " * (LARGEST + 1), XMP.replace(b"Rex", b"&#0;"), XMP[:-30]])
def test_what_is_no_xmp_is_refused(packet: bytes) -> None:
    with pytest.raises(UploadRefused):
        sidecar_read(io.BytesIO(packet))


def test_a_sidecar_counts_for_more_than_the_file(user: User, tmp_path: Path, told: list[tuple[str, Any]]) -> None:
    said = {"full.jpg.xmp": MINE, "stem.xmp": MINE, "both.xmp": XMP, "both.jpg.XMP": MINE, "bad.xmp": b"<x"}
    for name, packet in said.items():
        (tmp_path / name).write_bytes(packet)
    for number, name in enumerate(("full", "stem", "both", "bad", "none")):
        path = tmp_path / f"{name}.jpg"
        path.write_bytes(encode(plain((40 * number, 0, 0)), "JPEG", xmp=XMP))
        assert [outcome.kind for outcome in file_take(owner=user, path=path)] == ["created"]
    assert captions(told) == ["mine", "mine", "mine", "Rex, é", "Rex, é"]


def test_what_is_no_file_beside_a_picture_costs_nothing(tmp_path: Path) -> None:
    picture = tmp_path / "a.jpg"
    os.mkfifo(tmp_path / "a.jpg.xmp")
    assert caption_beside(picture, links=True) == ""
    (tmp_path / "a.jpg.xmp").unlink()
    (tmp_path / "a.jpg.xmp").mkdir()
    (tmp_path / "said").write_bytes(MINE)
    (tmp_path / "a.xmp").symlink_to(tmp_path / "said")
    assert caption_beside(picture, links=True) == "mine"
    assert caption_beside(picture, links=False) == ""
    assert caption_beside(tmp_path / ("a" * 255), links=True) == ""


def test_sidecars_in_archives() -> None:
    names = ["2024/a.png", "2024/a.png.xmp", "b.png", "2024/b.xmp", "c.png", "c.XMP", ".d.xmp", "e.xmp/"]
    with zipfile.ZipFile(io.BytesIO(zipped(dict.fromkeys(names, b"")))) as archive:
        assert [info.filename for info in entries(archive)] == ["2024/a.png", "b.png", "c.png"]
        assert [info.filename for info in sidecar_entries(archive)] == ["2024/a.png.xmp", "2024/b.xmp", "c.XMP"]
        beside = [sidecar_entry(archive, info) for info in entries(archive)]
        assert [info and info.filename for info in beside] == ["2024/a.png.xmp", None, "c.XMP"]
