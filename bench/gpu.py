"""Pictures a second on the CPU and on a GPU: `python -m bench.gpu`, with the built-in models or others by name.

Each figure is the median of several calls with decoded pictures of 1,600 x 1,200 pixels, as the worker hands them over:
scaling them down, which the CPU does for both, is counted.
"""

import argparse
import os
import platform
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from PIL import Image as PILImage

import ml

SIZE = (1600, 1200)
BATCHES = (1, 16, 64)
SECONDS = 4.0  #: for each figure, about
CALLS = 5  #: for each figure, at most


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.gpu", description=__doc__)
    parser.add_argument("--encoder", nargs="*", default=["builtin"], help="names, hub ids or folders")
    parser.add_argument("--captioner", nargs="*", default=["builtin"], help="names, hub ids or folders")
    parser.add_argument("--devices", nargs="+", default=["cpu", "cuda"] if torch.cuda.is_available() else ["cpu"])
    options = parser.parse_args()

    pictures = photos(max(BATCHES))
    roles: list[tuple[str, str, Callable[[str], Callable[[Sequence[Any]], object]]]] = [
        *(("encoder", name, lambda name: ml.load_encoder(name).encode_images) for name in options.encoder),
        *(("captioner", name, lambda name: ml.load_captioner(name).caption) for name in options.captioner),
    ]
    print(f"\n{_machine()}; torch {torch.__version__}, {torch.get_num_threads()} threads, Python {_python()}\n")
    print(
        "| model | pictures a call |" + "".join(f" {device}, pictures/s |" for device in options.devices) + " ratio |"
    )
    print("|---|---|" + "---|" * (len(options.devices) + 1))
    for role, name, load in roles:
        rates = {device: _rates(device, name, load, pictures) for device in options.devices}
        for size in BATCHES:
            row = [rates[device][size] for device in options.devices]
            cells = "".join(f" {rate:,.1f} |" for rate in row)
            print(f"| {role} `{Path(name).name}` | {size} |{cells} {row[-1] / row[0]:.1f} |", flush=True)


def photos(count: int) -> list[PILImage.Image]:
    """Photos of scikit-image's package in different cuts, else noise, on which captions may be longer or shorter."""
    try:
        import skimage
    except ImportError:
        noise = np.random.default_rng(0)
        return [PILImage.fromarray(noise.integers(0, 256, (*SIZE[::-1], 3), dtype=np.uint8)) for _ in range(count)]
    folder = Path(skimage.__file__).parent / "data"
    whole = [PILImage.open(folder / name).convert("RGB") for name in ("chelsea.png", "coffee.png", "astronaut.png")]
    cuts = ((whole[n % 3], 3 * (n // 3)) for n in range(count))
    return [each.crop((cut, cut, each.width - cut, each.height - cut)).resize(SIZE) for each, cut in cuts]


def _rates(
    device: str, name: str, load: Callable[[str], Callable[[Sequence[Any]], object]], pictures: list[PILImage.Image]
) -> dict[int, float]:
    """Pictures a second at each size of a batch."""
    ml.serve_on(device)
    work = load(name)
    return {size: size / _seconds(lambda size=size: work(pictures[:size])) for size in BATCHES}


def _seconds(work: Callable[[], object]) -> float:
    """Median time of a call, after one to warm up; results lie on the CPU, so the GPU is done when it returns."""
    work()
    seconds: list[float] = []
    while len(seconds) < CALLS and (not seconds or sum(seconds) < SECONDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return median(seconds)


def _machine() -> str:
    cpu = f"{os.cpu_count()} cores, {platform.machine()}"
    return f"{torch.cuda.get_device_name(0)} beside {cpu}" if torch.cuda.is_available() else cpu


def _python() -> str:
    return platform.python_version()


if __name__ == "__main__":
    main()
