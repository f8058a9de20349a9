"""Captions that somebody wrote into a file, and what else may stand there."""

from io import BytesIO
from typing import Any

import pytest
from PIL import ExifTags
from PIL import Image as PILImage
from PIL.PngImagePlugin import PngInfo

from gallery.embedded import LONGEST, read_caption
from gallery.models import User
from gallery.services import image_create
from tests.gallery.making import encode, exif_of, plain, upload

PACKET = """<?xpacket begin="" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF
xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/">{}</rdf:RDF>
</x:xmpmeta><?xpacket end="w"?>"""
ALT = "<rdf:Description><dc:description><rdf:Alt>{}</rdf:Alt></dc:description></rdf:Description>"
XMP = PACKET.format(ALT.format('<rdf:li xml:lang="x-default">Rex, é</rdf:li>')).encode()


def opened(format: str = "JPEG", **save: Any) -> PILImage.Image:
    return PILImage.open(BytesIO(encode(plain(), format, **save)))


def described(text: Any) -> PILImage.Exif:
    return exif_of({ExifTags.Base.ImageDescription: text})


def iptc(text: bytes) -> bytes:
    """A JPEG whose Photoshop block has an IPTC caption."""
    dataset = b"\x1c\x02\x78" + len(text).to_bytes(2) + text
    block = b"8BIM\x04\x04\0\0" + len(dataset).to_bytes(4) + dataset + b"\0" * (len(dataset) % 2)
    segment = b"Photoshop 3.0\0" + block
    jpeg = encode(plain(), "JPEG")
    return jpeg[:2] + b"\xff\xed" + (len(segment) + 2).to_bytes(2) + segment + jpeg[2:]


def in_text_chunk(packet: bytes) -> PngInfo:
    chunks = PngInfo()
    chunks.add_itxt("XML:com.adobe.xmp", packet.decode())
    return chunks


@pytest.mark.parametrize(
    ("format", "save"),
    [
        ("JPEG", {"xmp": XMP}),
        ("PNG", {"pnginfo": in_text_chunk(XMP)}),
        ("WEBP", {"xmp": XMP}),
        ("TIFF", {"tiffinfo": {700: XMP}}),
        ("AVIF", {"xmp": XMP}),
        ("HEIF", {"xmp": XMP}),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_xmp_of_every_format(format: str, save: Any) -> None:
    assert read_caption(opened(format, **save)) == "Rex, é"


@pytest.mark.parametrize(
    ("inside", "caption"),
    [
        (ALT.format('<rdf:li xml:lang="de">Hund</rdf:li><rdf:li xml:lang="x-default">a dog</rdf:li>'), "a dog"),
        (ALT.format('<rdf:li xml:lang="de">Hund</rdf:li>'), "Hund"),
        ('<rdf:Description dc:description="a  dog"/>', "a dog"),
        ("<rdf:Description><dc:description>a dog</dc:description></rdf:Description>", "a dog"),
        ("<rdf:Description/>", ""),
        (ALT.format(""), ""),
        (ALT.format(f"<rdf:li>{'x' * 5_000}</rdf:li>"), "x" * LONGEST),
        (ALT.format(f"<rdf:li>a dog{' ' * 50_000}of mine</rdf:li>"), "a dog"),
    ],
)
def test_xmp_of_every_program(inside: str, caption: str) -> None:
    assert read_caption(opened(xmp=PACKET.format(inside).encode())) == caption


@pytest.mark.parametrize(
    "packet",
    [
        b"<x",
        b"\xff\xfe",
        b'<!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><x>&b;</x>',
        b"<x>" * 9_000 + b"</x>" * 9_000,
    ],
)
def test_bad_xmp_costs_nothing(packet: bytes) -> None:
    assert read_caption(opened(xmp=packet, exif=described("a dog"))) == "a dog"


@pytest.mark.parametrize(
    ("text", "caption"), [("Käse".encode(), "Käse"), ("Käse".encode("latin-1"), "Käse"), (b"", "")]
)
def test_iptc(text: bytes, caption: str) -> None:
    assert read_caption(PILImage.open(BytesIO(iptc(text)))) == caption


@pytest.mark.parametrize(
    ("text", "caption"),
    [
        ("a dog", "a dog"),
        ("Käse".encode(), "Käse"),
        (b"a dog\0of mine", "a dog"),
        ("OLYMPUS DIGITAL CAMERA         ", ""),
        ("SONY DSC", ""),
        (" \n ", ""),
    ],
)
def test_exif(text: Any, caption: str) -> None:
    assert read_caption(opened(exif=described(text))) == caption


def test_xmp_comes_first() -> None:
    assert read_caption(opened(xmp=XMP, exif=described("a dog"))) == "Rex, é"


def test_an_upload_tells_the_pipeline(user: User, told: list[tuple[str, Any]]) -> None:
    image = image_create(owner=user, file=upload(encode(plain(), "JPEG", xmp=XMP)), file_name="rex.jpg").image
    assert ("captioned", (image.pk, "Rex, é")) in told
