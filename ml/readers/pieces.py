"""Networks of ONNX Runtime that look at a picture piece by piece, so that a piece bounds the memory they take.

Pieces overlap, and what a network says near a cut is taken from the piece that sees more there.
"""

from collections.abc import Callable, Mapping, Sequence
from math import ceil
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import numpy.typing as npt
import onnxruntime
from rapidocr.ch_ppocr_det import TextDetector

UNIT = 32  #: pixels; a network halves what it sees up to five times


class Piece(NamedTuple):
    """A piece of an axis: what the network sees, and where in it that begins and ends which counts."""

    seen: slice
    first: int
    last: int


def pieces(length: int, most: int, margin: int) -> list[Piece]:
    """Pieces of about the same length, none longer than `most`, that cover an axis; each sees at least `margin` more
    than what counts of it, but for the ends. All but the last end are multiples of UNIT, as `most` and `margin` are.
    """
    if length <= most:
        return [Piece(slice(0, length), 0, length)]
    inner = length - 2 * margin
    step = ceil(inner / ceil(inner / (most - 2 * margin)) / UNIT) * UNIT
    found = []
    for start in range(0, inner, step):
        stop = min(start + step + 2 * margin, length)
        last = stop - start - (0 if stop == length else margin)
        found.append(Piece(slice(start, stop), margin if start else 0, last))
    return found


class PiecewiseSession(onnxruntime.InferenceSession):  # type: ignore[misc]  # of a package without types
    """A session of one input, (1, 3, height, width) in [-1, 1], and one output; between pictures it keeps no memory."""

    def __init__(
        self, path: Path, *, threads: int, pixels: int, margin: int, axes: tuple[int, int], shrinks: int = 1
    ) -> None:
        """It sees up to `pixels` at once, of which the `margin` at each cut doesn't count. `axes`: that of the input
        which is cut, and that of the output which is as long, or `shrinks` times shorter."""
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 4
        options.enable_mem_pattern = False  # it would plan, and hold, memory anew for each size of a piece
        super().__init__(str(path), options, providers=["CPUExecutionProvider"])
        self._pixels, self._margin, self._axes, self._shrinks = pixels, margin, axes, shrinks
        self._last = onnxruntime.RunOptions()
        self._last.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")

    def run(
        self, output_names: Sequence[str], input_feed: Mapping[str, npt.NDArray[Any]], run_options: Any = None
    ) -> list[npt.NDArray[np.float32]]:
        """As InferenceSession.run, of which rapidocr uses this much; also takes bytes, 0 for -1 and 255 for 1."""
        ((name, picture),) = input_feed.items()
        cut, joined = self._axes
        length = picture.shape[cut]
        most = max(self._pixels * length // picture[0, 0].size // UNIT * UNIT, 4 * self._margin)
        parts = []
        for piece in pieces(length, most, self._margin):
            seen = _part(picture, cut, piece.seen)
            if seen.dtype == np.uint8:  # in float32, all of it would take four times the memory
                seen = seen.astype(np.float32) / 127.5 - 1.0
            is_last = piece.seen.stop == length
            (said,) = super().run(
                output_names, {name: np.ascontiguousarray(seen)}, self._last if is_last else run_options
            )
            end = None if is_last else piece.last // self._shrinks
            parts.append(_part(said, joined, slice(piece.first // self._shrinks, end)))
        return [np.concatenate(parts, axis=joined) if len(parts) > 1 else parts[0]]


class Detector(TextDetector):  # type: ignore[misc]  # as above
    """rapidocr's detector, with a PiecewiseSession, which gets bytes: to make eight of each took 140 MB."""

    def get_preprocess(self) -> Callable[[npt.NDArray[np.uint8]], npt.NDArray[np.uint8] | None]:
        return _prepared


def _prepared(picture: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8] | None:
    """(height, width, 3) as (1, 3, height, width), sides the nearest multiples of UNIT; None at no side."""
    height, width = (round(side / UNIT) * UNIT for side in picture.shape[:2])
    if not (height and width):
        return None
    return cv2.resize(picture, (width, height)).astype(np.uint8, copy=False).transpose(2, 0, 1)[None]


def _part(array: npt.NDArray[Any], axis: int, part: slice) -> npt.NDArray[Any]:
    return array[(slice(None),) * axis + (part,)]
