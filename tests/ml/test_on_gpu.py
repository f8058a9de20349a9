"""Models on a GPU give what they give on the CPU. Without one, all of this is skipped.

Nothing here needs Django: `python -m pytest -c /dev/null --rootdir=. --confcutdir=tests/ml tests/ml/test_on_gpu.py`.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import ml
from ml import devices
from ml.backbones.cnn import load_backbone
from ml.captioners.attention_gru import AttentionGRU
from ml.captioners.builtin import Manner, save
from ml.captioners.vocabulary import Vocabulary
from ml.encoders.scratch_clip import MODEL_TYPE, ScratchClip, Shape
from ml.errors import DeviceUnavailable
from ml.serving import save_model
from tests.ml import checkpoints
from tests.ml.conftest import MakeCheckpoint

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="compares a GPU with the CPU, and here is no GPU")

ALIKE = 0.999  #: cosine of a vector made on a GPU to that of the CPU's float32
TEXTS = ["a dog runs on the grass", "the cat sits", "snow", "a red bird in the water of the blue photo"]


@pytest.fixture(scope="module")
def photos() -> list[PILImage.Image]:
    """Photos of scikit-image's package, whole and in parts: more than go through a network at once."""
    folder = Path(pytest.importorskip("skimage").__file__).parent / "data"
    whole = [PILImage.open(folder / name).convert("RGB") for name in ("chelsea.png", "coffee.png", "astronaut.png")]
    parts = [each.crop((20 * n, 10 * n, 20 * n + 200, 10 * n + 150)) for each in whole for n in range(8)]
    return (whole + parts) * 3


@pytest.fixture
def scratch_clip(tmp_path: Path) -> Path:
    """A folder as `train clip` writes it."""
    folder = tmp_path / "scratch"
    tokenizer = checkpoints.tokenizer().backend_tokenizer
    text = {"model_type": "bert", "vocab_size": len(checkpoints.WORDS), "hidden_size": 16, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "intermediate_size": 32, "initializer_range": 0.5}
    torch.manual_seed(0)
    network = ScratchClip(Shape(text=text | heads, side=32, patch=8, width=16, depth=2, heads=2, dimension=8))
    save_model(folder, model_type=MODEL_TYPE, config=vars(network.shape), tensors=network.state_dict())
    tokenizer.save(str(folder / "tokenizer.json"))
    return folder


@pytest.fixture
def gru_over_resnet(written_checkpoint: MakeCheckpoint, tmp_path: Path) -> Path:
    """A folder as `train captioner --backbone` writes it."""
    tower, vocabulary = load_backbone(str(written_checkpoint("resnet"))), Vocabulary(["a", "dog", "cat", "red"])
    torch.manual_seed(0)
    sizes = {"channels": tower.channels, "cells": tower.grid**2, "hidden": 16, "embedding": 8, "heads": 2}
    save(tmp_path / "gru", AttentionGRU(len(vocabulary), **sizes), vocabulary, Manner(longest=6), tower)
    return tmp_path / "gru"


@pytest.fixture(autouse=True)
def _float32_on_the_cpu() -> None:
    """What is compared with is exact, also where the processor has bfloat16."""
    ml.compute_by("torch-fp32")


def on_both(load: Callable[[], Any]) -> tuple[Any, Any]:
    """A model on the CPU, and the same on the GPU."""
    ml.serve_on("cpu")
    on_cpu = load()
    ml.serve_on("cuda")
    return on_cpu, load()


def kept(thing: Any, seen: set[int]) -> Iterator[torch.Tensor]:
    """All tensors that an object of ours keeps, in whatever depth."""
    if id(thing) in seen:
        return
    seen.add(id(thing))
    if isinstance(thing, torch.Tensor):
        yield thing
    elif isinstance(thing, torch.nn.Module):
        yield from (*thing.parameters(), *thing.buffers())
    elif isinstance(thing, list | tuple):
        for part in thing:
            yield from kept(part, seen)
    elif type(thing).__module__.startswith("ml."):
        yield from kept(list(vars(thing).values()), seen)


def check_kept(on_cpu: Any, on_gpu: Any) -> None:
    assert {each.device.type for each in kept(on_cpu, set())} == {"cpu"}
    assert {each.device.type for each in kept(on_gpu, set())} == {"cuda"}
    assert on_cpu.info == on_gpu.info


def check_encoder(name: str, pictures: list[PILImage.Image], texts: list[str]) -> None:
    on_cpu, on_gpu = on_both(lambda: ml.load_encoder(name))
    check_kept(on_cpu, on_gpu)
    for method, inputs in (("encode_images", pictures), ("encode_texts", texts)):
        expected, vectors = (getattr(encoder, method)(inputs) for encoder in (on_cpu, on_gpu))
        assert (type(vectors), vectors.dtype, vectors.shape) == (np.ndarray, np.float32, expected.shape)
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
        cosines = (expected * vectors).sum(axis=1)
        assert cosines.min() >= ALIKE, f"{method}: {cosines.min()}"
        assert getattr(on_gpu, method)([]).shape == (0, on_gpu.dimension)


def check_captioner(name: str, pictures: list[PILImage.Image]) -> None:
    on_cpu, on_gpu = on_both(lambda: ml.load_captioner(name))
    check_kept(on_cpu, on_gpu)
    expected, told = on_cpu.caption(pictures), on_gpu.caption(pictures)
    alike = np.mean([one.text == other.text for one, other in zip(expected, told, strict=True)])
    assert alike >= 0.95  # two captions of a search may be as good as each other
    pairs = [(one, other) for one, other in zip(expected, told, strict=True) if one.text == other.text]
    assert [other.confidence for _, other in pairs] == pytest.approx([one.confidence for one, _ in pairs], abs=0.01)
    assert on_gpu.caption([]) == []


@pytest.mark.models
def test_the_built_in_encoder(photos: list[PILImage.Image]) -> None:
    check_encoder("builtin", photos, [f"{text} {number}" for text in TEXTS for number in range(20)])


@pytest.mark.models
def test_the_built_in_captioner(photos: list[PILImage.Image]) -> None:
    check_captioner("builtin", photos)


@pytest.mark.models
def test_the_built_in_captioner_looks_where_it_looks_on_the_cpu(photos: list[PILImage.Image]) -> None:
    on_cpu, on_gpu = on_both(lambda: ml.load_captioner("builtin"))
    alike = 0
    for expected, told in zip(*(each.caption_with_looks(photos[:12]) for each in (on_cpu, on_gpu)), strict=True):
        if expected.result.text == told.result.text:
            alike += 1
            for one, other in zip(expected.looks, told.looks, strict=True):
                assert other.attention.shape == (7, 7)
                np.testing.assert_allclose(other.attention, one.attention, atol=0.02)
    assert alike >= 10


@pytest.mark.parametrize("family", ["clip", "siglip", "siglip2"])
def test_clips(family: str, written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]) -> None:
    check_encoder(str(written_checkpoint(family)), pictures * 7, TEXTS * 20)


def test_a_clip_from_scratch(scratch_clip: Path, pictures: list[PILImage.Image]) -> None:
    check_encoder(str(scratch_clip), pictures * 7, TEXTS * 20)


@pytest.mark.parametrize("family", ["vit_bert", "vit_gpt2"])
def test_vision_encoder_decoders(
    family: str, written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]
) -> None:
    check_captioner(str(written_checkpoint(family)), pictures * 4)


def test_a_captioner_over_another_backbone(gru_over_resnet: Path, pictures: list[PILImage.Image]) -> None:
    check_captioner(str(gru_over_resnet), pictures * 7)


@pytest.mark.parametrize("family", ["mobilenet_v2", "resnet"])
def test_backbones(family: str, written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]) -> None:
    on_cpu, on_gpu = on_both(lambda: load_backbone(str(written_checkpoint(family))))
    check_kept(on_cpu, on_gpu)
    expected, maps = on_cpu.feature_maps(pictures * 7), on_gpu.feature_maps(pictures * 7)
    assert (maps.device.type, maps.dtype, maps.shape) == ("cpu", torch.float32, expected.shape)
    cosines = torch.nn.functional.cosine_similarity(expected, maps, dim=-1)
    assert cosines[expected.norm(dim=-1) > 1e-3].min() >= ALIKE


def test_a_model_from_the_gpu_can_be_written(written_checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    ml.serve_on("cuda")
    load_backbone(str(written_checkpoint("resnet"))).save(tmp_path / "copy")
    ml.serve_on("cpu")
    picture = [PILImage.new("RGB", (40, 40), "red")]
    copy, first = (load_backbone(str(folder)) for folder in (tmp_path / "copy", written_checkpoint("resnet")))
    assert torch.equal(copy.feature_maps(picture), first.feature_maps(picture))


def test_threads_may_share_a_model(written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]) -> None:
    ml.serve_on("cuda")
    encoder, captioner = (
        ml.load_encoder(str(written_checkpoint("clip"))),
        ml.load_captioner(str(written_checkpoint("vit_bert"))),
    )
    together = encoder.encode_images(pictures), captioner.caption(pictures)
    with ThreadPoolExecutor(8) as threads:
        vectors = list(threads.map(lambda each: encoder.encode_images([each])[0], pictures))
        captions = list(threads.map(lambda each: captioner.caption([each])[0].text, pictures))
    assert (np.stack(vectors) * together[0]).sum(axis=1).min() >= ALIKE
    assert captions == [result.text for result in together[1]]


def test_auto_is_the_gpu_and_the_cpu_is_as_it_was(
    written_checkpoint: MakeCheckpoint, pictures: list[PILImage.Image]
) -> None:
    name = str(written_checkpoint("clip"))
    ml.serve_on("cpu")
    before = ml.load_encoder(name).encode_images(pictures)
    ml.serve_on("auto")
    assert {each.device.type for each in kept(ml.load_encoder(name), set())} == {"cuda"}
    ml.serve_on("cpu")
    assert np.array_equal(ml.load_encoder(name).encode_images(pictures), before)


def test_a_gpu_beyond_those_that_are_there_is_said(written_checkpoint: MakeCheckpoint) -> None:
    ml.serve_on("cuda:99")
    with pytest.raises(DeviceUnavailable, match="cuda:99, but torch sees"):
        ml.load_encoder(str(written_checkpoint("clip")))


def test_what_float16_cannot_hold_is_computed_in_float32() -> None:
    where = torch.device("cuda", 0)
    small, large = torch.full((8, 8), 3.0, device=where), torch.full((8, 8), 300.0, device=where)
    assert devices.half(where, lambda: small @ small).tolist() == [[72.0] * 8] * 8
    assert devices.half(where, lambda: large @ large).tolist() == [[720_000.0] * 8] * 8  # beyond 65,504


def test_a_gpu_that_is_full_is_said() -> None:
    with pytest.raises(DeviceUnavailable, match="The GPU gives up: CUDA out of memory"):
        devices.inference(lambda: torch.empty(2**45, device="cuda"))()
