"""CLIP from scratch: everything in it learns, and what it learnt is kept."""

import json
import math
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import ml
from ml.__main__ import main
from ml.encoders.scratch_clip import BATCH
from ml.errors import DatasetError, ModelCorrupt, ModelNotFound, ModelUnsupported, Stopped
from ml.training.clip_scratch import Lesson, Options, train
from ml.training.contrastive import HOTTEST
from ml.training.options import to_json
from ml.training.run import Run, curve, read_json
from tests.ml import checkpoints, pairs

pytestmark = pytest.mark.training

SMALL: dict[str, Any] = {
    **{"text": "none", "side": 32, "patch": 8, "width": 48, "depth": 2, "heads": 2, "dimension": 32},
    **{"epochs": 2, "batch": 36, "warmup": 0.1, "learning_rate": 2e-3, "average": 0.9},
    **{"crop": 0.9, "patches": 1.0, "label_smoothing": 0.0},
}


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return pairs.shapes(tmp_path_factory.mktemp("shapes"))


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def options(data: Path, cache: Path) -> Options:
    return Options(data=str(data), cache=str(cache), **SMALL)


def started(folder: Path, options: Options) -> Run:
    return Run.start(folder, family="clip", options=to_json(options), data={})


@pytest.fixture(scope="module")
def trained(data: Path, cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a run that came to its end; only to be read."""
    run = started(
        tmp_path_factory.mktemp("runs") / "clip", Options(data=str(data), cache=str(cache), **{**SMALL, "epochs": 12})
    )
    train(run)
    return run.folder


@pytest.mark.parametrize(
    "changes",
    [{}, {"chunk": 10}, pytest.param({"text": "minilm", "batch": 8}, marks=pytest.mark.models)],
    ids=["new text tower", "gradient cache", "minilm"],
)
def test_every_parameter_gets_a_gradient_and_moves_in_a_step(options: Options, changes: dict[str, Any]) -> None:
    """The report's CLIP from scratch did not: its parameters never changed."""
    lesson = Lesson(replace(options, **changes, bfloat16=False))
    task = lesson.task()
    before = {name: value.detach().clone() for name, value in lesson.network.named_parameters()}
    optimised = {id(value) for group in task.optimiser.param_groups for value in group["params"]}

    task.step(next(iter(task.batches(1, torch.Generator().manual_seed(0)))))
    task.optimiser.step()

    for name, value in lesson.network.named_parameters():
        assert value.requires_grad, name
        assert id(value) in optimised, name
        assert value.grad is not None, name
        assert value.grad.abs().max() > 0, name
        assert not torch.equal(value, before[name]), name
    assert lesson.network.log_scale.item() != pytest.approx(math.log(1 / 0.07), abs=1e-9)


def test_the_temperature_never_exceeds_one_hundred(options: Options) -> None:
    lesson = Lesson(options)
    task = lesson.task()
    with torch.no_grad():
        lesson.network.log_scale.fill_(9.0)

    task.step(next(iter(task.batches(1, torch.Generator().manual_seed(0)))))

    assert lesson.network.log_scale.item() == pytest.approx(HOTTEST)
    assert lesson.network.log_scale.grad is not None


def test_it_learns(trained: Path) -> None:
    lines = curve(trained)
    losses = [line["loss"] for line in lines if "loss" in line]
    metrics = read_json(trained, "metrics.json")
    chance = 10 / len(pairs.KINDS)

    assert losses[0] > 0.9 * math.log(SMALL["batch"])
    assert np.mean(losses[-5:]) < 0.7 * math.log(SMALL["batch"])
    assert metrics["text_to_image_r10"] > 2 * chance
    assert metrics["image_to_text_r10"] > 2 * chance


def test_a_run_holds_a_model_that_gives_the_networks_own_embeddings(trained: Path, data: Path, pictures: Any) -> None:
    encoder = ml.load_encoder(str(trained / "model"))
    texts = ["a red circle on a black ground", "there is a bar, blue, on gray", ""]

    assert encoder.dimension == SMALL["dimension"]
    assert encoder.match_floor is None
    for vectors in (encoder.encode_images(pictures), encoder.encode_texts(texts)):
        assert vectors.dtype == np.float32
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert encoder.encode_images([]).shape == encoder.encode_texts([]).shape == (0, encoder.dimension)
    many = (pictures * 4)[: BATCH + 3]
    alone = [encoder.encode_images([picture])[0] for picture in many]
    np.testing.assert_allclose(encoder.encode_images(many), alone, atol=1e-5)
    alone = [encoder.encode_texts([text])[0] for text in texts]
    np.testing.assert_allclose(encoder.encode_texts(texts), alone, atol=1e-5)


def test_dev_is_scored_as_the_saved_model_does_it(trained: Path, data: Path) -> None:
    from ml.evaluation.retrieval import evaluate

    scores = evaluate(ml.load_encoder(str(trained / "model")), data=data, split="dev")

    metrics = read_json(trained, "metrics.json")
    mine = [metrics[f"text_to_image_r{depth}"] for depth in (1, 5, 10)]
    assert np.abs(np.array(mine) - scores.text_to_image).max() <= 2 / 72  # bfloat16 may swap neighbours


def test_save_and_load_give_the_same_embeddings(options: Options, tmp_path: Path, pictures: Any) -> None:
    lesson = Lesson(replace(options, bfloat16=False))
    lesson.network.eval()
    tokens = lesson.dev_tokens[torch.arange(6)]
    with torch.no_grad():
        texts = lesson.network.encode_texts(tokens.ids, tokens.mask)

    lesson.save(lesson.network, tmp_path / "model")

    encoder = ml.load_encoder(str(tmp_path / "model"))
    rows = (Path(options.data) / "dev/metadata.jsonl").read_text().splitlines()[:3]
    captions = [caption for row in rows for caption in json.loads(row)["captions"]]
    np.testing.assert_allclose(encoder.encode_texts(captions), texts, atol=5e-3)  # weights in float16
    before = encoder.info
    lesson.save(lesson.network, tmp_path / "again")
    after = ml.load_encoder(str(tmp_path / "again")).info
    assert (before.name, before.revision) == ("model", "local")
    assert (before.weights_hash, before.preprocessing) == (after.weights_hash, after.preprocessing)


def test_a_run_that_was_stopped_goes_on_to_the_same_end(
    options: Options, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    train(started(tmp_path / "through", options))
    run = started(tmp_path / "stopped", options)
    log = Run.log

    def stop_in_the_second_epoch(self: Run, **figures: float) -> None:
        log(self, **figures)
        if figures["step"] == 13:
            os.kill(os.getpid(), signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "log", stop_in_the_second_epoch)
        with pytest.raises(Stopped, match="go on with"):
            train(run)

    train(Run.resume(run.folder))

    through, stopped = (read_json(tmp_path / name, "metrics.json") for name in ("through", "stopped"))
    assert through == stopped
    assert [line["step"] for line in curve(run.folder) if "loss" in line] == list(range(1, 21))


def test_the_command_trains_and_the_card_tells_the_figures(data: Path, cache: Path, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    arguments = [f"--{name.replace('_', '-')}={value}" for name, value in {**SMALL, "epochs": 1}.items()]

    assert main(["train", "clip", f"--data={data}", f"--cache={cache}", f"--output={folder}", *arguments]) == 0

    card = (folder / "model/README.md").read_text()
    figure = read_json(folder, "metrics.json")["text_to_image_r10"]
    assert f"{100 * figure:.1f}" in card
    assert "--width=48" in card
    assert str(tmp_path) not in (folder / "model/config.json").read_text()


@pytest.mark.parametrize("family", ["bert", "distilbert", "roberta"])
def test_any_bert_may_be_the_text_tower(family: str, options: Options, tmp_path: Path) -> None:
    from transformers import AutoConfig, AutoModel

    sizes = {"vocab_size": len(checkpoints.WORDS), "pad_token_id": 2, "max_position_embeddings": 80}
    small = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    if family == "distilbert":
        small = {"dim": 16, "n_layers": 1, "n_heads": 2, "hidden_dim": 32}
    AutoModel.from_config(AutoConfig.for_model(family, **sizes, **small)).save_pretrained(tmp_path / "text")
    checkpoints.tokenizer().save_pretrained(tmp_path / "text")
    lesson = Lesson(replace(options, text=str(tmp_path / "text")))

    lesson.save(lesson.network, tmp_path / "model")
    encoder = ml.load_encoder(str(tmp_path / "model"))

    texts = ["a red dog", "the cat sits on the grass"]
    alone = [encoder.encode_texts([text])[0] for text in texts]
    np.testing.assert_allclose(encoder.encode_texts(texts), alone, atol=1e-5)
    assert not np.allclose(*alone, atol=1e-3)


@pytest.mark.parametrize("family", ["bert", "roberta"])
def test_a_text_tower_reads_no_more_than_it_has_places_for(
    family: str, written_checkpoint: Any, options: Options, tmp_path: Path
) -> None:
    lesson = Lesson(replace(options, text=str(written_checkpoint(family))))
    lesson.save(lesson.network, tmp_path / "model")

    long = " ".join(["a red dog on the grass"] * 10)
    encoder = ml.load_encoder(str(tmp_path / "model"))
    assert lesson.network.shape.length == checkpoints.LENGTH
    assert encoder.encode_texts([long]).shape == (1, 32)
    assert lesson.tokens.ids.shape[1] <= checkpoints.LENGTH


def test_what_cannot_be_done_is_one_sentence(
    written_checkpoint: Any, data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for arguments, sentence in {
        ("--text=no/model",): "no/model is not on this machine; fetch it with",
        (f"--text={written_checkpoint('clip')}",): "is a clip model, which is no text tower known here",
        ("--text=none", "--side=33"): "side is not a multiple of patch",
        ("--text=none", "--batch=1"): "--batch must be at least 2",
        ("--text=none", "--width=16", "--heads=3"): "Such a text tower cannot be",
        ("--text=none", "--heads=0"): "--heads must be at least 1",
        ("--text=none", "--label-smoothing=2"): "--label-smoothing must be at least 0 and at most 1",
    }.items():
        folder = tmp_path / f"run{sentence[:5]}"
        assert main(["train", "clip", f"--data={data}", f"--cache={tmp_path}", f"--output={folder}", *arguments]) == 1
        error = capsys.readouterr().err.split("\r")[-1]
        assert sentence in error
        assert "Traceback" not in error


def test_a_file_that_is_no_picture_is_named(tmp_path: Path, options: Options) -> None:
    folder = pairs.shapes(tmp_path / "data", train=1)
    whole = (folder / "train/3.png").read_bytes()
    for broken in (b"<html>", pairs.broken_png(whole)):
        (folder / "train/3.png").write_bytes(broken)
        with pytest.raises(DatasetError, match=r"3\.png cannot be read as a picture"):
            Lesson(replace(options, data=str(folder), cache=str(tmp_path / "cache")))

    assert not list((tmp_path / "cache").iterdir())


def test_a_damaged_model_folder_is_told(trained: Path, tmp_path: Path) -> None:
    import shutil

    def copy(name: str) -> Path:
        return shutil.copytree(trained / "model", tmp_path / name)

    (copy("cut") / "model.safetensors").write_bytes(b"1234")
    checkpoints.rewrite(copy("other") / "config.json", width=64)
    checkpoints.rewrite(copy("typed") / "config.json", side="large")
    checkpoints.rewrite(copy("strange") / "config.json", text={"model_type": "llama"})
    (copy("words") / "tokenizer.json").write_text("{")
    (copy("none") / "tokenizer.json").unlink()

    for name, (error, sentence) in {
        "cut": (ModelCorrupt, "cut is damaged or truncated"),
        "other": (ModelCorrupt, "of other do not fit"),
        "typed": (ModelCorrupt, "of typed do not fit"),
        "strange": (ModelUnsupported, "llama is not known"),
        "words": (ModelCorrupt, r"tokenizer\.json of words is damaged"),
        "none": (ModelNotFound, r"has no tokenizer\.json"),
    }.items():
        with pytest.raises(error, match=sentence):
            ml.load_encoder(str(tmp_path / name))


def test_a_full_disk_is_an_error_and_leaves_no_file(options: Options, small_disk: Path) -> None:
    with pytest.raises(OSError, match="No space left"):
        Lesson(replace(options, cache=str(small_disk)))
    assert not list(small_disk.iterdir())
