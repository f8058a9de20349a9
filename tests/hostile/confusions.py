"""Files that are something else than their names say, or two things at once."""

import gzip
import io
import pickle
import struct
import zipfile
from collections.abc import Iterator

from tests.gallery.making import encode, plain
from tests.hostile.bombs import after_soi, segment
from tests.hostile.case import ANY_REASON, NOT_SUPPORTED, UNKNOWN, Case, category, refused, shown

RED = (255, 0, 0)
SVG = b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///etc/passwd"/></svg>'
HTML = b"<!DOCTYPE html><html><script>alert(document.cookie)</script></html>"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 64 48\n(%pipe%touch /tmp/hostile) (w) file\nshowpage\n"


def zipped(name: str = "a.txt", content: bytes = b"hello") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


@category
def svg() -> Iterator[Case]:
    for content in (SVG, b'<?xml version="1.0"?>\n' + SVG, b"\xef\xbb\xbf" + SVG, b"<!-- GIF89a -->" + SVG):
        yield refused(content, NOT_SUPPORTED)
    yield refused(gzip.compress(SVG), UNKNOWN, "drawing.svgz")
    yield refused(b" " * 600 + SVG, UNKNOWN)


@category
def pdf() -> Case:
    return refused(encode(plain(), "PDF"), NOT_SUPPORTED, "scan.jpg")


@category
def html() -> Iterator[Case]:
    yield refused(HTML, UNKNOWN, "page.jpg")
    yield refused(b"GIF89a/*" + HTML, ANY_REASON, "page.gif")


@category
def postscript() -> Iterator[Case]:
    """Ghostscript, which Pillow would call for it, runs never."""
    yield refused(POSTSCRIPT, UNKNOWN, "drawing.jpg")
    yield refused(b"\xc5\xd0\xd3\xc6" + struct.pack("<II", 30, len(POSTSCRIPT)) + bytes(18) + POSTSCRIPT, UNKNOWN)
    yield refused(encode(plain(), "EPS"), UNKNOWN, "drawing.png")


@category
def pictures_of_other_formats() -> Iterator[Case]:
    for format, reason in (
        ("BMP", NOT_SUPPORTED),
        ("ICO", NOT_SUPPORTED),
        ("ICNS", UNKNOWN),
        ("TGA", UNKNOWN),
        ("DDS", UNKNOWN),
        ("PCX", UNKNOWN),
        ("PPM", UNKNOWN),
        ("SGI", UNKNOWN),
        ("XBM", UNKNOWN),
        ("IM", UNKNOWN),
        ("JPEG2000", NOT_SUPPORTED),
    ):
        picture = plain(1, mode="1") if format == "XBM" else plain(size=(64, 64))
        yield refused(encode(picture, format), reason)
    yield refused(encode(plain(), "JPEG2000", no_jp2=True), UNKNOWN, "codestream.jpg")


@category
def pictures_that_pillow_alone_would_read() -> Iterator[Case]:
    yield refused(b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 48, 64, 8, 3) + bytes(200), NOT_SUPPORTED)
    yield refused(b"SIMPLE  =                    T" + b" " * 3_000, UNKNOWN)
    yield refused(b"\xd7\xcd\xc6\x9a" + bytes(200), UNKNOWN)
    yield refused(b"\1\0\0\0" + bytes(36) + b" EMF" + bytes(200), UNKNOWN)
    yield refused(b"\0\0\2\0" + bytes(300), UNKNOWN)
    yield refused(b"qoif" + struct.pack(">IIBB", 64, 48, 3, 0) + bytes(100), UNKNOWN)
    yield refused(b"gimp xcf v011\0" + bytes(200), UNKNOWN)
    yield refused(b"push graphic-context\nfill 'url(https://127.0.0.1/|id)'\npop graphic-context", UNKNOWN, "a.mvg")


@category
def other_media() -> Iterator[Case]:
    yield refused(b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2avc1mp41" + bytes(200), NOT_SUPPORTED, "film.jpg")
    yield refused(b"\x1aE\xdf\xa3" + bytes(200), NOT_SUPPORTED)
    yield refused(b"RIFF" + struct.pack("<I", 200) + b"WAVEfmt " + bytes(200), UNKNOWN)
    yield refused(b"RIFF" + struct.pack("<I", 200) + b"AVI LIST" + bytes(200), UNKNOWN)
    yield refused(b"ID3\4" + bytes(200), UNKNOWN)
    yield refused(b"\0\0\0\x0cJXL \r\n\x87\n" + bytes(100), NOT_SUPPORTED)
    yield refused(b"\xff\x0a" + bytes(100), NOT_SUPPORTED)


@category
def programs() -> Iterator[Case]:
    for content in (b"\x7fELF" + bytes(200), b"MZ" + bytes(200), b"#!/bin/sh\nid\n", b"<?php system($_GET[0]); ?>"):
        yield refused(content, UNKNOWN, "photo.jpg")
    yield refused(pickle.dumps({"a": 1}), UNKNOWN)


@category
def text() -> Iterator[Case]:
    yield refused(b"just some words\n" * 50, UNKNOWN)
    yield refused("ÿØÿà".encode() * 50, UNKNOWN)
    yield refused(b"data:image/png;base64,iVBORw0KGgo=", UNKNOWN)


@category
def packed_pictures() -> Iterator[Case]:
    yield refused(gzip.compress(encode(plain())), UNKNOWN)
    yield refused(zipped("a.png", encode(plain())), NOT_SUPPORTED, "archive.jpg")


@category
def under_another_formats_name() -> Iterator[Case]:
    for format, name in (("PNG", "a.jpg"), ("JPEG", "a.png"), ("WEBP", "a.gif"), ("GIF", "a.svg"), ("PNG", "a.html")):
        yield shown(encode(plain(), format), colour=RED, file_name=name)
    yield shown(encode(plain()), colour=RED, file_name="a.exe")


@category
def under_an_archives_name() -> Case:
    return shown(encode(plain()), colour=RED, file_name="archive.zip")


@category
def with_an_archive_behind() -> Iterator[Case]:
    for format in ("JPEG", "PNG", "GIF", "WEBP"):
        yield shown(encode(plain(), format) + zipped("../../evil.sh"), colour=RED)
    yield shown(encode(plain(), "JPEG") + zipped("a.jpg", encode(plain("blue"))), colour=RED, file_name="both.zip")


@category
def with_a_page_behind() -> Iterator[Case]:
    for format in ("JPEG", "PNG", "GIF", "WEBP"):
        yield shown(encode(plain(), format) + HTML * 20, colour=RED, file_name="page.html")


@category
def with_a_script_inside() -> Iterator[Case]:
    yield shown(after_soi(encode(plain(), "JPEG"), segment(0xFE, b"*/=alert(1);/*")), colour=RED, file_name="a.js")
    gif = bytearray(encode(plain(), "GIF"))
    yield shown(bytes(gif) + b"*/=1;alert(1)//", colour=RED, file_name="a.js")
    yield shown(after_soi(encode(plain(), "JPEG"), segment(0xE0, b"<?php phpinfo();?>")), colour=RED, file_name="a.php")


@category
def with_a_document_inside() -> Case:
    document = b"%PDF-1.4\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj"
    return shown(after_soi(encode(plain(), "JPEG"), segment(0xFE, document)), colour=RED)


@category
def one_signature_before_another() -> Iterator[Case]:
    yield refused(b"\xff\xd8\xff" + encode(plain()), ANY_REASON)
    yield refused(b"\x89PNG\r\n\x1a\n" + encode(plain(), "JPEG"), ANY_REASON)
    yield refused(b"GIF89a" + encode(plain()), ANY_REASON)
    yield refused(b"II*\0" + encode(plain(), "JPEG"), ANY_REASON)
    yield refused(b"RIFF\xff\xff\xff\xffWEBP" + encode(plain(), "JPEG"), ANY_REASON)


@category
def spaces_before_the_signature() -> Iterator[Case]:
    for format in ("JPEG", "PNG", "GIF"):
        yield refused(b"\r\n" + encode(plain(), format), UNKNOWN)


@category
def brands_that_lie() -> Iterator[Case]:
    avif, heic = encode(plain(), "AVIF"), encode(plain(), "HEIF")
    yield (
        refused(avif[:8] + b"heic" + avif[12:], ANY_REASON)
        if b"avif" not in avif[16:40]
        else shown(avif[:8] + b"heic" + avif[12:], colour=RED, refused=ANY_REASON)
    )
    yield refused(heic[:8] + b"avif" + heic[12:], ANY_REASON)
    yield refused(b"\0\0\0\x10ftypavif\0\0\0\0" + encode(plain(), "JPEG"), ANY_REASON)
    yield refused(b"\xff\xff\xff\xffftypheic" + bytes(600), ANY_REASON)
    yield refused(b"\0\0\0\0ftyp", ANY_REASON)


@category
def jpegs_in_a_tiff() -> Iterator[Case]:
    """Packed by the old scheme, which points at a whole JPEG: a reader must not follow it past the file."""
    from tests.hostile.bombs import tiff_of

    yield Case(tiff_of(encode(plain(), "JPEG"), compression=6, _513=8, _514=400), refused=ANY_REASON, size=(64, 48))
    yield Case(tiff_of(encode(plain(), "JPEG"), compression=7), refused=ANY_REASON, size=(64, 48))
    yield refused(tiff_of(bytes(10), compression=6, _513=0xFFFFFFF0, _514=400), ANY_REASON)
