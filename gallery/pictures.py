"""Files become pixels here and nowhere else: identified by content, checked before decoding, upright, in sRGB.

The limits are checked by us on every header and every frame, with numbers of this site's own; Pillow's guard only
warns up to twice its number, and knows one number for every program.
"""

import io
import math
import struct
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import cache
from itertools import chain, product
from typing import IO

from django.conf import settings
from django.utils.formats import number_format
from django.utils.translation import gettext as _
from PIL import Image as PILImage
from PIL import ImageChops, ImageCms, ImageFile, PngImagePlugin

from gallery.exceptions import UploadRefused
from gallery.formats import Format, identify, refuse_raw
from gallery.metadata import read_orientation
from gallery.wording import grouped

PILImage.MAX_IMAGE_PIXELS = None
# Editors keep megabytes of history in PNG texts. What guards the memory is the limit on all texts together (64 MB).
PngImagePlugin.MAX_TEXT_CHUNK = PngImagePlugin.MAX_TEXT_MEMORY

# Everything that Pillow and pillow-heif raise for a file that is damaged, cut short or malicious. (OSError with an
# errno is the disk's fault, not the file's, and is let through.)
_BROKEN = (
    OSError,
    SyntaxError,
    ValueError,
    EOFError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    AssertionError,
    struct.error,
    zlib.error,
)
_UPRIGHT = {
    2: PILImage.Transpose.FLIP_LEFT_RIGHT,
    3: PILImage.Transpose.ROTATE_180,
    4: PILImage.Transpose.FLIP_TOP_BOTTOM,
    5: PILImage.Transpose.TRANSPOSE,
    6: PILImage.Transpose.ROTATE_270,
    7: PILImage.Transpose.TRANSVERSE,
    8: PILImage.Transpose.ROTATE_90,
}
# Decoded, the largest picture that the limits let in takes half a gigabyte: those take turns, and are made smaller band
# by band, since each further copy would take as much again.
_LARGE_PIXELS = 25_000_000
_BAND_PIXELS = 1_000_000
_GAP = 1.2  # what is left to a good filter, of what a quick one begins
_SAMPLE_SIDE = 512
# Pixels on the longer side that renditions and models work from: the largest rendition needs them, and no model needs
# more but the one that reads text.
WORKING_SIDE, READING_SIDE = 1_280, 1_600
_turns: Callable[[], AbstractContextManager[object]] = nullcontext
_SIDEWAYS = 5  # from this EXIF orientation on, width and height change places
_IMPERCEPTIBLE = 2  # of 255
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK", "LAB": "LAB"}


def open_picture(file: IO[bytes], *, max_side: int | None = None) -> PILImage.Image:
    """The picture as people should see it: decoded, upright, in sRGB, without metadata; the first frame of several.

    The mode is RGBA where something is see-through, else RGB. With `max_side` (pixels) it is scaled down to that long
    side, and a JPEG is decoded at a fraction of its size, which is several times faster.
    Raises UploadRefused when the file is no picture that we can show.
    """
    source, kind = open_source(file)
    with refusing_broken(kind):
        if max_side is not None and kind.name == "JPEG":
            source.draft(None, fit(source.size, max_side))
        with in_turn(source.size):
            source.load()
            return render(source, max_side=max_side, is_last=True)


def open_source(file: IO[bytes]) -> tuple[ImageFile.ImageFile, Format]:
    """Pillow's view of a file, with the header read and its size within the limits, but nothing decoded yet.

    Raises UploadRefused.
    """
    file.seek(0)
    kind = identify(file.read(512))
    if kind.name == "HEIF":
        _register_heif()
    with refusing_broken(kind):
        # Only the decoder of that one format is asked: the others' bugs stay out of reach.
        source = PILImage.open(file, formats=[kind.name])
        refuse_raw(source)
    check_size(*source.size)
    return source, kind


def decode_fully(source: ImageFile.ImageFile, kind: Format) -> Iterator[PILImage.Image]:
    """Decodes and yields `source` at each of its frames in turn: one, or those of an animation.

    Raises UploadRefused when a frame is damaged, or there are more of them than the limits allow.
    """
    limits = settings.GALLERY_LIMITS
    frames = pixels = 0
    while True:
        with refusing_broken(kind):
            try:
                source.seek(frames)
            except EOFError:
                return
            check_size(*source.size)
            source.load()
        frames += 1
        pixels += source.width * source.height
        if frames > limits["frames"]:
            raise UploadRefused(
                _("This animation has more than %(frames)s frames, which is the limit.")
                % {"frames": grouped(limits["frames"])}
            )
        if pixels > limits["animation_pixels"] and frames > 1:
            limit = in_millions(limits["animation_pixels"])
            raise UploadRefused(
                _("The frames of this animation have more than %(limit)s megapixels together, which is the limit.")
                % {"limit": limit}
            )
        yield source
        if not kind.animates:
            return


def is_large(size: tuple[int, int]) -> bool:
    """Whether a picture of this size (pixels) takes so much memory that others have to wait for it."""
    return size[0] * size[1] > _LARGE_PIXELS


def in_turn(size: tuple[int, int]) -> AbstractContextManager[object]:
    """Wait until nobody else decodes a large picture, when one of this size (pixels) is large itself."""
    return _turns() if is_large(size) else nullcontext()


def take_turns(turns: Callable[[], AbstractContextManager[object]]) -> None:
    """How those who decode large pictures wait for each other, from now on: decoders are several processes."""
    global _turns  # noqa: PLW0603  a process is told once, as it starts
    _turns = turns


def check_size(width: int, height: int) -> None:
    """Raises UploadRefused when a picture of this size (pixels) is over the limits."""
    limits = settings.GALLERY_LIMITS
    if (side := max(width, height)) > limits["side"]:
        too_large = (
            _("This picture is %(side)s pixels wide; the limit is %(limit)s.")
            if width >= height
            else _("This picture is %(side)s pixels high; the limit is %(limit)s.")
        )
        raise UploadRefused(too_large % {"side": grouped(side), "limit": grouped(limits["side"])})
    if width * height > limits["pixels"]:
        raise UploadRefused(
            _("This picture has %(number)s megapixels; the limit is %(limit)s.")
            % {"number": in_millions(width * height), "limit": in_millions(limits["pixels"])}
        )


def in_millions(number: int) -> str:
    """Pixels or bytes in millions, for people: rounded up, so that what is over a limit reads so."""
    tenths = math.ceil(number / 100_000)
    return number_format(tenths / 10, decimal_pos=1 if tenths % 10 else 0, force_grouping=True)


def render(frame: PILImage.Image, *, max_side: int | None = None, is_last: bool = False) -> PILImage.Image:
    """A decoded frame as people should see it: see `open_picture`. `is_last`: nobody needs the frame afterwards, and
    the memory of a large one is given back on the way."""
    method = _UPRIGHT.get(read_orientation(frame))
    picture = _to_srgb(frame, max_side, is_last)
    if method is not None:
        picture = picture.transpose(method)
    picture.info = {}  # Pillow's writers copy profiles and comments from here
    return picture


def upright_size(size: tuple[int, int], orientation: int) -> tuple[int, int]:
    """Width and height (pixels) once this EXIF orientation is applied."""
    return (size[1], size[0]) if orientation >= _SIDEWAYS else size


def shrink(picture: PILImage.Image, max_side: int, *, of: tuple[int, int] | None = None) -> PILImage.Image:
    """The picture with its long side at `max_side` pixels; never enlarged. One that is itself smaller than what it is
    a copy `of` gets the size that this would get: rounded twice, it may differ by a pixel."""
    return _resized(picture, fit(of or picture.size, min(max_side, max(picture.size))))


def _resized(picture: PILImage.Image, size: tuple[int, int]) -> PILImage.Image:
    if size == picture.size:
        return picture
    return picture.resize(size, PILImage.Resampling.LANCZOS, reducing_gap=2.0)


def fit(size: tuple[int, int], max_side: int) -> tuple[int, int]:
    """`size` scaled down to a long side of `max_side`, in its own aspect; at least one pixel each way."""
    scale = min(1.0, max_side / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


def flatten(picture: PILImage.Image) -> PILImage.Image:
    """The picture as RGB, over white where it was see-through: what models are given. One that is RGB comes back."""
    if picture.mode == "RGB":
        return picture
    if picture.mode != "RGBA":
        return picture.convert("RGB")
    flat = PILImage.new("RGB", picture.size, "white")
    flat.paste(picture, mask=picture.getchannel("A"))
    return flat


@contextmanager
def refusing_broken(kind: Format) -> Iterator[None]:
    """Turns what Pillow raises for a bad file into UploadRefused with a sentence for people."""
    try:
        yield
    except MemoryError as error:
        raise UploadRefused(_("This picture is too large to be opened here.")) from error
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise UploadRefused(_("This %(format)s file is damaged or cut short.") % {"format": kind.label}) from error


@cache
def _register_heif() -> None:
    """HEIC is rare enough that its decoder is loaded when the first such file comes."""
    import pillow_heif  # noqa: PLC0415

    pillow_heif.register_heif_opener(decode_threads=1, thumbnails=False, depth_images=False, aux_images=False)


def _to_srgb(frame: PILImage.Image, max_side: int | None, is_last: bool) -> PILImage.Image:
    """RGB or RGBA in sRGB, whatever the mode, depth and profile were; scaled down first, since colours cost more."""
    see_through = frame.has_transparency_data
    tones = _tones(frame)
    size = frame.size

    def simple(part: PILImage.Image) -> PILImage.Image:
        if see_through:
            return part.convert("LA" if part.mode in {"LA", "La"} else "RGBA")
        return _eight_bits(part, tones)

    if max_side is None:
        picture = simple(frame)
    elif is_large(size):
        picture = _in_bands(frame, simple, max_side)
        if is_last:
            frame.close()
        picture = _resized(picture, fit(size, max_side))
    else:
        picture = _resized(simple(frame), fit(size, max_side))
    alpha = picture.getchannel("A") if see_through else None
    picture = _managed(_eight_bits(picture, tones), frame.info.get("icc_profile"))
    if picture.mode != "RGB" or picture is frame:
        picture = picture.convert("RGB")
    if alpha is not None and alpha.getextrema() != (255, 255):
        picture.putalpha(alpha)
    return picture


def _in_bands(
    frame: PILImage.Image, simple: Callable[[PILImage.Image], PILImage.Image], max_side: int
) -> PILImage.Image:
    """`simple(frame)`, made smaller by a whole number, to _GAP times `max_side` (pixels) or more; never held whole."""
    width, height = frame.size
    factor = max(1, int(max(frame.size) / (_GAP * max_side)))
    rows = factor * max(1, _BAND_PIXELS // (width * factor))
    tops = range(0, height, rows)
    small = (simple(frame.crop((0, top, width, min(top + rows, height)))).reduce(factor) for top in tops)
    first = next(small)
    whole = PILImage.new(first.mode, (first.width, -(-height // factor)))
    for top, band in zip(tops, chain((first,), small), strict=True):
        whole.paste(band, (0, top // factor))
    return whole


def _tones(frame: PILImage.Image) -> tuple[float, float]:
    """The darkest and the brightest of measurements. What is infinite, or no number at all, has no tone; where there
    is such a thing, a sample stands for the rest."""
    if frame.mode not in {"I", "F"}:
        return 0.0, 0.0
    bounds = [float(bound) for bound in frame.getextrema()]  # type: ignore[arg-type]
    if not all(map(math.isfinite, bounds)):
        sample = frame.resize(fit(frame.size, _SAMPLE_SIDE), PILImage.Resampling.NEAREST).get_flattened_data()
        bounds = [value for value in sample if isinstance(value, float) and math.isfinite(value)] or [0.0]
    return min(bounds), max(bounds)


def _eight_bits(picture: PILImage.Image, tones: tuple[float, float]) -> PILImage.Image:
    """The colours alone, 8 bits a channel, in one of the modes L, RGB, CMYK and LAB."""
    match picture.mode:
        case "L" | "RGB" | "CMYK" | "LAB":
            return picture
        case "1" | "LA":
            return picture.convert("L")
        case "I;16" | "I;16B" | "I;16L" | "I;16N":
            # `convert("L")` alone would clip everything above 255 to white.
            return picture.convert("I").point(lambda value: value * (1 / 257)).convert("L")
        case "I" | "F":
            # Measurements rather than colours: from the darkest to the brightest.
            low, high = tones
            scale = 255 / (high - low) if high > low else 0.0
            return picture.convert("F").point(lambda value: value * scale - low * scale).convert("L")
        case _:
            return picture.convert("RGB")


def _managed(colours: PILImage.Image, icc_profile: bytes | None) -> PILImage.Image:
    """The colours in sRGB by way of the embedded profile. An unusable profile counts as none, as in browsers."""
    if colours.mode == "LAB":
        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB"))
    elif icc_profile:
        try:
            profile = ImageCms.ImageCmsProfile(io.BytesIO(icc_profile))
        except (OSError, ImageCms.PyCMSError):
            return colours
    else:
        return colours
    mode = _PROFILE_MODES.get(profile.profile.xcolor_space.strip())
    if mode == "RGB" and colours.mode == "L":
        colours = colours.convert("RGB")
    if mode != colours.mode:
        return colours
    try:
        to_srgb = ImageCms.buildTransform(profile, _srgb(), mode, "RGB")
        if mode == "RGB" and _is_neutral(to_srgb):
            return colours
        return ImageCms.applyTransform(colours, to_srgb) or colours
    except ImageCms.PyCMSError:
        return colours


def _is_neutral(transform: ImageCms.ImageCmsTransform) -> bool:
    """Whether no colour changes by more than the eye can tell. Most profiles are sRGB itself, whatever they are called,
    and 500 colours tell that in a hundredth of the time that a whole picture takes (100 ms at 1600 px)."""
    probe = _probe()
    changed = ImageChops.difference(probe, ImageCms.applyTransform(probe, transform) or probe)
    return all(high <= _IMPERCEPTIBLE for _, high in changed.getextrema())  # type: ignore[misc]


@cache
def _probe() -> PILImage.Image:
    """Eight levels of each channel in every combination."""
    levels = range(0, 256, 36)
    return PILImage.frombytes("RGB", (len(levels) ** 3, 1), bytes(chain.from_iterable(product(levels, repeat=3))))


@cache
def _srgb() -> ImageCms.ImageCmsProfile:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
