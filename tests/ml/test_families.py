"""Every family ends in the same files, its model is exported and opens elsewhere, and a run that is done stays so."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image as PILImage

import ml
from ml.__main__ import main
from ml.commands.train import FAMILIES
from ml.datasets.examples import read
from ml.training.options import CACHE, to_arguments
from ml.training.text_vectors import sentence_vectors
from tests.ml.pairs import patterns, shapes

pytestmark = pytest.mark.training

FILES = ["README.md", "config.json", "curve.jsonl", "curves.png", "metrics.json", "model", "samples.html"]
CAPTIONS = ["a red dog runs on snow", "the blue bird sits in water", "a green cat", "the photo of a dog on grass"]
ENCODERS = {"clip", "finetune-clip", "encoder"}


@pytest.fixture
def arguments(written_checkpoint: Callable[[str], Path], tmp_path: Path) -> Callable[[str], list[str]]:
    """What a family is told so that it trains a few steps on four pictures."""
    common = {"data": str(patterns(tmp_path / "data", CAPTIONS)), "cache": str(tmp_path / "cache"), "seed": 3}

    def of(family: str) -> list[str]:
        small: dict[str, dict[str, Any]] = {
            "captioner": {
                **{"backbone": written_checkpoint("resnet"), "epochs": 1, "critical_epochs": 1, "pictures": 2},
                **{"seen": 1, "own_captions": 2},
            },
            "vit-bert": {"encoder": written_checkpoint("vit"), "decoder": written_checkpoint("bert"), "epochs": 2},
            "clip": {
                **{"text": "none", "side": 32, "patch": 8, "width": 16, "depth": 1, "heads": 2, "dimension": 8},
                **{"epochs": 2, "batch": 2},
            },
            "finetune-clip": {"model": written_checkpoint("clip"), "epochs": 2, "batch": 2},
            "encoder": {
                **{"members": 1, "steps": 2, "rounds": 2, "crops": 1, "prompts": 40, "class_pictures": 40},
            },
        }
        if family == "chorus":
            voices = [tmp_path / f"voice{seed}" for seed in (1, 2)]
            for seed, voice in enumerate(voices):
                told = to_arguments(common | small["captioner"] | {"seed": seed})
                assert main(["train", "captioner", "--output", str(voice), *told]) == 0
            small["chorus"] = {"models": ",".join(f"{voice}/model" for voice in voices)}
        return to_arguments(common | small[family])

    return of


@pytest.mark.parametrize(
    "family", [pytest.param(name, marks=pytest.mark.models) if name == "encoder" else name for name in FAMILIES]
)
def test_a_run_leaves_all_that_it_should_and_its_model_is_served(
    family: str, arguments: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if family == "encoder":
        _fewer_prompts(monkeypatch)
    run, served = tmp_path / "run", tmp_path / "served"

    assert main(["train", family, "--output", str(run), *arguments(family)]) == 0

    files = [name for name in FILES if (family, name) != ("chorus", "curve.jsonl")]  # it learns nothing
    assert sorted(path.name for path in run.iterdir()) == files
    assert (run / "curves.png").read_bytes().startswith(b"\x89PNG")
    _check_page((run / "samples.html").read_text(), family)
    _check_card((run / "README.md").read_text(), family)
    assert json.loads((run / "config.json").read_text())["options"]["seed"] == 3

    assert main(["export", str(run), str(served)]) == 0
    examples = list(read(tmp_path / "data", "dev"))
    _use(str(served), family, [PILImage.open(each.path) for each in examples])
    assert (served / "README.md").read_text() == (run / "README.md").read_text()

    capsys.readouterr()
    assert main(["train", "--resume", str(run)]) == 1
    assert capsys.readouterr().err == f"{run} is done: there is nothing to go on with.\n"


def _fewer_prompts(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentence vectors of the set's captions are MiniLM's; of 47,000 prompts, which take minutes, they are drawn."""

    def vectors(texts: list[str], cache: Path, name: str, tower: Any) -> torch.Tensor:
        if len(texts) < 100:
            return sentence_vectors(texts, cache, name, tower)
        drawn = torch.randn(len(texts), 384, generator=torch.Generator().manual_seed(0))
        return torch.nn.functional.normalize(drawn, dim=-1)

    monkeypatch.setattr("ml.training.dual_encoder.sentence_vectors", vectors)


def _check_page(page: str, family: str) -> None:
    assert page.count("<figure>") == len(CAPTIONS)
    assert all(caption in page for caption in CAPTIONS)
    if family in ENCODERS:
        assert page.count('alt="the right picture"') == len(CAPTIONS)  # of four pictures all are found
        assert "of 4</p>" in page
    else:
        assert page.count("confidence ") == len(CAPTIONS)


def _check_card(card: str, family: str) -> None:
    assert "drawn: CC0-1.0 (4 pictures)" in card
    assert f"python -m ml train {family} --data data --output RUN" in card
    assert "--seed=3" in card
    assert "/" not in card.partition("```")[2]  # no folder of the machine that trained
    assert ("| text to image R@1 | " if family in ENCODERS else "| rouge l best | ") in card


def _use(name: str, family: str, images: list[PILImage.Image]) -> None:
    if family in ENCODERS:
        encoder = ml.load_encoder(name)
        vectors = np.concatenate([encoder.encode_images(images), encoder.encode_texts(CAPTIONS)])
        np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1.0, atol=1e-3)
    else:
        results = ml.load_captioner(name).caption(images)
        assert len(results) == len(images)
        assert all(0.0 <= result.confidence <= 1.0 for result in results)


def test_all_keep_features_in_one_place() -> None:
    from importlib import import_module

    caches = {
        module: import_module(module).Options.__dataclass_fields__["cache"].default for module, _ in FAMILIES.values()
    }
    assert set(caches.values()) == {CACHE}


def test_the_card_tells_where_pictures_come_from_and_hides_folders(tmp_path: Path) -> None:
    from ml.training.finish import card
    from ml.training.run import Run

    data = shapes(tmp_path / "data", train=1)
    rows = [json.loads(line) for line in (data / "train" / "metadata.jsonl").read_text().splitlines()]
    for row in rows[:3]:
        row |= {"source": f"https://photos.example/{row['file_name']}", "licence": "CC-BY-4.0"}
    (data / "train" / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    options = {"data": str(data), "cache": "", "model": str(tmp_path / "some model"), "rate": -1.0, "mirror": False}
    run = Run.start(tmp_path / "run", family="clip", options=options, data={})

    told = card(run, task="image-to-text", title="A title", text="A text.", dev={"image_to_text_r5": 0.25, "x_y": 2.0})

    assert "36 pictures with 72 captions" in told
    assert told.index("- drawn: CC0-1.0 (33 pictures)") < told.index("- photos.example: CC-BY-4.0 (3 pictures)")
    assert "--data data --output RUN '--model=some model' --rate=-1.0 --no-mirror\n" in told
    assert "| image to text R@5 | 25.0 % |\n| x y | 2 |\n" in told
    assert str(tmp_path) not in told


def test_an_encoder_without_crops_is_refused(
    arguments: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["train", "encoder", "--output", str(tmp_path / "run"), *arguments("encoder"), "--crops=0"]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("--crops must be at least 1")
