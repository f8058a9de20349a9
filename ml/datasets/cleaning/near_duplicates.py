"""Pictures that are the same to the eye, found by perceptual hash.

pHash and dHash (64 bits each; by ImageHash) together, confirmed by a tiny thumbnail: flat pictures of any colour share
a hash. Measured on 500 photos of Flickr8k: re-encoded, halved, enlarged, brightened by 15 % or with 4 % cropped, all
lie within 20 of 128 bits, with 6 % cropped 98 in 100, with 5 % off one edge 84; mirrored, none. Of the 33 million
pairs of its photos one lies within 20, a photo that it has twice; the next, at 22, is the same person a moment later.
Source: Zauner 2010, https://www.phash.org/docs/pubs/thesis_zauner.pdf
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from PIL.Image import Image, Resampling

DISTANCE = 20  #: bits of 128 by which two hashes of one picture may differ
COLOURS = 32.0  #: mean difference of two thumbnails, of 255, up to which they may be one picture
_SIDE = 8
_BYTES = 16  #: of a hash
_CHUNK = 1_000  #: hashes that are compared with all at a time


@dataclass(frozen=True)
class Look:
    """What a picture looks like."""

    hash: npt.NDArray[np.uint8]  #: (16,), 128 bits
    colours: npt.NDArray[np.uint8]  #: (8, 8, 3)

    @classmethod
    def at(cls, image: Image) -> "Look":
        """Look at an RGB picture."""
        import imagehash

        small = image.resize((_SIDE, _SIDE), Resampling.BOX, reducing_gap=2.0)
        bits = np.concatenate([imagehash.phash(image).hash.ravel(), imagehash.dhash(image).hash.ravel()])
        return cls(np.packbits(bits), np.asarray(small))

    def to_hex(self) -> str:
        """As text."""
        return (self.hash.tobytes() + self.colours.tobytes()).hex()

    @classmethod
    def from_hex(cls, text: str) -> "Look":
        """From that text. Raises ValueError where it is none."""
        content = np.frombuffer(bytes.fromhex(text), dtype=np.uint8)
        return cls(content[:_BYTES], content[_BYTES:].reshape(_SIDE, _SIDE, 3))


def copies(looks: Sequence[Look], *, distance: int = DISTANCE) -> dict[int, tuple[int, int]]:
    """Which pictures to leave out so that no two resemble each other: number -> (the one kept, bits between them).

    Pictures come with those first that are rather kept.
    """
    import faiss

    first: dict[str, int] = {}  # a placeholder that a set holds ten thousand times would give a hundred million pairs
    firsts = [first.setdefault(look.to_hex(), number) for number, look in enumerate(looks)]
    numbers = np.array([*first.values()], dtype=np.int64)
    if not len(numbers):
        return {}
    hashes = np.stack([looks[number].hash for number in numbers])
    colours = np.stack([looks[number].colours.ravel() for number in numbers]).astype(np.int16)
    index = faiss.IndexBinaryFlat(8 * _BYTES)  # 7 s for 100,000 on one thread; a multi-index hash took longer
    index.add(hashes)
    kept = np.ones(len(numbers), dtype=bool)
    dropped: dict[int, tuple[int, int]] = {}
    for start in range(0, len(numbers), _CHUNK):
        limits, distances, found = index.range_search(hashes[start : start + _CHUNK], distance + 1)  # exclusive
        for row, (low, high) in enumerate(pairwise(limits.tolist()), start):
            others, bits = found[low:high], distances[low:high]
            near = (others < row) & kept[others]
            others, bits = others[near], bits[near]
            alike = np.abs(colours[others] - colours[row]).mean(axis=1) <= COLOURS
            if alike.any():
                best = min(zip(bits[alike].tolist(), others[alike].tolist(), strict=True))
                kept[row] = False
                dropped[int(numbers[row])] = int(numbers[best[1]]), int(best[0])
    same = {number: dropped.get(twin, (twin, 0)) for number, twin in enumerate(firsts) if twin != number}
    return dropped | same
