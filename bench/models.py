"""How long the built-in models take for a picture, and a text, on this machine: `python -m bench.models`.

Each figure is the median of several rounds over real photos, decoded before, in one process with a thread a core.
Baseline of the encoder: its image tower as the package gives it, in float32, one picture a call.
"""

import io
import os
import time
from collections.abc import Callable
from statistics import median

import django
import torch
from PIL import Image as PILImage

import ml
from bench.photos import photos
from ml.backbones.efficientnet_lite import preprocess, weights_path
from ml.encoders.builtin import SIDE

BATCH = 32
ROUNDS = 7


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmsite.settings.dev")
    django.setup()  # the photos are the site's samples

    pictures = [PILImage.open(io.BytesIO(content)).convert("RGB").resize((400, 300)) for content in photos(BATCH)]
    encoder, captioner = ml.load_encoder(), ml.load_captioner()
    package = _package()

    def one_by_one() -> None:
        with torch.inference_mode():
            for picture in pictures:
                package.extract_features(preprocess([picture], SIDE))

    queries = [f"a dog and {number} children at the beach" for number in range(BATCH)]
    baseline = _milliseconds(one_by_one)
    rows = {
        "baseline: image tower, float32, one picture a call": baseline,
        f"encode_images, {BATCH} pictures a call": _milliseconds(lambda: encoder.encode_images(pictures)),
        "encode_images, one picture a call": _milliseconds(
            lambda: [encoder.encode_images([each]) for each in pictures]
        ),
        f"caption, {BATCH} pictures a call": _milliseconds(lambda: captioner.caption(pictures)),
        "encode_texts, one text a call": _milliseconds(lambda: [encoder.encode_texts([each]) for each in queries]),
    }
    print(f"{torch.get_num_threads()} threads\n\n| | ms each | ratio |\n|---|---|---|")
    for name, value in rows.items():
        print(f"| {name} | {value:.1f} | {value / baseline:.2f} |")


def _package() -> torch.nn.Module:
    """The tower of the package, as it comes."""
    from efficientnet_lite_pytorch import EfficientNet

    network = EfficientNet.from_name("efficientnet-lite2", image_size=SIDE)
    network.load_state_dict(torch.load(weights_path(), map_location="cpu", weights_only=True))
    return network.eval()


def _milliseconds(work: Callable[[], object]) -> float:
    """Median time of a picture or text, after one round to warm up."""
    work()
    seconds = []
    for _ in range(ROUNDS):
        start = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - start)
    return 1000 * median(seconds) / BATCH


if __name__ == "__main__":
    main()
