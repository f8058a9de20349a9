"""Pictures a second of the captioners, from JPEG to caption: `python -m bench.captioning`.

Writes its part of docs/performance.md. Where Flickr8k is (`--data`), it also compares what is said in float32.
All paths of a part take turns with its baseline, several times; each gets the same real JPEGs and decodes them anew.
"""

import argparse
import io
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from operator import truediv
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import django
import torch
from PIL import Image as PILImage

import ml
from bench import report
from bench.photos import SIZE, photos

if TYPE_CHECKING:
    from ml.interfaces import Captioner

PHOTOS = 32
LARGE_PHOTOS = 8  #: of these, for the large captioner; as many as the worker gives one together
ROUNDS = 5
TOKENS = 20  #: of a caption of the large one, whose random weights never end one by themselves
VOCABULARY = 50_257  #: GPT-2's
BASELINE = "baseline"

Work = Callable[[Sequence[bytes]], object]


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.captioning", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path.home() / "data" / "flickr8k", help="to compare the captions")
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--report", type=Path, default=report.REPORT, help=f"default {report.REPORT.name}")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmsite.settings.dev")
    django.setup()  # the photos are the site's samples
    contents = list(photos(PHOTOS))
    width, height = SIZE
    lines = [
        "## Captions",
        "",
        f"{report.machine()}, {torch.get_num_threads()} threads, by `python -m bench.captioning --rounds "
        f"{options.rounds}`: real JPEGs of {width} x {height}, decoding included, the median of the rounds, in which "
        "all paths take turns.",
        "",
        *_builtin(contents, options.rounds),
        "",
        *_large(contents[:LARGE_PHOTOS], options.rounds),
    ]
    if options.data.is_dir():
        lines += ["", *_said(options.data)]
    report.write(options.report, "captioning", lines)
    print("\n".join(lines))


def ratios() -> dict[str, float]:
    """How many times as quick the built-in captioner is, four pictures a call, as in float32 by torch, one a call; in
    CPU time."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmsite.settings.dev")
    django.setup()
    contents = list(photos(LARGE_PHOTOS))
    before, now = _captioners("builtin")
    paths = {BASELINE: _by(before, 1), "now": _by(now, 4)}
    baseline, seconds = _seconds(paths, contents, ROUNDS, time.process_time).values()
    return {"captions by the built-in captioner": median(map(truediv, baseline, seconds))}


def _builtin(contents: Sequence[bytes], rounds: int) -> list[str]:
    from mmsite import batch

    before, now = _captioners("builtin")
    paths = {
        f"{BASELINE}: float32 by torch, one picture a call": _by(before, 1),
        "one picture a call": _by(now, 1),
        f"{batch.TOGETHER} a call, as the worker gives them": _by(now, batch.TOGETHER),
        f"{PHOTOS} a call": _by(now, PHOTOS),
    }
    return [
        "The built-in captioner: two voices, four beams, up to 20 words.",
        "",
        *_table(paths, contents, rounds),
    ]


def _large(contents: Sequence[bytes], rounds: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        checkpoint = _checkpoint(Path(folder) / "vit-gpt2")
        exact, now = _captioners(str(checkpoint))
        greedy, beams = (_generate(checkpoint, count) for count in (1, 4))
    together = len(contents)
    paths = {
        f"{BASELINE}: transformers, float32, greedy, one picture a call": _in(greedy, 1),
        f"transformers, float32, 4 beams, {together} a call": _in(beams, together),
        f"float32, 4 beams, {together} a call": _by(exact, together),
        "4 beams, one picture a call": _by(now, 1),
        f"4 beams, {together} a call, as the worker gives them": _by(now, together),
    }
    said = [captioner.caption(_decoded(contents)) for captioner in (exact, now)]
    same = sum(a == b for x, y in zip(*said, strict=True) for a, b in zip(x.text.split(), y.text.split(), strict=True))
    return [
        f"A VisionEncoderDecoder of the size of ViT-GPT2 (ViT-B/16, GPT-2), with random weights, {TOKENS} tokens each.",
        "",
        *_table(paths, contents, rounds),
        "",
        f"Of the {TOKENS * together} tokens that float32 says, the fast path says {same} in their places: with random",
        "weights, each is hardly likelier than the next.",
    ]


def _said(data: Path) -> list[str]:
    """What the built-in captioner says of Flickr8k's test pictures in float32, and as it is."""
    from ml.datasets.examples import read
    from ml.evaluation.captions import rouge_l
    from ml.evaluation.pictures import batches

    examples = list(read(data, "test"))
    said: list[list[str]] = [[], []]
    captioners = _captioners("builtin")
    for pictures in batches(examples, "caption"):
        for texts, captioner in zip(said, captioners, strict=True):
            texts += [result.text for result in captioner.caption(pictures)]
    scores = [rouge_l(texts, [each.captions for each in examples]) for texts in said]
    best = [100 * sum(map(max, rows)) / len(rows) for rows in scores]
    mean = [100 * sum(sum(row) / len(row) for row in rows) / len(rows) for rows in scores]
    same = sum(map(str.__eq__, *said))
    return [
        f"What the built-in one says of Flickr8k's {len(examples):,} test pictures, in float32 and as above: ROUGE-L",
        f"{best[0]:.2f} and {best[1]:.2f} (best reference), {mean[0]:.2f} and {mean[1]:.2f} (mean); {same:,} captions",
        "are the same.",
    ]


def _captioners(name: str) -> "tuple[Captioner, Captioner]":
    """A captioner in float32 by torch, as it was at first, and as it is by itself."""
    ml.compute_by("torch-fp32")
    exact = ml.load_captioner(name)
    ml.compute_by()
    return exact, ml.load_captioner(name)


def _by(captioner: "Captioner", size: int) -> Work:
    return _in(captioner.caption, size)


def _in(caption: Callable[[Sequence[PILImage.Image]], object], size: int) -> Work:
    """Decode and caption JPEGs, so many at once."""

    def work(contents: Sequence[bytes]) -> None:
        for start in range(0, len(contents), size):
            caption(_decoded(contents[start : start + size]))

    return work


def _decoded(contents: Sequence[bytes]) -> list[PILImage.Image]:
    return [PILImage.open(io.BytesIO(content)).convert("RGB") for content in contents]


def _table(paths: Mapping[str, Work], contents: Sequence[bytes], rounds: int) -> list[str]:
    """Pictures a second of each path, and their ratio to the first's."""
    seconds = _seconds(paths, contents, rounds, time.perf_counter)
    baseline = next(iter(seconds.values()))
    rows = [
        f"| {name} | {len(contents) / median(each):.1f} | {median(map(truediv, baseline, each)):.1f} |"
        for name, each in seconds.items()
    ]
    return ["| | pictures/s | ratio |", "|---|---|---|", *rows]


def _seconds(
    paths: Mapping[str, Work], contents: Sequence[bytes], rounds: int, clock: Callable[[], float]
) -> dict[str, list[float]]:
    """Seconds of each path in each round, by that clock."""
    for work in paths.values():
        work(contents[:1])  # to warm up
    seconds: dict[str, list[float]] = {name: [] for name in paths}
    for _ in range(rounds):
        for name, work in paths.items():
            start = clock()
            work(contents)
            seconds[name].append(clock() - start)
    return seconds


def _generate(checkpoint: Path, beams: int) -> Callable[[Sequence[PILImage.Image]], object]:
    """What transformers does by itself."""
    from transformers import AutoImageProcessor, AutoTokenizer, VisionEncoderDecoderModel

    network = VisionEncoderDecoderModel.from_pretrained(checkpoint).eval()
    processor = AutoImageProcessor.from_pretrained(checkpoint, backend="pil")
    tokenizer = AutoTokenizer.from_pretrained(checkpoint)
    settings = {"num_beams": beams, "do_sample": False, "no_repeat_ngram_size": 3, "max_new_tokens": TOKENS}

    def caption(pictures: Sequence[PILImage.Image]) -> object:
        inputs = processor(images=list(pictures), return_tensors="pt")
        with torch.inference_mode():
            return tokenizer.batch_decode(network.generate(**inputs, **settings), skip_special_tokens=True)

    return caption


def _checkpoint(folder: Path) -> Path:
    """Write a ViT-GPT2 of the usual size, with random weights and a token for each word of nonsense."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import (
        GPT2Config,
        PreTrainedTokenizerFast,
        VisionEncoderDecoderConfig,
        VisionEncoderDecoderModel,
        ViTConfig,
    )
    from transformers.models.vit.image_processing_pil_vit import ViTImageProcessorPil

    end = VOCABULARY - 1
    words = Tokenizer(models.WordLevel({f"w{number}": number for number in range(VOCABULARY)}, unk_token="w0"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    tokens: dict[str, Any] = {"decoder_start_token_id": end, "eos_token_id": end, "pad_token_id": end}
    decoder = GPT2Config(n_positions=TOKENS + 1, is_decoder=True, add_cross_attention=True)
    torch.manual_seed(0)
    config = VisionEncoderDecoderConfig.from_encoder_decoder_configs(ViTConfig(), decoder, **tokens)
    VisionEncoderDecoderModel(config).save_pretrained(folder)
    ViTImageProcessorPil().save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token=f"w{end}").save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
