"""Pictures that are the same to the eye, found by perceptual hash.

pHash and dHash (64 bits each; by ImageHash) together, confirmed by a tiny thumbnail: flat pictures of any colour share a
hash. Measured on 500 photos of Flickr8k: re-encoded, halved, enlarged, brightened by 15 % or with 4 % cropped,
all lie within 20 of 128 bits, with 6 % cropped 98 in 100, with 5 % off one edge 84; mirrored, none. Of the 33 million pairs
of its photos one lies within 20, a photo that it has twice; the next, at 22, is the same person a moment later.
Source: Zauner 2010, https://www.phash.org/docs/pubs/thesis_zauner.pdf
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from PIL.Image import Image, Resampling

DISTANCE = 20  #: bits of 128 by which two hashes of one picture may differ
COLOURS = 32.0  #: mean difference of two thumbnails, of 255, up to which they may be one picture
_SIDE = 8
_CHUNK = 10_000  #: hashes that are compared with all at a time


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

    def resembles(self, other: "Look") -> bool:
        """Whether the colours agree too."""
        difference = np.abs(self.colours.astype(np.float32) - other.colours.astype(np.float32))
        return float(difference.mean()) <= COLOURS


def copies(looks: Sequence[Look], *, distance: int = DISTANCE) -> dict[int, tuple[int, int]]:
    """Which pictures to leave out so that no two resemble each other: number -> (the one kept, bits between them).

    Pictures come with those first that are rather kept.
    """
    import faiss

    if not looks:
        return {}
    hashes = np.stack([look.hash for look in looks])
    index = faiss.IndexBinaryFlat(8 * hashes.shape[1])  # 40 s for 100,000; a multi-index hash took longer
    index.add(hashes)
    dropped: dict[int, tuple[int, int]] = {}
    for start in range(0, len(looks), _CHUNK):
        limits, distances, found = index.range_search(hashes[start : start + _CHUNK], distance + 1)  # exclusive
        for row in range(len(limits) - 1):
            number = start + row
            near = zip(found[limits[row] : limits[row + 1]], distances[limits[row] : limits[row + 1]], strict=True)
            for other, bits in sorted((int(other), int(bits)) for other, bits in near):
                if other < number and other not in dropped and looks[number].resembles(looks[other]):
                    dropped[number] = (other, bits)
                    break
    return dropped
