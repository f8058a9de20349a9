"""Photos for the benchmarks: crops of the real ones that ship in scikit-image's and scikit-learn's wheels."""

import io
import random
from collections.abc import Iterator

from PIL import Image, ImageOps

SOURCES = ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "china.jpg", "flower.jpg"]
SIZE = (1_600, 1_200)


def photos(count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` different JPEGs of 1600 x 1200 pixels, the same ones for the same seed. Needs Django to be set up."""
    from gallery.samples import find_photos

    dice = random.Random(seed)
    paths = {path.name: path for path in find_photos()}
    sources = [Image.open(paths[name]).convert("RGB") for name in SOURCES]
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
