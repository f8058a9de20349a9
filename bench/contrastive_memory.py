"""Peak memory of a step of 1,024 pairs at ViT-B/32's size, with random weights: whole, or by gradient cache.

`python -m bench.contrastive_memory --chunk 32`, then `--chunk 0`: one process each, since a peak never falls again.
"""

import argparse
import resource
import time

import torch
from transformers import CLIPConfig, CLIPModel

from ml.training.contrastive import Step, info_nce


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batch", type=int, default=1024)
    parser.add_argument("--chunk", type=int, default=32, help="0 for the whole batch")
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    options = parser.parse_args()
    torch.manual_seed(0)
    network = CLIPModel(CLIPConfig(projection_dim=512))  # the defaults are ViT-B/32's
    pictures = torch.randint(0, 256, (options.batch, 3, 224, 224), dtype=torch.uint8)
    texts = torch.randint(0, 49_000, (options.batch, 24))
    texts[:, -1] = 49_407  # ends a text

    def embed(features: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(features.float(), dim=-1)

    def images(rows: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            return embed(network.get_image_features(pixel_values=pictures[rows].float() / 255).pooler_output)

    def words(rows: torch.Tensor) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=options.bfloat16):
            return embed(network.get_text_features(input_ids=texts[rows]).pooler_output)

    step = Step(images, words, lambda *both: info_nce(*both, network.logit_scale), network.logit_scale, options.chunk)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-5)
    rows, start = torch.arange(options.batch), time.perf_counter()
    step((rows, rows))
    optimiser.step()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"batch {options.batch}, chunk {options.chunk}: {peak:.1f} GiB at most, {time.perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
