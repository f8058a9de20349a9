"""The pictures of a data set, as models take them."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image as PILImage
from PIL import ImageOps
from tqdm import tqdm

from ml.datasets.examples import Example
from ml.errors import DatasetError

BATCH = 32


def load(path: Path, *, mirrored: bool = False) -> PILImage.Image:
    """A picture, upright and in RGB. Raises DatasetError where it cannot be read."""
    try:
        with PILImage.open(path) as file:
            image: PILImage.Image = ImageOps.exif_transpose(file).convert("RGB")
            return ImageOps.mirror(image) if mirrored else image
    except (OSError, ValueError, SyntaxError, PILImage.DecompressionBombError) as error:  # the third of a broken PNG
        raise DatasetError(
            f"{path} cannot be read as a picture: leave it out of the data set (`data clean`)."
        ) from error


def batches(examples: Sequence[Example], doing: str) -> Iterator[list[PILImage.Image]]:
    """The pictures of examples, a few at a time, with a progress bar that says what is done. Raises DatasetError."""
    with tqdm(total=len(examples), desc=doing, unit="picture") as bar:
        for start in range(0, len(examples), BATCH):
            images = [load(example.path) for example in examples[start : start + BATCH]]
            yield images
            bar.update(len(images))
