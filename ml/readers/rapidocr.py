"""PP-OCRv6 (small) by the package rapidocr: one network finds lines, one turns them upright, one reads them.

They are three ONNX files of the package's wheel (Apache-2.0), run by ONNX Runtime on the CPU; nothing is fetched.
"""

import hashlib
import threading
import unicodedata
from collections.abc import Sequence
from importlib.metadata import version
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL.Image import Image

from ml.errors import ModelNotFound
from ml.files import verify_sha256
from ml.interfaces import Corner, ModelInfo, TextLine
from ml.readers.order import in_reading_order
from ml.runtime import threads

PACKAGES = ("rapidocr", "onnxruntime")
WEIGHTS = {
    "Det": ("PP-OCRv6_det_small.onnx", "090f04abcd9d9a7498bc4ebf677e4cb9bdce1fe4197ddb7e529f1ef44e1ff94f"),
    "Cls": ("ch_ppocr_mobile_v2.0_cls_mobile.onnx", "e47acedf663230f8863ff1ab0e64dd2d82b838fceb5957146dab185a89d6215c"),
    "Rec": ("PP-OCRv6_rec_small.onnx", "6f327246b50388f3c176ae304bd95767ea6dc0c9ae92153ef8cbe210b3c14884"),
}
# How each network sees a picture: the first by bands, the others, who get single lines, from left to right.
PIECES: dict[str, dict[str, Any]] = {
    "Det": {"pixels": 512_000, "margin": 32, "axes": (2, 2)},
    "Cls": {"pixels": 48 * 192, "margin": 0, "axes": (3, 1)},  # never cut
    "Rec": {"pixels": 48 * 1_600, "margin": 96, "axes": (3, 1), "shrinks": 8},
}

LONGEST = 1_600  #: pixels of the longer side; a larger picture is scaled down to it, a smaller one is read as it is
SURE_FROM = 0.8  #: confidence of a line below which it is dropped: docs/models.md says what that costs and spares
FEWEST = 2  #: letters and digits; single ones are seen in faces and windows far more often than they are written
TALL = 1.5  #: height / width from which rapidocr takes a line to run downwards


class RapidOCRReader:
    """Implements ml.interfaces.TextReader. Safe to call from several threads at once; they take turns."""

    def __init__(self, engine: Any, longest: int, info: ModelInfo) -> None:
        self.info = info
        self._engine = engine
        self._longest = longest
        self._turn = threading.Lock()

    @classmethod
    def load(cls, *, longest: int = LONGEST, sure_from: float = SURE_FROM) -> "RapidOCRReader":
        """Load the networks. Raises ModelNotFound where a package or file is missing, ModelCorrupt for another file."""
        missing = [package for package in PACKAGES if find_spec(package) is None]
        if missing:
            raise ModelNotFound(
                f"Text in pictures is read by {' and '.join(PACKAGES)}, and {' and '.join(missing)} is not installed; "
                "run `pip install --constraint constraints.txt '.[text]'`."
            )
        import rapidocr
        from omegaconf import flag_override

        from ml.readers.pieces import Detector, PiecewiseSession

        folder = Path(rapidocr.__file__).parent / "models"
        options: dict[str, Any] = {
            "Global.log_level": "critical",
            "Global.text_score": sure_from,
            "Global.return_word_box": True,  # tells words apart, of which the reader often forgets the space between
            "Global.use_preprocess_img": False,  # which would enlarge a picture of 1,600 x 1 to 48,000 x 32
            "Rec.rec_batch_num": 1,  # six long lines at once take 150 MB more for their scores, and no less time
        }
        engine = rapidocr.RapidOCR(params=options)
        with flag_override(engine.cfg, "allow_objects", True):
            for role, (name, digest) in WEIGHTS.items():
                verify_sha256(folder / name, digest)
                engine.cfg[role].session = PiecewiseSession(folder / name, threads=threads.count(), **PIECES[role])
        engine.text_det = Detector(engine.cfg.Det)
        weights = hashlib.sha256("".join(digest for _, digest in WEIGHTS.values()).encode()).hexdigest()
        info = ModelInfo("rapidocr", version("rapidocr"), weights, f"side-{longest}-sure-{sure_from}")
        return cls(engine, longest, info)

    def read(self, images: Sequence[Image]) -> list[list[TextLine]]:
        """Read RGB pictures of any size: the lines of each, in reading order."""
        return [self._read(image) for image in images]

    def _read(self, image: Image) -> list[TextLine]:
        small = scaled(image, self._longest)
        pixels = np.ascontiguousarray(np.asarray(small)[:, :, ::-1])  # OpenCV's order of colours
        with self._turn:
            found = self._engine(pixels)
        texts = getattr(found, "txts", None)  # absent, or None, where there is nothing to read
        if texts is None:
            return []
        lines = [
            TextLine(_spaced(text.strip(), [word for word, *_ in words]), float(score), _corners(box, small.size))
            for text, score, box, words in zip(texts, found.scores, found.boxes, found.word_results, strict=True)
            if sum(character.isalnum() for character in text) >= FEWEST
        ]
        return in_reading_order(lines)


def scaled(image: Image, longest: int) -> Image:
    """The picture, or a smaller one whose longer side has `longest` pixels."""
    if max(image.size) <= longest:
        return image
    small = image.copy()
    small.thumbnail((longest, longest))
    return small


def _spaced(text: str, words: Sequence[str]) -> str:
    """A line with a space, where there is none, also between words that lie apart: "GRANDHOTEL" is seldom one. Not
    between letters that are spaced out, nor beside Chinese and Japanese, which need none."""
    if "".join(words) != "".join(text.split()):
        return text
    spaced, at = "", 0
    for before, word in pairwise(["", *words]):
        start = text.index(word, at)
        lies_apart = start == at and min(len(before), len(word)) > 1 and _is_narrow(before[-1]) and _is_narrow(word[0])
        spaced += f"{' ' if lies_apart else text[at:start]}{word}"
        at = start + len(word)
    return spaced


def _is_narrow(character: str) -> bool:
    return unicodedata.east_asian_width(character) not in ("W", "F")


def _corners(box: npt.NDArray[np.float32], size: tuple[int, int]) -> tuple[Corner, Corner, Corner, Corner]:
    """The corners of a box, (4, 2) in pixels, clockwise from its top left in the picture, as those of its line."""
    width, height = np.linalg.norm(box[1] - box[0]), np.linalg.norm(box[3] - box[0])
    if height >= TALL * width:
        box = np.roll(box, -1, axis=0)
    first, second, third, fourth = ((float(x), float(y)) for x, y in (box / np.array(size)).clip(0.0, 1.0))
    return first, second, third, fourth
