"""Fine-tuning CLIP and SigLIP: what may learn does, what is frozen stays, and what comes out is a plain checkpoint."""

import itertools
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file
from transformers import AutoModel, CLIPConfig, CLIPModel

import ml
from ml.__main__ import main
from ml.training.clip_finetune import Lesson, Options, plain, train
from ml.training.options import to_json
from ml.training.run import Run, read_json
from tests.ml import pairs

pytestmark = pytest.mark.training

TEXTS = ["a red dog runs on the grass", "the cat sits", "snow"]
CAPTIONS = [
    f"a {colour} {noun} {verb} on the {ground}"
    for colour, noun, verb, ground in itertools.product(
        ("red", "blue"), ("dog", "cat", "bird", "water"), ("runs", "sits"), ("grass", "snow")
    )
]
LEARNING = {
    "full": ("",),
    "projection": ("visual_projection", "text_projection", "logit_scale"),
    "lit": ("text_model", "text_projection", "logit_scale"),
    "lora": ("self_attn.", "visual_projection", "text_projection", "logit_scale"),
}
"""Beginnings, or for LoRA parts, of the names of weights that a mode may change in a CLIP."""


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """32 pairs."""
    return pairs.patterns(tmp_path_factory.mktemp("patterns"), CAPTIONS)


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def tune(data: Path, cache: Path, written_checkpoint: Any, tmp_path: Path) -> Any:
    """Fine-tune a small random checkpoint; gives the run's folder."""

    def tuned(family: str = "clip", **changes: Any) -> Path:
        few: dict[str, Any] = {"epochs": 3, "batch": 16, "chunk": 0, "learning_rate": 3e-3, "bfloat16": False}
        model = changes.pop("model", str(written_checkpoint(family)))
        options = Options(data=str(data), cache=str(cache), model=model, **{**few, **changes})
        folder = tmp_path / "-".join(["run", family, *map(str, changes.values())])
        train(Run.start(folder, family="finetune-clip", options=to_json(options), data={}))
        return folder

    return tuned


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "model.safetensors")


@pytest.fixture
def wider(checkpoint: Any) -> Path:
    """A random CLIP that is large enough to tell 32 pairs apart."""
    folder: Path = checkpoint("clip")
    config = CLIPConfig.from_pretrained(folder)
    config.projection_dim = 32
    for tower in (config.text_config, config.vision_config):
        tower.hidden_size, tower.intermediate_size, tower.initializer_range = 48, 96, 0.02
    torch.manual_seed(0)
    CLIPModel(config).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(("mode", "rate"), [("full", 5e-3), ("lora", 1e-2)])
def test_32_pairs_are_learnt_by_heart(mode: str, rate: float, tune: Any, wider: Path) -> None:
    folder = tune(
        **{"model": str(wider), "mode": mode, "lora_rank": 16, "learning_rate": rate, "epochs": 60, "patience": 15},
        **{"batch": 32, "chunk": 16, "crop": 1.0, "mirror": False},
    )

    metrics = read_json(folder, "metrics.json")
    assert metrics["start_text_to_image_r1"] < 0.3
    assert metrics["text_to_image_r1"] == 1.0


@pytest.mark.parametrize("mode", LEARNING)
def test_a_mode_changes_what_it_may_and_nothing_else(mode: str, tune: Any, written_checkpoint: Any) -> None:
    before, after = weights(written_checkpoint("clip")), weights(tune(mode=mode, patience=9) / "model")

    assert before.keys() == after.keys()
    changed = {name for name in before if not torch.equal(before[name], after[name])}
    part_of = (lambda name, part: part in name) if mode == "lora" else str.startswith
    may = {name for name in before if any(part_of(name, part) for part in LEARNING[mode])}
    if mode == "lora":
        may = {name for name in may if "self_attn" not in name or name.endswith("_proj.weight")}
    unread = {name for name in may if name.endswith("k_proj.bias")}  # softmax does not feel it: rounding decides
    assert changed - unread == may - unread


@pytest.mark.parametrize("family", ["clip", "siglip"])
@pytest.mark.parametrize("mode", ["full", "lora", "lit"])
def test_what_comes_out_is_a_checkpoint_that_gives_the_embeddings_scored(
    family: str, mode: str, tune: Any, data: Path
) -> None:
    from ml.evaluation.retrieval import evaluate

    folder = tune(family, mode=mode, chunk=6)
    encoder = ml.load_encoder(str(folder / "model"))

    _, report = AutoModel.from_pretrained(folder / "model", output_loading_info=True)
    assert not any(report.values())
    scores = evaluate(encoder, data=data, split="dev")
    metrics = read_json(folder, "metrics.json")
    assert scores.text_to_image == tuple(metrics[f"text_to_image_r{depth}"] for depth in (1, 5, 10))
    assert scores.image_to_text == tuple(metrics[f"image_to_text_r{depth}"] for depth in (1, 5, 10))


@pytest.mark.parametrize("family", ["clip", "siglip"])
def test_the_gradient_cache_changes_no_gradient(family: str, data: Path, cache: Path, written_checkpoint: Any) -> None:
    gradients = []
    for chunk in (0, 5):
        options = Options(
            data=str(data), cache=str(cache), model=str(written_checkpoint(family)), chunk=chunk, bfloat16=False
        )
        lesson = Lesson(options)
        lesson.image_features = lesson.dev_image_features  # without crops, which are drawn chunk by chunk
        lesson.step()((torch.arange(32), torch.arange(32)))
        gradients.append({name: value.grad for name, value in lesson.network.named_parameters()})

    whole, chunked = gradients
    for name, gradient in whole.items():
        assert gradient is not None, name
        scale = float(gradient.abs().max())
        torch.testing.assert_close(chunked[name], gradient, rtol=1e-3, atol=1e-4 * scale + 1e-6, msg=name)


def test_lora_leaves_the_weights_beneath_as_they_were(data: Path, cache: Path, written_checkpoint: Any) -> None:
    model = str(written_checkpoint("clip"))
    lesson = Lesson(Options(data=str(data), cache=str(cache), model=model, mode="lora", learning_rate=1e-2))
    task = lesson.task()
    before = {name: value.clone() for name, value in lesson.network.state_dict().items()}

    for _ in range(2):  # of LoRA's two factors one starts at 0, which holds the other up for a step
        for batch in task.batches(1, torch.Generator().manual_seed(0)):
            task.optimiser.zero_grad()
            task.step(batch)
            task.optimiser.step()

    learning = {name for name, value in lesson.network.named_parameters() if value.requires_grad}
    assert learning == {name for name in before if "lora_" in name or "_projection" in name or "logit_scale" in name}
    for name, value in lesson.network.state_dict().items():
        assert torch.equal(value, before[name]) == (name not in learning), name


def test_interpolation_lies_between_the_start_and_what_was_learnt(tune: Any, written_checkpoint: Any) -> None:
    start = weights(written_checkpoint("clip"))
    learnt, halfway, none = (weights(tune(epochs=1, interpolate=share) / "model") for share in (1.0, 0.5, 0.0))

    for name, value in start.items():
        torch.testing.assert_close(halfway[name], (value + learnt[name]) / 2, rtol=1e-4, atol=1e-6)
        assert torch.equal(none[name], value)


def test_averaged_weights_are_those_that_are_kept(tune: Any, written_checkpoint: Any) -> None:
    start = weights(written_checkpoint("clip"))["visual_projection.weight"]
    last, averaged = (
        weights(tune(epochs=1, average=decay) / "model")["visual_projection.weight"] for decay in (0.0, 0.99)
    )

    assert 0 < (averaged - start).norm() < (last - start).norm()


def test_it_ends_early_where_dev_gets_no_better(tune: Any) -> None:
    folder = tune(epochs=30, patience=2, learning_rate=0.0)

    lines = (folder / "curve.jsonl").read_text().count("epoch")
    assert lines == 3
    assert read_json(folder, "metrics.json")["epoch"] == 1


def test_pictures_and_texts_are_read_as_the_encoder_reads_them(
    data: Path, cache: Path, written_checkpoint: Any
) -> None:
    from PIL import Image as PILImage

    for family in ("clip", "siglip"):
        folder = str(written_checkpoint(family))
        lesson = Lesson(Options(data=str(data), cache=str(cache), model=folder, bfloat16=False))
        network, rows, encoder = plain(lesson.network).eval(), torch.arange(5), ml.load_encoder(folder)
        with torch.no_grad():
            images = lesson.towers.image_embeddings(network, lesson.dev_image_features(network, rows))
            texts = lesson.towers.text_embeddings(network, lesson.dev_text_features(network, rows))
        pictures = [PILImage.open(data / "dev" / f"{row}.png") for row in range(5)]
        np.testing.assert_allclose(images, encoder.encode_images(pictures), atol=1e-4)
        np.testing.assert_allclose(texts, encoder.encode_texts(CAPTIONS[:5]), atol=1e-4)


def test_what_cannot_be_done_is_one_sentence(
    data: Path, written_checkpoint: Any, checkpoint: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    damaged = checkpoint("clip") / "model.safetensors"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    siglip = written_checkpoint("siglip")
    for number, (arguments, sentence) in enumerate(
        {
            ("no/model",): "no/model is not on this machine; fetch it with",
            (str(damaged.parent),): "model.safetensors of clip is damaged or truncated",
            (str(written_checkpoint("vit_bert")),): "those that can be fine-tuned here are clip and siglip",
            (str(siglip), "--mode=projection"): "which has no projections to train",
            (str(siglip), "--interpolate=2"): "--interpolate must be from 0",
            (str(siglip), "--epochs=0"): "--epochs at least 1",
            (str(siglip), "--mode=lora", "--lora-rank=0"): "--lora-rank must be at least 1",
        }.items()
    ):
        base = ["train", "finetune-clip", f"--data={data}", f"--cache={tmp_path}", f"--output={tmp_path / str(number)}"]
        assert main([*base, "--model", *arguments]) == 1
        *_, error = capsys.readouterr().err.splitlines()  # after bars
        assert sentence in error


def test_the_command_goes_on_with_a_run(
    data: Path, cache: Path, checkpoint: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import os
    import signal

    arguments = [f"--data={data}", f"--cache={cache}", f"--model={checkpoint('clip')}", "--mode=lora", "--batch=8"]
    arguments += ["--epochs=2", "--patience=9"]
    assert main(["train", "finetune-clip", f"--output={tmp_path / 'through'}", *arguments]) == 0
    log = Run.log

    def stop(self: Run, **figures: float) -> None:
        log(self, **figures)
        if figures["step"] == 6:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "log", stop)
        assert main(["train", "finetune-clip", f"--output={tmp_path / 'stopped'}", *arguments]) == 130
    assert main(["train", "--resume", str(tmp_path / "stopped")]) == 0

    assert read_json(tmp_path / "through", "metrics.json") == read_json(tmp_path / "stopped", "metrics.json")
    before, after = (weights(tmp_path / name / "model") for name in ("through", "stopped"))
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert "mode `lora`" in (tmp_path / "stopped/model/README.md").read_text()
