"""Pictures named on a command line."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from PIL import Image as PILImage
from PIL import ImageOps

from ml.errors import UsageError


def pictures(paths: Sequence[Path]) -> Iterator[tuple[Path, PILImage.Image]]:
    """Each picture, upright and in RGB. Raises UsageError for a file that is none."""
    for path in paths:
        try:
            with PILImage.open(path) as file:
                image = ImageOps.exif_transpose(file).convert("RGB")
        except (
            OSError,
            ValueError,
            SyntaxError,
            PILImage.DecompressionBombError,
        ) as error:  # the third of a broken PNG
            raise UsageError(f"{path} cannot be read as a picture: {error}") from error
        yield path, image
