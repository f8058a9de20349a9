"""What is found of each picture by itself, and the journal that lets a run go on where it was stopped."""

import fcntl
import json
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

from PIL import Image as PILImage
from PIL import ImageOps, UnidentifiedImageError

from ml.datasets.cleaning.captions import normalise
from ml.datasets.cleaning.near_duplicates import Look
from ml.datasets.cleaning.rules import Rules, faulty_shape
from ml.datasets.examples import Example
from ml.errors import DatasetError
from ml.interfaces import ImageTextEncoder

BATCH = 32
SIDE = 1024  #: pixels of the longer side, to which pictures are shrunk: a batch of photos would fill the memory


class Fault(NamedTuple):
    """Why a picture or one caption of it is left out."""

    reason: str
    detail: str
    caption: str | None = None  #: as it was written; None where it is the whole picture


@dataclass(frozen=True)
class Verdict:
    """What is kept of an example."""

    captions: tuple[str, ...]  #: normalised
    look: Look | None  #: None where the picture is left out
    pixels: int
    faults: tuple[Fault, ...]

    def line(self) -> bytes:
        """As a row of the journal."""
        look = self.look.to_hex() if self.look else None
        return json.dumps([self.captions, look, self.pixels, self.faults]).encode() + b"\n"

    @classmethod
    def of_line(cls, line: bytes) -> "Verdict":
        """From such a row. Raises ValueError or TypeError where it is none."""
        captions, look, pixels, faults = json.loads(line)
        return cls(tuple(captions), look and Look.from_hex(look), int(pixels), tuple(Fault(*fault) for fault in faults))


@dataclass(frozen=True)
class Inspection:
    """Looks at pictures one by one."""

    rules: Rules
    encoder: ImageTextEncoder | None
    threshold: float | None  #: cosine that a caption and its picture must reach

    def verdicts(self, examples: Sequence[Example]) -> list[Verdict]:
        """Judge a batch: one verdict an example, in their order."""
        faults: list[list[Fault]] = []
        captions: list[list[str]] = []
        images: list[PILImage.Image | None] = []
        pixels: list[int] = []
        for example in examples:
            image, size, fault = self._open(example.path)
            kept, left_out = self._captions(example) if fault is None else ([], [fault])
            images.append(image if kept else None)
            captions.append(kept)
            faults.append(left_out if kept or fault else [*left_out, Fault("no caption left", "")])
            pixels.append(size)
        self._compare(images, captions, faults)
        return [
            Verdict(tuple(kept), Look.at(image) if image and kept else None, size, tuple(left_out))
            for image, kept, size, left_out in zip(images, captions, pixels, faults, strict=True)
        ]

    def _open(self, path: Path) -> tuple[PILImage.Image | None, int, Fault | None]:
        """The picture, small; how many pixels it has; or why it is left out."""
        try:
            with warnings.catch_warnings(action="ignore"), PILImage.open(path) as file:
                size = file.width * file.height
                if fault := faulty_shape(file.size, self.rules):
                    return None, size, Fault(*fault)
                if file.mode.startswith(("I", "F")):  # `convert` would turn most of them white
                    return None, size, Fault("unreadable", f"more than 8 bits a pixel and colour (mode {file.mode})")
                file.draft(None, (SIDE, SIDE))
                image = ImageOps.exif_transpose(file).convert("RGB")
                image.thumbnail((SIDE, SIDE), reducing_gap=2.0)
                return image, size, None
        except PILImage.DecompressionBombError as error:  # Pillow's own limit: nothing else here could open it either
            return None, 0, Fault("too large", str(error))
        except Exception as error:  # noqa: BLE001 - what Pillow's decoders raise of damaged files has no common root
            return None, 0, Fault("unreadable", _said(error))

    def _captions(self, example: Example) -> tuple[list[str], list[Fault]]:
        """Those captions that are good by themselves, normalised; and why the others are not."""
        kept: dict[str, str] = {}
        faults = []
        for written in example.captions:
            caption = normalise(written)
            said = caption.casefold().rstrip(".")
            fault = ("same caption", "") if said in kept else self.rules.captions.fault(caption)
            if fault is None:
                kept[said] = caption
            else:
                faults.append(Fault(*fault, caption=written))
        return list(kept.values()), faults

    def _compare(
        self, images: Sequence[PILImage.Image | None], captions: list[list[str]], faults: list[list[Fault]]
    ) -> None:
        """Move those captions that the encoder doesn't find in their pictures to the faults."""
        places = [place for place, image in enumerate(images) if image is not None]
        if self.encoder is None or self.threshold is None or not places:
            return
        vectors = self.encoder.encode_images([image for image in images if image is not None])
        texts = iter(self.encoder.encode_texts([caption for place in places for caption in captions[place]]))
        for place, vector in zip(places, vectors, strict=True):
            kept = []
            for caption in captions[place]:
                if (cosine := float(next(texts) @ vector)) >= self.threshold:
                    kept.append(caption)
                else:
                    faults[place].append(Fault("does not match", f"{cosine:.3f}", caption))
            captions[place] = kept
            if not kept:
                faults[place].append(Fault("no caption left", ""))


def _said(error: Exception) -> str:
    """Why a picture cannot be read, without the folders of this machine."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file"
    if isinstance(error, UnidentifiedImageError):
        return "no picture, or of a kind that Pillow does not know"
    return f"{type(error).__name__}: {error}"


class Journal:
    """The verdicts so far, one a line in the order of the examples; may be killed at any moment and opened again.

    It grows by whole batches: an encoder's last digits depend on what a picture is encoded with, and a run that was
    stopped shall end as one that was not.
    """

    def __init__(self, path: Path, batch: int = BATCH) -> None:
        """Open or begin a journal. Raises DatasetError where another process writes it."""
        self._file = path.open("a+b", buffering=0)
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            self._file.close()
            raise DatasetError(f"Another process is writing {path.parent}; wait until it is done.") from error
        self.verdicts: list[Verdict] = []
        self._read(path, batch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: Any, trace: TracebackType | None) -> None:
        self._file.close()

    def add(self, verdicts: Sequence[Verdict]) -> None:
        """Note a batch."""
        lines = b"".join(verdict.line() for verdict in verdicts)
        while lines:
            lines = lines[self._file.write(lines) :]
        self.verdicts += verdicts

    def _read(self, path: Path, batch: int) -> None:
        """Read whole batches, and cut what follows them."""
        ends = [0]
        with path.open("rb") as file:
            for line in file:
                try:
                    self.verdicts.append(Verdict.of_line(line))
                except (ValueError, TypeError):
                    break
                ends.append(ends[-1] + len(line))
        whole = len(self.verdicts) // batch * batch
        del self.verdicts[whole:]
        self._file.truncate(ends[whole])
