"""XMP sidecars: what photo tools write of a picture into a file beside it, read with distrust as in `gallery.embedded`.

`beach.jpg.xmp` belongs to `beach.jpg`, as darktable and digiKam call it, and so does `beach.xmp`, as Lightroom does.
"""

import os
from pathlib import Path
from typing import IO

from django.utils.translation import gettext as _

from gallery.embedded import LONGEST, read_packet
from gallery.exceptions import UploadRefused
from gallery.metadata import UNREADABLE
from gallery.wording import grouped

LARGEST = 4_000_000  #: bytes; with all that was done to a picture there is rarely one
_EXTENSION = ".xmp"


def is_sidecar_name(file_name: str) -> bool:
    """Whether a file of this name is a sidecar."""
    return file_name.lower().endswith(_EXTENSION)


def picture_named_by(file_name: str) -> str:
    """What the name of a sidecar says of its picture: the name, or all of it but the extension."""
    return file_name[: -len(_EXTENSION)]


def names_beside(path: str) -> list[str]:
    """How the sidecars of a picture may be called, the surest first; in its folder, where there is one in `path`."""
    folder, slash, name = path.rpartition("/")
    stem = name.rpartition(".")[0] or name
    return [f"{folder}{slash}{each}{end}" for each in (name, stem) for end in (_EXTENSION, _EXTENSION.upper())]


def sidecar_read(file: IO[bytes]) -> str:
    """What somebody wrote into a sidecar, as one line; "" where nobody did. Raises UploadRefused with a sentence."""
    packet = file.read(LARGEST + 1)
    if len(packet) > LARGEST:
        raise UploadRefused(
            _("This file is too large: the limit is %(limit)s MB.") % {"limit": grouped(LARGEST // 1_000_000)}
        )
    try:
        return read_packet(packet)
    except UNREADABLE as error:
        raise UploadRefused(_("This file is no XMP, or damaged.")) from error


def sidecar_caption(file: IO[bytes]) -> str:
    """As sidecar_read, LONGEST characters at most, and "" where it can't be read: it costs no picture."""
    try:
        return sidecar_read(file)[:LONGEST].rstrip()
    except UploadRefused:
        return ""


def caption_beside(path: Path, *, links: bool) -> str:
    """What the sidecar of a picture says; "" where there is none. `links`: one that is a link is followed."""
    flags = os.O_NONBLOCK | (0 if links else os.O_NOFOLLOW)
    for name in names_beside(path.name):
        try:
            with open(path.with_name(name), "rb", opener=lambda where, mode: os.open(where, mode | flags)) as file:
                return sidecar_caption(file)
        except OSError:
            continue
    return ""
