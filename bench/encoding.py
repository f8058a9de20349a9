"""`python -m bench.encoding`: pictures a second of the encoders, by each runtime, and how long a query's text takes.

Part "encoding" of docs/performance.md. Pictures are real ones, decoded, as large as the worker hands them over; scaling
them down is counted. CLIP ViT-B/32 has its architecture and random weights, since the published ones can't be had here.
Where Flickr8k is, text-to-image R@1 of the built-in encoder on its test split, too.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

import django
import numpy as np
import torch
from PIL import Image as PILImage

import ml
from bench import checkpoint, gpu, peak, report
from ml.huggingface import pixels
from ml.interfaces import Embeddings, ImageTextEncoder
from ml.runtime import choice, threads

SIZE = (1_280, 960)
PICTURES = 16
ROUNDS = 5
RUNTIMES = ("auto", "torch-bf16", "onnxruntime-fp32", "openvino-bf16", "openvino-int8")
QUERIES = [f"{who} {what}" for who in ("a dog", "two children", "an old man") for what in ("in the snow", "by the sea")]
GOALS = {"builtin": ("eager torch", 2.0), "CLIP ViT-B/32": ("ONNX Runtime", 3.0)}
Encode = Callable[[Sequence[PILImage.Image]], Embeddings]


@dataclass
class Way:
    """A way to embed pictures, and what it took for one of them in each round."""

    name: str
    encode: Encode
    at_once: int = PICTURES
    seconds: list[float] = field(default_factory=list)
    cpu_seconds: list[float] = field(default_factory=list)

    def run(self, pictures: Sequence[PILImage.Image]) -> Embeddings:
        start, cpu = time.perf_counter(), time.process_time()
        parts = [self.encode(pictures[n : n + self.at_once]) for n in range(0, len(pictures), self.at_once)]
        self.cpu_seconds.append((time.process_time() - cpu) / len(pictures))
        self.seconds.append((time.perf_counter() - start) / len(pictures))
        return np.concatenate(parts)

    def ratio(self, baseline: "Way") -> float:
        """How many times as fast; the median of the rounds, each with its own baseline."""
        return median(one / other for one, other in zip(baseline.seconds, self.seconds, strict=True))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.encoding", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path.home() / "data" / "flickr8k", help="for R@1")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"default {ROUNDS}")
    parser.add_argument("--runtimes", nargs="+", default=RUNTIMES, choices=choice.NAMES, help="beside torch-fp32")
    parser.add_argument("--report", type=Path, default=report.REPORT, help=f"default {report.REPORT.name}")
    options = parser.parse_args()
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "mmsite.settings.dev")
    django.setup()  # for the memory of queries, which is the site's
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        lines = measure(Path(folder), options.runtimes, options.rounds, options.data)
    report.write(options.report, "encoding", lines)
    print("\n".join(lines))


def measure(folder: Path, runtimes: Sequence[str], rounds: int, data: Path) -> list[str]:
    """The lines of the report."""
    pictures = [picture.resize(SIZE) for picture in gpu.photos(PICTURES)]
    peaks = {"bf16": peak.gemm(torch.bfloat16), "fp32": peak.gemm(torch.float32)}
    peaks["int8"] = peaks["bf16"]  # torch multiplies no int8
    copied = peak.memory()
    models = {"builtin": "builtin", "CLIP ViT-B/32": str(checkpoint.vit_b_32(folder / "vit-b-32"))}
    lines = heading(peaks, copied, runtimes, rounds)
    for label, name in models.items():
        encoders = opened(name, runtimes, folder / "compiled", pictures)
        lines += pictures_lines(label, encoders, pictures, rounds, peaks)
        lines += texts_lines(label, encoders)
    if data.is_dir():
        lines += recall_lines(folder / "compiled", data)
    ml.compute_by("auto")
    return lines


def opened(
    name: str, runtimes: Sequence[str], cache: Path, pictures: Sequence[PILImage.Image]
) -> dict[str, ImageTextEncoder]:
    """The model by each runtime that is here; int8 has learnt from the pictures."""
    found = {}
    for runtime in ("torch-fp32", *runtimes):
        if runtime != choice.AUTO and not choice.is_installed(runtime.split("-", maxsplit=1)[0]):
            continue
        ml.compute_by(runtime, cache=cache)
        found[runtime] = ml.load_encoder(name)
        for _ in range(5 if runtime.endswith("int8") else 1):
            found[runtime].encode_images(pictures)
    return found


def baselines(encoder: Any) -> list[Way]:
    """One picture a call by all cores: eager torch in float32, and ONNX Runtime likewise on two threads."""
    torch.set_num_threads(threads.count())
    network = _session(encoder)._module
    if hasattr(encoder, "_look"):
        prepare = lambda images: _unscaled(encoder._image_processor, images)  # noqa: E731
        finish: Callable[[torch.Tensor], torch.Tensor] = lambda output: output  # noqa: E731
    else:
        from ml.backbones.efficientnet_lite import pool, preprocess
        from ml.encoders.builtin import SIDE

        prepare = lambda images: preprocess(images, SIDE)  # noqa: E731
        finish = lambda maps: encoder._ensemble.image(pool(maps), encoder._classifier(pool(maps)))  # noqa: E731
    eager = _embedding(network, prepare, finish)
    example = prepare([PILImage.new("RGB", SIZE)] * 2)
    return [Way("eager torch", eager, 1), Way("ONNX Runtime", _embedding(_graph(network, example), prepare, finish), 1)]


def _unscaled(processor: Any, images: Sequence[PILImage.Image]) -> torch.Tensor:
    """As transformers' users have it, and not by `ml.huggingface.pixels`."""
    tensor: torch.Tensor = processor(images=list(images), return_tensors="pt")["pixel_values"]
    return tensor


def _embedding(network: Callable[..., Any], prepare: Callable[..., Any], finish: Callable[..., Any]) -> Encode:
    @torch.inference_mode()
    def encode(images: Sequence[PILImage.Image]) -> Embeddings:
        vectors: Embeddings = torch.nn.functional.normalize(finish(network(prepare(images))), dim=-1).numpy()
        return vectors

    return encode


def _graph(network: torch.nn.Module, example: torch.Tensor) -> Callable[[torch.Tensor], torch.Tensor]:
    import onnxruntime

    from ml.runtime import graph

    with tempfile.TemporaryDirectory() as folder:
        graph.export(network, [example], Path(folder) / "graph.onnx", vary=[(0,)])
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 2
        session = onnxruntime.InferenceSession(f"{folder}/graph.onnx", options, providers=["CPUExecutionProvider"])
    return lambda tensor: torch.from_numpy(session.run(None, {"input0": tensor.contiguous().numpy()})[0])


def pictures_lines(
    label: str,
    encoders: dict[str, ImageTextEncoder],
    pictures: Sequence[PILImage.Image],
    rounds: int,
    peaks: dict[str, float],
) -> list[str]:
    """How each way compares with the baselines, round by round."""
    reference = encoders["torch-fp32"]
    before = baselines(reference)
    ways = [*before, *(Way(name, encoder.encode_images) for name, encoder in encoders.items())]
    expected, gflop = reference.encode_images(pictures), _gflop(reference, pictures[0])
    vectors = {way.name: way.run(pictures) for way in ways}
    for way in ways:  # that was to warm up
        way.seconds.clear()
        way.cpu_seconds.clear()
    for _ in range(rounds):
        for way in ways:
            way.run(pictures)
    rows = [
        f"## Encoding pictures: {label}",
        "",
        f"{gflop:.1f} GFLOP a picture. Goal: {GOALS[label][1]:.0f} times the pictures a second of {GOALS[label][0]}.",
        "",
        "| way | pictures/s | CPU ms a picture | to eager torch | to ONNX Runtime | least cosine | of the peak |",
        "|---|---|---|---|---|---|---|",
    ]
    for way in ways:
        name, numbers = _computed(way.name, encoders)
        reached = gflop / median(way.seconds) / peaks[numbers]
        cosine = float((vectors[way.name] * expected).sum(axis=1).min())
        rows.append(
            f"| {name} | {1 / median(way.seconds):.1f} | {1e3 * median(way.cpu_seconds):.1f} | "
            f"{way.ratio(before[0]):.2f} | {way.ratio(before[1]):.2f} | {cosine:.4f} | {reached:.0%} |"
        )
    return ["", *rows]


def _computed(name: str, encoders: dict[str, ImageTextEncoder]) -> tuple[str, str]:
    """A row's label, and the numbers that were computed in."""
    if name not in encoders:
        return f"baseline: {name}, fp32, one picture a call", "fp32"
    encoder: Any = encoders[name]
    session = _session(encoder)
    took = str(session.runtime)
    label = f"**auto** ({took})" if name == choice.AUTO else name
    return label + ("" if name in (choice.AUTO, took) else f" (refused: {took})"), session.runtime.precision


def _session(encoder: Any) -> Any:
    """What computes its pictures; by torch, a TorchSession, which has the network itself."""
    return encoder._look if hasattr(encoder, "_look") else encoder._image_tower._computer


def _gflop(encoder: Any, picture: PILImage.Image) -> float:
    from torch.utils.flop_counter import FlopCounterMode

    counter = FlopCounterMode(display=False)
    with counter:
        if hasattr(encoder, "_look"):
            _session(encoder)._module(*pixels(encoder._image_processor, [picture]).values())
        else:
            _session(encoder)._module(torch.zeros(1, 3, 256, 256))
    return counter.get_total_flops() / 1e9


def texts_lines(label: str, encoders: dict[str, ImageTextEncoder]) -> list[str]:
    """How long one query takes, by each runtime in turn."""
    clock: dict[str, list[float]] = {name: [] for name in encoders}
    processor: dict[str, list[float]] = {name: [] for name in encoders}
    for encoder in encoders.values():
        encoder.encode_texts(QUERIES)
    for query in QUERIES * 4:
        for name, encoder in encoders.items():
            start, cpu = time.perf_counter(), time.process_time()
            encoder.encode_texts([query])
            processor[name].append(time.process_time() - cpu)
            clock[name].append(time.perf_counter() - start)
    took = ", ".join(
        f"{name} {1e3 * median(clock[name]):.1f} ({1e3 * median(processor[name]):.1f})" for name in encoders
    )
    return [
        "",
        f"A query of {label}, median ms (goal: below 10), and of processor time: {took}; asked for again: "
        f"{_remembered():.3f}.",
    ]


def _remembered() -> float:
    """Milliseconds for a query of which the site remembers the vector."""
    from search import engine
    from search.models import ModelVersion

    name = ml.load_encoder("fake").info
    version = ModelVersion(name="fake", key=name.key)
    engine.encode_query(QUERIES[:1], version=version)
    seconds = []
    for _ in range(100):
        start = time.perf_counter()
        engine.encode_query(QUERIES[:1], version=version)
        seconds.append(time.perf_counter() - start)
    return 1e3 * median(seconds)


def recall_lines(cache: Path, data: Path) -> list[str]:
    """R@1 of the built-in encoder, by the reference and by what is chosen."""
    from ml.evaluation import retrieval

    rows = []
    for runtime in ("torch-fp32", "auto", "openvino-bf16"):
        if runtime == "openvino-bf16" and not choice.is_installed("openvino"):
            continue
        ml.compute_by(runtime, cache=cache)
        scores = retrieval.evaluate(ml.load_encoder(), data=data, split="test")
        rows.append(f"{runtime} {100 * scores.text_to_image[0]:.2f}")
    return ["", f"R@1 of the built-in encoder on the test split of Flickr8k, in per cent: {', '.join(rows)}."]


def heading(peaks: dict[str, float], copied: float, runtimes: Sequence[str], rounds: int) -> list[str]:
    width, height = SIZE
    return [
        f"{report.machine()}, by `python -m bench.encoding --rounds {rounds} --runtimes {' '.join(runtimes)}`.",
        "",
        f"{PICTURES} decoded photos of {width} x {height} a round, all ways in turn in each of them; scaling them down",
        "is counted. Ratios are medians of the rounds. CLIP has the architecture and random weights. The peak is",
        "torch's product of matrices, each core its own, in the same numbers (int8: in bf16): "
        f"{peaks['fp32']:,.0f} GFLOP/s in fp32,",
        f"{peaks['bf16']:,.0f} in bf16; memory copies {copied:.0f} GB/s.",
    ]


if __name__ == "__main__":
    main()
