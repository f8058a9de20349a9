"""What is let in at the door. Each refusal is an UploadRefused with a sentence for the person who gave the file."""

import hashlib
import re
import unicodedata
from dataclasses import dataclass
from typing import IO, NamedTuple

from django.conf import settings
from django.utils.translation import gettext as _

from gallery import decoding
from gallery.exceptions import UploadRefused
from gallery.formats import FORMATS
from gallery.inspection import Inspection
from gallery.pictures import in_millions

_CHUNK = 1 << 20
_LONGEST_NAME = 255
# Marks that turn the direction of reading, by which `gpj.exe` can be made to look like `exe.jpg`, and such as take no
# room; then control characters, lone surrogates (names that weren't UTF-8) and ends of lines.
_HIDDEN = re.compile("[\u061c\u200b\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff]")
_UNPRINTED = {"Cc", "Cs", "Zl", "Zp"}
_UNSEEN = {"Cf", "Zs"}


class Digest(NamedTuple):
    """What identifies the bytes of a file."""

    sha256: str
    byte_size: int


@dataclass(frozen=True)
class PictureFacts(Inspection):
    """What an accepted file is: what was found in it, its name and its bytes."""

    file_name: str
    sha256: str
    byte_size: int


def inspect_upload(file: IO[bytes], file_name: str, *, digest: Digest | None = None) -> PictureFacts:
    """Everything about an uploaded file, decoded from beginning to end. Raises UploadRefused.

    `digest` saves reading the bytes once more when the caller has it.
    """
    digest = digest or digest_upload(file)
    found = decoding.inspect_picture(file)
    return PictureFacts(
        **vars(found),
        file_name=clean_file_name(file_name, extension=FORMATS[found.format].extension),
        sha256=digest.sha256,
        byte_size=digest.byte_size,
    )


def digest_upload(file: IO[bytes]) -> Digest:
    """SHA-256 and size in bytes, read in pieces. Raises UploadRefused when the file is empty or over the limit."""
    limit: int = settings.GALLERY_LIMITS["bytes"]
    file.seek(0, 2)
    byte_size = file.tell()
    if byte_size == 0:
        raise UploadRefused(_("This file is empty."))
    if byte_size > limit:
        raise UploadRefused(
            _("This file has %(size)s MB; the limit is %(limit)s MB.")
            % {"size": in_millions(byte_size), "limit": in_millions(limit)}
        )
    file.seek(0)
    sha256 = hashlib.sha256()
    while chunk := file.read(_CHUNK):
        sha256.update(chunk)
    file.seek(0)
    return Digest(sha256.hexdigest(), byte_size)


def clean_file_name(name: str, *, extension: str = "jpg") -> str:
    """The name as a person would read it: no folders, nothing invisible, 255 characters at most.

    A name of which nothing is left becomes `picture.<extension>`.
    """
    base = re.split(r"[/\\]", name)[-1]
    base = unicodedata.normalize("NFC", _HIDDEN.sub("", base))
    base = "".join(c for c in base if unicodedata.category(c) not in _UNPRINTED).strip()
    if all(c == "." or unicodedata.category(c) in _UNSEEN for c in base):
        return f"picture.{extension}"
    stem, dot, suffix = base.rpartition(".")
    if len(base) <= _LONGEST_NAME or not stem or len(suffix) >= _LONGEST_NAME:
        return base[:_LONGEST_NAME]
    return stem[: _LONGEST_NAME - len(dot) - len(suffix)] + dot + suffix
