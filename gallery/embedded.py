"""What somebody wrote of a picture into its file: XMP, IPTC or EXIF, read with distrust as in `gallery.metadata`.

Photo tools keep one caption in up to three places (Metadata Working Group, Guidelines 2.0, 5.2); here, the first of
XMP's dc:description (else IPTC's alt text), IPTC's 2:120 and EXIF's ImageDescription counts. None of them costs a
picture.
"""

import re
from itertools import islice
from xml.etree.ElementTree import Element  # of which defusedxml makes its trees

from PIL import ExifTags
from PIL import Image as PILImage
from PIL.IptcImagePlugin import getiptcinfo

from gallery.metadata import UNREADABLE
from gallery.names import tidy

LONGEST = 2_000
_LARGEST_PACKET = 1_000_000  # bytes
_MOST_TOPS = 100  # of a packet's descriptions; programs write one, or one for each of their vocabularies
_LONGEST_READ = 10_000  # characters, with the white space in them: tidying megabytes takes seconds
_IPTC_CAPTION = (2, 120)
_RDF = "{http://www.w3.org/1999/02/22-rdf-syntax-ns#}"
_DESCRIPTION = "{http://purl.org/dc/elements/1.1/}description"
_ALT_TEXT = "{http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/}AltTextAccessibility"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# What cameras and programs put there by themselves.
_NOBODYS = re.compile(
    r"(?:[A-Z]+ )*DIGITAL (?:STILL )?CAMERA|SONY DSC|SAMSUNG\b.*|DCIM.*|Exif_JPEG_PICTURE|Screenshot|default"
    r"|(?:Created|Processed) with .*|binary comment|charset=.*|\W*"
)


def read_caption(picture: PILImage.Image) -> str:
    """One line of at most LONGEST characters; "" where nobody wrote one."""
    for read in (_of_xmp, _of_iptc, _of_exif):
        try:
            text = _somebodys(read(picture))
        except UNREADABLE:
            continue
        if text:
            return text[:LONGEST].rstrip()
    return ""


def read_packet(packet: bytes) -> str:
    """What somebody wrote into an XMP packet, as one line, in the default language or else the first; "" where nobody
    did. Raises one of UNREADABLE."""
    from defusedxml import ElementTree  # noqa: PLC0415 (few pictures have XMP)

    root = ElementTree.fromstring(packet, forbid_dtd=True)
    tops = (about for rdf in root.iter(f"{_RDF}RDF") for about in rdf.iterfind(f"{_RDF}Description"))
    abouts = list(islice(tops, _MOST_TOPS))
    said = (_somebodys(_said(about, name)) for name in (_DESCRIPTION, _ALT_TEXT) for about in abouts)
    return next(filter(None, said), "")


def _said(about: Element, name: str) -> str:
    said = {item.get(_LANGUAGE): item.text or "" for item in about.iterfind(f"{name}/{_RDF}Alt/{_RDF}li")}
    if said:
        return said.get("x-default") or next(iter(said.values()))
    return about.get(name) or about.findtext(name) or ""


def _somebodys(text: str) -> str:
    text = tidy(text[:_LONGEST_READ])
    return "" if _NOBODYS.fullmatch(text) else text


def _of_xmp(picture: PILImage.Image) -> str:
    packet: bytes = picture.info.get("xmp") or b""
    return read_packet(packet.rstrip(b"\0 ")) if packet and len(packet) <= _LARGEST_PACKET else ""


def _of_iptc(picture: PILImage.Image) -> str:
    said = (getiptcinfo(picture) or {}).get(_IPTC_CAPTION, b"")  # type: ignore[arg-type]
    return _decoded(said if isinstance(said, bytes) else b" ".join(said))


def _of_exif(picture: PILImage.Image) -> str:
    said = picture.getexif().get(ExifTags.Base.ImageDescription, "")
    # Pillow takes text for Latin-1, which holds every byte; most programs write UTF-8.
    return _decoded((said.encode("latin-1") if isinstance(said, str) else said).partition(b"\0")[0])


def _decoded(text: bytes) -> str:
    try:
        return text.decode()
    except UnicodeDecodeError:
        return text.decode("cp1252", "replace")
