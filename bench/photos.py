"""Photos for the benchmarks: crops of the real ones that ship in scikit-image's and scikit-learn's wheels."""

import io
import random
from collections.abc import Iterator

import numpy as np
from PIL import Image, ImageOps

SOURCES = ["chelsea.png", "coffee.png", "astronaut.png", "rocket.jpg", "china.jpg", "flower.jpg"]
SIZE = (1_600, 1_200)
CAMERA_SIZE = (4_000, 3_000)
GRAIN = 5.0  # standard deviation, of 255; makes files of 2.5 to 3.5 MB, as telephones write


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


def camera_photos(count: int, seed: int = 0) -> Iterator[bytes]:
    """`count` different JPEGs of 12 megapixels: `photos`, enlarged, with the grain of a camera's sensor, without which
    they would be a third as heavy to decode. Needs Django to be set up."""
    dice = np.random.default_rng(seed)
    grain = dice.normal(0, GRAIN, CAMERA_SIZE[::-1]).astype(np.int16)
    for photo in photos(count, seed):
        large = Image.open(io.BytesIO(photo)).resize(CAMERA_SIZE, Image.Resampling.BICUBIC).convert("YCbCr")
        light, *colours = large.split()
        shift = tuple(int(dice.integers(side)) for side in grain.shape)
        grainy = np.clip(np.asarray(light) + np.roll(grain, shift, axis=(0, 1)), 0, 255).astype(np.uint8)
        buffer = io.BytesIO()
        Image.merge("YCbCr", [Image.fromarray(grainy), *colours]).save(buffer, "JPEG", quality=90)
        yield buffer.getvalue()
