"""Approved captions as a data set, so that the loop closes: correct captions, fine-tune, evaluate, serve.

Approved is what a person said: the current caption of a picture, where a person wrote it or approved a model's.
"""

import hashlib
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.db.models import QuerySet
from tqdm import tqdm

from captioning.models import Caption
from gallery.formats import FORMATS
from gallery.models import Image, User
from ml.datasets import imagefolder
from ml.datasets.examples import SPLITS, Split
from ml.errors import DatasetError

READABLE = {"JPEG", "PNG", "WEBP", "GIF", "AVIF", "TIFF"}  #: formats that Pillow reads without plugins
MOST_PIXELS = 80_000_000  #: beyond this, Pillow warns whoever opens the data set
LICENCE = "as held by the owner"
_SOURCE = "gallery/"
_DEV, _TEST = 0.8, 0.9  #: where these splits begin among the numbers from 0 to 1
_CHUNK = 500
_OURS = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\.[a-z]+")


@dataclass
class Export:
    """What became of the approved captions."""

    pictures: dict[Split, int] = field(default_factory=dict)
    added: int = 0
    changed: int = 0
    dropped: int = 0
    skipped: list[str] = field(default_factory=list)  #: sentences on pictures that could not be taken along


def captions_export(*, folder: Path, owners: Sequence[User] = (), split_seed: int = 0) -> Export:
    """Make `folder` an image folder of all approved captions, or of those of pictures that the owners have.

    A folder of an earlier export is brought level: what is new is added, changed captions are written anew, what is no
    longer there is dropped. Safe to stop and start again. Raises DatasetError for a folder of another data set, or one
    that is being written; OSError where it cannot be written.
    """
    export = Export()
    for split in imagefolder.splits(folder):
        if any(not _is_ours(row) for row in imagefolder.rows(folder, split)):
            raise DatasetError(f"{folder} holds a data set that is not an export of this gallery; name another folder.")
    for split in SPLITS:
        with imagefolder.Writer(folder, split) as writer:
            _level(writer, _approved(owners), split_seed, export)
            export.pictures[split] = len(writer.names)
            if not writer.names:
                _without(writer.folder)
    return export


def split_of(image: Image, seed: int) -> Split:
    """The split of a picture: eight of ten train, one dev, one test. It stays the same whatever else comes or goes.

    Drawn by the picture's bytes, so that one that several people uploaded isn't learnt and tested both.
    """
    digest = hashlib.sha256(f"{seed} {image.sha256}".encode()).digest()
    place = int.from_bytes(digest[:8]) / 2**64
    return "train" if place < _DEV else "dev" if place < _TEST else "test"


def _approved(owners: Sequence[User]) -> QuerySet[Caption]:
    approved = Caption.objects.by_person().filter(is_current=True, image__trashed_at=None)
    if owners:
        approved = approved.filter(image__owner__in=owners)
    return approved.select_related("image").prefetch_related("image__renditions").order_by("image_id")


def _level(writer: imagefolder.Writer, approved: QuerySet[Caption], seed: int, export: Export) -> None:
    """Bring one split level with the captions that belong to it."""
    wanted: dict[str, dict[str, Any]] = {}
    captions = approved.iterator(chunk_size=_CHUNK)
    # No bar where nobody watches (disable=None), such as in a log.
    for caption in tqdm(captions, desc=writer.split, total=approved.count(), unit="caption", disable=None):
        image = caption.image
        if split_of(image, seed) != writer.split:
            continue
        name = _name(image)
        columns: dict[str, Any] = {
            "captions": [caption.text],
            "source": f"{_SOURCE}{image.uuid}",
            "licence": LICENCE,
        }
        wanted[name] = columns
        if name not in writer.names:
            try:
                picture = _bytes(image)
            except FileNotFoundError:
                export.skipped.append(f"{image.file_name} ({image.uuid}): its file is not there (yet).")
            else:
                export.added += writer.add(name, picture, **columns)
    rows = list(imagefolder.rows(writer.folder.parent, writer.split))
    kept = [{**row, **wanted[row["file_name"]]} for row in rows if row["file_name"] in wanted]
    if kept != rows:
        writer.rewrite(kept)
    before = {row["file_name"]: row for row in rows}
    export.dropped += len(rows) - len(kept)
    export.changed += sum(row != before[row["file_name"]] for row in kept)
    for path in _strays(writer):
        path.unlink()


def _without(folder: Path) -> None:
    """Take away a split that holds no picture, as those of a small gallery may: `load_dataset` refuses such a set."""
    (folder / imagefolder.METADATA).unlink()
    with suppress(OSError):  # something else lies there
        folder.rmdir()


def _strays(writer: imagefolder.Writer) -> Iterator[Path]:
    """Pictures of ours that no row names: dropped ones, now or by an export that was killed."""
    for path in writer.folder.iterdir():
        if _OURS.fullmatch(path.name) and path.name not in writer.names:
            yield path


def _is_ours(row: dict[str, Any]) -> bool:
    return bool(_OURS.fullmatch(row["file_name"])) and str(row.get("source", "")).startswith(_SOURCE)


def _goes_as_it_is(image: Image) -> bool:
    return image.format in READABLE and image.width * image.height <= MOST_PIXELS


def _name(image: Image) -> str:
    return f"{image.uuid}.{FORMATS[image.format].extension if _goes_as_it_is(image) else 'webp'}"


def _bytes(image: Image) -> bytes:
    """The original, or else the largest rendition. Raises FileNotFoundError where it is not there."""
    if _goes_as_it_is(image):
        with image.original.open("rb") as file:
            return bytes(file.read())
    largest = max(image.renditions.all(), key=lambda rendition: rendition.width * rendition.height, default=None)
    if largest is None:
        raise FileNotFoundError(image.original.name)
    with largest.file.open("rb") as file:
        return bytes(file.read())
