"""WebP files of pictures, still and moving."""

import io
from typing import IO, Any, NamedTuple

from PIL import Image as PILImage

from gallery import pictures

QUALITY = 80
# WebP's effort, 0 to 6: at 2 files are 3 to 5 % larger than at 4, and take half the time; at 0 they are 15 to 20 %
# larger than at 2, look as good, and take six tenths of the time.
EFFORT, LEAST_EFFORT = 2, 0
# Browsers show frames that claim 10 ms or less for 100 ms; so do we.
SHORTEST_FRAME = 10
DEFAULT_FRAME = 100
LONGEST_FRAME = 60_000


class Moving(NamedTuple):
    """An animation: width and height in pixels, and its file."""

    size: tuple[int, int]
    content: bytes


def encode(picture: PILImage.Image, *, effort: int = EFFORT, **options: Any) -> bytes:
    """The bytes of a WebP file."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=QUALITY, method=effort, **options)
    return buffer.getvalue()


def animate(file: IO[bytes], *, max_side: int) -> Moving:
    """All frames of an animation, none above `max_side` (pixels). They are held in memory while they are encoded.

    Raises UploadRefused when the file is no picture that we can show.
    """
    frames: list[PILImage.Image] = []
    durations: list[int] = []
    source, kind = pictures.open_source(file)
    loop = _whole(source.info.get("loop", 1))
    screen = source.size
    with pictures.in_turn(screen):
        for frame in pictures.decode_fully(source, kind):
            # What a frame has outside of the screen is not seen.
            seen = frame if frame.size == screen else frame.crop((0, 0, *screen))
            frames.append(pictures.render(seen, max_side=max_side))
            duration = _whole(frame.info.get("duration", 0))
            durations.append(min(duration, LONGEST_FRAME) if duration > SHORTEST_FRAME else DEFAULT_FRAME)
    options: dict[str, Any] = {"save_all": True, "append_images": frames[1:], "duration": durations, "loop": loop}
    return Moving(frames[0].size, encode(frames[0], **options))


def _whole(number: object) -> int:
    """A number that a file gives, in what WebP can say; 0 where it is none."""
    try:
        return min(max(0, round(float(str(number)))), 0xFFFF)
    except (ValueError, OverflowError):
        return 0
