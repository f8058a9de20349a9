"""What a file is, found by decoding it from beginning to end; done by `gallery.decoder`."""

from dataclasses import dataclass
from datetime import datetime
from typing import IO

from gallery import pictures
from gallery.embedded import read_caption
from gallery.metadata import Camera, Position, read_metadata

_PROBE_SIDE = 64  # pixels


@dataclass(frozen=True)
class Inspection:
    """`width` and `height` are pixels as shown (orientation applied)."""

    format: str  #: the name in formats.FORMATS
    width: int
    height: int
    frames: int
    taken_at: datetime | None
    camera: Camera
    orientation: int
    gps: Position | None
    caption: str  #: that somebody wrote into the file


def inspect_picture(file: IO[bytes]) -> Inspection:
    """Everything about a picture, decoded from beginning to end. Raises UploadRefused."""
    source, kind = pictures.open_source(file)
    size = source.size
    if kind.name == "JPEG":
        # Every byte is still read, but only one pixel of 64 computed: a third of the time.
        source.draft(None, (1, 1))
    with pictures.in_turn(size):
        decoded = pictures.decode_fully(source, kind)
        first = next(decoded)
        with pictures.refusing_broken(kind):
            pictures.render(first, max_side=_PROBE_SIDE)  # what can't be shown is refused now, not by the worker later
        metadata, caption = read_metadata(first), read_caption(first)
        frames = 1 + sum(1 for _ in decoded)
    width, height = pictures.upright_size(size, metadata.orientation)
    return Inspection(
        format=kind.name,
        width=width,
        height=height,
        frames=frames,
        taken_at=metadata.taken_at,
        camera=metadata.camera,
        orientation=metadata.orientation,
        gps=metadata.gps,
        caption=caption,
    )
