"""XMP sidecars: what a picture shows, for other photo tools.

The names of what is said, dc:description, dc:title, dc:subject and Iptc4xmpCore:AltTextAccessibility, are those of
Adobe's XMP specification, part 1, and of IPTC Photo Metadata 2021.1.
"""

import io
import re
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any
from xml.etree import ElementTree  # writes alone

from gallery.models import Image, User
from gallery.names import tidy

_CHUNK = 500
_LONGEST_FILE_NAME = 255  # bytes, on most file systems

_X = "adobe:ns:meta/"
_RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
_DC = "http://purl.org/dc/elements/1.1/"
_IPTC = "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/"
_LANGUAGE = "{http://www.w3.org/XML/1998/namespace}lang"
# The begin is a byte order mark, the id the same in every packet (XMP specification part 1, 7.3.2).
_PACKET = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>\n{}\n<?xpacket end="w"?>\n'
_NO_XML = re.compile("[\ufffe\uffff]")


def sidecars_of(owner: User) -> Iterator[tuple[str, bytes]]:
    """File names, such as `beach.jpg.xmp`, and contents of XMP sidecars for the pictures of which there is something to
    say. Of pictures with one name, all but the first lie in a folder named by their uuid.

    What a model isn't sure of is left out, since XMP can't say so.
    """
    taken: set[str] = set()
    images = Image.objects.filter(owner=owner).order_by("pk").prefetch_related("tags")
    for image in images.iterator(chunk_size=_CHUNK):
        caption = "" if image.description_unsure else image.description
        tags = sorted(tag.name for tag in image.tags.all())
        if not (caption or image.title or tags):
            continue
        name = f"{image.file_name}.xmp"
        if len(name.encode()) > _LONGEST_FILE_NAME:
            name = f"{image.uuid}.xmp"
        if name.casefold() in taken:
            name = f"{image.uuid}/{name}"
        taken.add(name.casefold())
        yield name, xmp(caption=caption, title=image.title, tags=tags)


def zip_of(files: Iterable[tuple[str, bytes]]) -> Iterator[bytes]:
    """A ZIP archive of named contents, piece by piece as they come."""
    outlet = _Outlet()
    with zipfile.ZipFile(outlet, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files:
            archive.writestr(name, content)
            yield outlet.drained()
    yield outlet.drained()


def xmp(*, caption: str, title: str = "", tags: Iterable[str] = ()) -> bytes:
    """An XMP packet, UTF-8; what is empty is left out."""
    for prefix, namespace in (("x", _X), ("rdf", _RDF), ("dc", _DC), ("Iptc4xmpCore", _IPTC)):
        ElementTree.register_namespace(prefix, namespace)
    root = ElementTree.Element(f"{{{_X}}}xmpmeta")
    rdf = ElementTree.SubElement(root, f"{{{_RDF}}}RDF")
    about = ElementTree.SubElement(rdf, f"{{{_RDF}}}Description", {f"{{{_RDF}}}about": ""})
    for name, text in (
        (f"{{{_DC}}}title", title),
        (f"{{{_DC}}}description", caption),
        (f"{{{_IPTC}}}AltTextAccessibility", caption),
    ):
        _add(about, name, "Alt", [text] if text else [], {_LANGUAGE: "x-default"})
    _add(about, f"{{{_DC}}}subject", "Bag", tags, {})
    ElementTree.indent(root)
    return _PACKET.format(ElementTree.tostring(root, encoding="unicode")).encode()


def _add(parent: ElementTree.Element, name: str, kind: str, texts: Iterable[str], attributes: dict[str, str]) -> None:
    items = [tidy(_NO_XML.sub("", text)) for text in texts]  # nor are control characters, which `tidy` leaves out
    if items:
        container = ElementTree.SubElement(ElementTree.SubElement(parent, name), f"{{{_RDF}}}{kind}")
        for item in items:
            ElementTree.SubElement(container, f"{{{_RDF}}}li", attributes).text = item


class _Outlet(io.RawIOBase):
    """A file that can only be written to, and gives away what was."""

    def __init__(self) -> None:
        self._written = bytearray()

    def write(self, content: Any, /) -> int:
        self._written += content
        return len(content)

    def drained(self) -> bytes:
        content = bytes(self._written)
        self._written.clear()
        return content
