"""Training a captioner, on a data set small enough to learn by heart."""

import json
import math
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PILImage

import ml
from ml.__main__ import main
from ml.backbones.shared import shared_image_tower
from ml.captioners.builtin import BuiltinCaptioner, Manner, name_confidence
from ml.captioners.naming import noun
from ml.datasets.examples import Example
from ml.datasets.imagenet import everyday_kinds
from ml.errors import UsageError
from ml.training import captioner
from ml.training.caption_dev import calibrate_names
from ml.training.captioner import Options, pace
from ml.training.options import to_json
from ml.training.run import CHECKPOINT, CURVE, Run, curve

pytestmark = pytest.mark.training

TEXTS = [("a dog runs", "a dog is running on grass"), ("two men ride bikes", "men ride"), ("a boat", "a red boat is")]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Flickr8k's layout with three pictures a split."""
    root = tmp_path / "flickr8k"
    (root / "Flicker8k_Dataset").mkdir(parents=True)
    lines = []
    for split in ("train", "dev"):
        names = [f"{split}{number}.jpg" for number in range(len(TEXTS))]
        (root / f"Flickr_8k.{split}Images.txt").write_text("\n".join(names))
        for name, texts, colour in zip(names, TEXTS, ("brown", "grey", "blue"), strict=True):
            PILImage.new("RGB", (40, 30), colour).save(root / "Flicker8k_Dataset" / name)
            lines.extend(f"{name}#{number}\t{text} ." for number, text in enumerate(texts))
    (root / "Flickr8k.token.txt").write_text("\n".join(lines))
    return root


@pytest.fixture
def options(data: Path, checkpoint: Callable[[str], Path], tmp_path: Path) -> Options:
    """A few steps of both kinds over a small ResNet."""
    return Options(
        data=str(data),
        cache=str(tmp_path / "features"),
        backbone=str(checkpoint("resnet")),
        epochs=2,
        critical_epochs=2,
        pictures=2,
        seen=1,
        own_captions=3,
        bfloat16=False,
    )


def start(folder: Path, options: Options) -> Run:
    return Run.start(folder, family="captioner", options=to_json(options), data={})


def weights(run: Run) -> bytes:
    return (run.model / "model.safetensors").read_bytes()


def test_learns_by_heart_and_then_by_its_own_captions(options: Options, tmp_path: Path) -> None:
    options = replace(options, epochs=25, critical_epochs=3, learning_rate=0.01, dropout=0.0, output_dropout=0.0)
    run = start(tmp_path / "run", replace(options, average=0.5, word_dropout=0.0, spread=0.0))
    captioner.train(run)
    losses = [line["loss"] for line in curve(run.folder) if "loss" in line]
    assert min(losses[-6:]) < 0 < losses[0]  # a likelihood that is weighted by rewards may be of either sign
    metrics = json.loads((run.folder / "metrics.json").read_text())
    assert metrics["dev"]["rouge_l_best"] > 0.8  # each picture has its own caption


@pytest.mark.parametrize("steps", [3, 6], ids=["while it reads", "while it is judged"])
def test_a_run_that_was_stopped_ends_as_one_that_was_not(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, steps: int
) -> None:
    whole = start(tmp_path / "whole", options)
    captioner.train(whole)
    stopped = start(tmp_path / "stopped", options)
    saved = Run.save_state

    def save_and_stop(run: Run, state: dict[str, object]) -> None:
        saved(run, state)
        if state["place"]["step"] >= steps:  # type: ignore[index]
            raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("ml.training.loop.SAVE_EVERY", 0.0)
        patch.setattr(Run, "save_state", save_and_stop)
        with pytest.raises(KeyboardInterrupt):
            captioner.train(stopped)
    assert (stopped.folder / CHECKPOINT).exists()
    captioner.train(Run.resume(stopped.folder))
    assert weights(stopped) == weights(whole)
    assert (stopped.folder / CURVE).read_text() == (whole.folder / CURVE).read_text()


def test_a_captioner_can_be_trained_further(options: Options, tmp_path: Path) -> None:
    first = start(tmp_path / "first", options)
    captioner.train(first)
    shutil.rmtree(options.backbone)
    more = replace(options, model=str(first.model), epochs=0, critical_epochs=1)
    second = start(tmp_path / "second", more)
    captioner.train(second)
    words = [json.loads((run.model / "config.json").read_text())["words"] for run in (first, second)]
    assert words[0] == words[1]
    assert weights(first) != weights(second)
    assert BuiltinCaptioner.open(ml.hub.locate(str(second.model))).info.preprocessing


@pytest.mark.models
def test_trains_over_the_packaged_tower_from_a_shell(data: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    command = ["train", "captioner", "--data", str(data), "--cache", str(tmp_path / "features"), "--output", str(run)]
    assert main([*command, "--epochs", "1", "--critical-epochs", "1", "--pictures", "2", "--seen", "1"]) == 0
    manner = json.loads((run / "model" / "config.json").read_text())["manner"]
    assert manner != vars(Manner())  # fitted on dev
    assert "Flickr8k" in (run / "README.md").read_text()


def test_one_caption_cannot_compete(options: Options, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="own-captions"):
        captioner.train(start(tmp_path / "run", replace(options, own_captions=1)))
    with pytest.raises(UsageError, match="raise --epochs or --critical-epochs"):
        captioner.train(start(tmp_path / "none", replace(options, epochs=0, critical_epochs=0)))


def test_the_learning_rate_rises_falls_and_begins_again(options: Options) -> None:
    options = replace(options, epochs=5, critical_epochs=5, learning_rate=1e-3, critical_learning_rate=1e-4)
    rates = [pace(step, 100, options) for step in range(1000)]
    assert max(rates) == pytest.approx(1.0, abs=1e-3)
    assert rates.index(max(rates)) == pytest.approx(100, abs=1)
    assert rates[499] < 1e-3
    assert max(rates[500:]) == pytest.approx(0.1, rel=0.05)
    assert rates[-1] == pytest.approx(0.1 * captioner.LAST_RATE)
    assert all(math.isfinite(pace(step, 100, replace(options, epochs=0))) for step in range(500))


@pytest.mark.models
def test_a_name_is_as_sure_as_people_often_mention_the_thing() -> None:
    tower = shared_image_tower()
    weight = tower.classifier().weight.numpy()
    zebra = np.maximum(weight[340] - weight.mean(axis=0), 0.0)
    maps = np.stack([np.tile(strength * zebra, (49, 1)) for strength in np.linspace(5.0, 20.0, 20)]).astype(np.float16)
    kinds = ", ".join(noun(kind) for kind in everyday_kinds())

    def told(texts: tuple[str, ...]) -> float:
        manner = calibrate_names(Manner(), [Example(Path(), texts)] * len(maps), maps, tower)
        return name_confidence(0.95, manner)

    silent, telling = told(("nothing to see",)), told(("nothing to see", kinds))
    assert silent < 0.2
    assert telling > 0.8
