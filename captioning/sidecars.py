"""XMP sidecars: what a picture shows, for other photo tools, and what these say of it.

The names of what is said, dc:description, dc:title, dc:subject and Iptc4xmpCore:AltTextAccessibility, are those of
Adobe's XMP specification, part 1, and of IPTC Photo Metadata 2021.1.
"""

import io
import re
import zipfile
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from pathlib import Path
from typing import IO, Any
from xml.etree import ElementTree  # writes alone

from django.conf import settings
from django.utils.translation import gettext as _

from captioning.exceptions import BadTable
from captioning.tables import Row
from gallery import archives
from gallery.exceptions import UploadRefused
from gallery.folders import files_below
from gallery.models import Image, User
from gallery.names import printable, tidy
from gallery.sidecars import LARGEST, picture_named_by, sidecar_read
from gallery.wording import grouped

STEM = "stem"  #: a kind of name: a file's without its extension

_CHUNK = 500
_LONGEST_FILE_NAME = 255  # bytes, on most file systems
# What an archive of sidecars may unpack to in all: XML packs well, but reading 1 MB of it may take 0.2 s.
_MOST_RATIO, _RATIO_FROM_BYTES = 20, 10_000_000

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
    say. Those of pictures that share a name lie in folders named by their uuid.

    What a model isn't sure of is left out, since XMP can't say so.
    """
    images = Image.objects.filter(owner=owner).order_by("pk").prefetch_related("tags")
    names = images.values_list("file_name", flat=True).prefetch_related(None).iterator(chunk_size=_CHUNK)
    shared = {name for name, number in Counter(map(str.casefold, names)).items() if number > 1}
    for image in images.iterator(chunk_size=_CHUNK):
        caption = "" if image.description_unsure else image.description
        tags = sorted(tag.name for tag in image.tags.all())
        if not (caption or image.title or tags):
            continue
        name = f"{image.file_name}.xmp"
        if len(name.encode()) > _LONGEST_FILE_NAME:
            name = f"{image.uuid}.xmp"
        if image.file_name.casefold() in shared:
            name = f"{image.uuid}/{name}"
        yield name, xmp(caption=caption, title=image.title, tags=tags)


def rows_of_archive(file: IO[bytes]) -> Iterator[Row]:
    """What each sidecar in a ZIP archive says, in a row that is called as it is; or why it can't be read. Raises
    BadTable."""
    try:
        archive = archives.archive_open(file)
    except UploadRefused as refusal:
        raise BadTable(str(refusal)) from refusal
    entries = archives.sidecar_entries(archive)
    if not entries:
        raise BadTable(_("There is no XMP sidecar in this archive. In a spreadsheet, save it as “CSV UTF-8”."))
    most = min(settings.GALLERY_LIMITS["bytes"], max(_MOST_RATIO * file.seek(0, 2), _RATIO_FROM_BYTES))
    if sum(info.file_size for info in entries if info.file_size <= LARGEST) > most:
        text = _("This archive unpacks to more than %(limit)s MB of sidecars. Part it.")
        raise BadTable(text % {"limit": grouped(most // 1_000_000)})
    named = ((archives.name_of(info), partial(archives.entry_read, archive, info, most=LARGEST)) for info in entries)
    return _rows(named)


def rows_of_folder(folder: Path) -> Iterator[Row]:
    """The same of the sidecars below a folder. Raises OSError at what can't be read."""
    paths = sorted(files_below(folder, note=_raise, sidecars=True))
    return _rows((path.relative_to(folder).as_posix(), partial(_opened, path)) for path in paths)


def _raise(error: OSError) -> None:
    raise error


def rows_of_one(file: IO[bytes], name: str) -> Iterator[Row]:
    """The same of a single sidecar."""
    return _rows([(name, lambda: nullcontext(file))])


def _opened(path: Path) -> IO[bytes]:
    return path.open("rb")


def _rows(files: Iterable[tuple[str, Callable[[], AbstractContextManager[IO[bytes]]]]]) -> Iterator[Row]:
    for number, (path, opened) in enumerate(files, start=1):
        caption = fault = ""
        try:
            with opened() as file:
                caption = sidecar_read(file)
        except UploadRefused as refusal:
            fault = str(refusal)
        if caption or fault:
            yield Row(number, caption, _names(path), printable(path)[-_LONGEST_FILE_NAME:], fault)


def _names(path: str) -> list[tuple[str, str]]:
    """How the picture of a sidecar may be called."""
    *folders, name = path.replace("\\", "/").split("/")
    picture = picture_named_by(name)
    return [("uuid", folders[-1] if folders else ""), ("uuid", picture), ("file_name", picture), (STEM, picture)]


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
