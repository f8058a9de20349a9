"""Draws where a captioner looked for each word, in the manner of Xu et al. 2015, https://arxiv.org/abs/1502.03044."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont

from ml.interfaces import Look

TILE = 220  #: pixels of a tile's longer side
COLUMNS = 5
GAP = 8
LINE = 22  #: pixels of height for a word
STRENGTH = 0.75  #: how much of the picture the heat hides where it is highest
_HEAT = (255, 40, 0)


def draw(image: PILImage.Image, looks: Sequence[Look]) -> PILImage.Image:
    """A grid: the picture, then for each word the picture with its attention as heat over a paler copy.

    Heat is scaled to each word's own highest value: it says where, not how surely.
    """
    small = image.convert("RGB")
    small.thumbnail((TILE, TILE))
    pale = PILImage.blend(small.convert("L").convert("RGB"), small, 0.35)
    tiles = [("", small), *((look.word, _heated(pale, look.attention)) for look in looks)]
    columns = min(COLUMNS, len(tiles))
    rows = -(-len(tiles) // columns)
    width, height = small.width + GAP, small.height + LINE + GAP
    sheet = PILImage.new("RGB", (columns * width + GAP, rows * height + GAP), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(15)
    for number, (word, tile) in enumerate(tiles):
        row, column = divmod(number, columns)
        left, top = GAP + column * width, GAP + row * height
        pen.text((left, top), word, "black", font)
        sheet.paste(tile, (left, top + LINE))
    return sheet


def stack(sheets: Sequence[PILImage.Image]) -> PILImage.Image:
    """Sheets one below the other."""
    whole = PILImage.new("RGB", (max(sheet.width for sheet in sheets), sum(sheet.height for sheet in sheets)), "white")
    top = 0
    for sheet in sheets:
        whole.paste(sheet, (0, top))
        top += sheet.height
    return whole


def _heated(picture: PILImage.Image, attention: npt.NDArray[np.float32]) -> PILImage.Image:
    share = attention / max(float(attention.max()), 1e-9)
    heat = PILImage.fromarray((255 * STRENGTH * share).clip(0, 255).astype(np.uint8))
    mask = heat.resize(picture.size, PILImage.Resampling.BICUBIC)
    return PILImage.composite(PILImage.new("RGB", picture.size, _HEAT), picture, mask)
