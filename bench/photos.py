"""Photos for the benchmarks: crops of the real ones that ship in scikit-image's and scikit-learn's wheels."""

import io
import random
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from PIL import Image, ImageOps

SOURCES = {
    "skimage": ["data/chelsea.png", "data/coffee.png", "data/astronaut.png", "data/rocket.jpg"],
    "sklearn": ["datasets/images/china.jpg", "datasets/images/flower.jpg"],
}
SIZE = (1_600, 1_200)


def photos(count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` different JPEGs of 1600 x 1200 pixels, the same ones for the same seed."""
    dice = random.Random(seed)
    sources = [Image.open(path).convert("RGB") for path in _paths()]
    for number in range(count):
        source = sources[number % len(sources)]
        scale = dice.uniform(0.6, 1.0)
        width, height = int(source.width * scale), int(source.height * scale)
        left, top = dice.randint(0, source.width - width), dice.randint(0, source.height - height)
        crop = source.crop((left, top, left + width, top + height))
        if dice.random() < 0.5:
            crop = ImageOps.mirror(crop)
        buffer = io.BytesIO()
        crop.resize(SIZE, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=90)
        yield buffer.getvalue()


def _paths() -> list[Path]:
    found = []
    for package, names in SOURCES.items():
        spec = find_spec(package)
        if spec is None or spec.origin is None:
            raise FileNotFoundError(f"{package} is not installed; `make install` brings it.")
        found += [Path(spec.origin).parent / name for name in names]
    return found
