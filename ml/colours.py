"""The eleven basic colours of a picture, enough for the fakes to see something.

The names are the basic colour terms of Berlin and Kay, "Basic Color Terms" (1969).
"""

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage

SIDE = 16  #: pixels; a picture is averaged down to this square before its colours are named

_PROTOTYPES = {
    "black": (0, 0, 0),
    "white": (255, 255, 255),
    "gray": (128, 128, 128),
    "red": (220, 30, 30),
    "green": (40, 160, 60),
    "blue": (40, 70, 210),
    "yellow": (245, 225, 50),
    "orange": (245, 140, 30),
    "brown": (120, 75, 35),
    "pink": (245, 150, 190),
    "purple": (130, 50, 160),
}
NAMES = tuple(_PROTOTYPES)


def layout(image: PILImage.Image) -> npt.NDArray[np.float32]:
    """Which colour is where: (16, 16, 11) float32, one-hot over NAMES, rows from the top."""
    small = image.convert("RGB").resize((SIDE, SIDE), PILImage.Resampling.BOX)
    pixels = np.asarray(small, dtype=np.float32)[:, :, None, :]
    nearest = np.linalg.norm(pixels - np.array(list(_PROTOTYPES.values()), dtype=np.float32), axis=-1).argmin(axis=-1)
    shares: npt.NDArray[np.float32] = np.eye(len(NAMES), dtype=np.float32)[nearest]
    return shares
