"""A run's model as a folder that `ml.load_…` and the site's settings open, and that is refused once a byte changed."""

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import ml
from ml.__main__ import main
from ml.errors import ModelCorrupt, ModelError, ModelUnsupported, RunError
from ml.export import export
from ml.training.run import Run

MakeRun = Callable[..., Path]


@pytest.fixture
def make_run(written_checkpoint: Any, tmp_path: Path) -> MakeRun:
    """A run's folder around one of the small checkpoints."""

    def make(checkpoint: str = "clip", *, done: bool = True) -> Path:
        run = Run.start(tmp_path / "run", family="finetune-clip", options={"seed": 7}, data={"train": "abc"})
        shutil.copytree(written_checkpoint(checkpoint), run.model)
        if done:
            run.finish({"r1": 0.5}, "# A tiny model\n")
        return run.folder

    return make


def test_an_encoder_is_opened_from_its_folder(make_run: MakeRun, tmp_path: Path, pictures: Any) -> None:
    run = make_run()
    (run / "model" / ".model.safetensors.partial").write_bytes(b"half a file")

    assert export(run, tmp_path / "served") == "encoder"

    encoder = ml.load_encoder(str(tmp_path / "served"))
    np.testing.assert_array_equal(
        encoder.encode_images(pictures), ml.load_encoder(str(run / "model")).encode_images(pictures)
    )
    assert encoder.info.name == "served"
    assert (tmp_path / "served" / "README.md").read_text() == "# A tiny model\n"
    assert not [path.name for path in (tmp_path / "served").iterdir() if path.name.startswith(".")]
    assert not list(tmp_path.glob(".served*"))


def test_the_hashes_are_those_that_sha256sum_checks(make_run: MakeRun, tmp_path: Path) -> None:
    export(make_run(), tmp_path / "served")

    check = ["sha256sum", "--check", "--strict", "SHA256SUMS"]
    result = subprocess.run(check, cwd=tmp_path / "served", capture_output=True, text=True, check=False)

    listed = {line.partition(": ")[0] for line in result.stdout.splitlines()}
    assert result.returncode == 0
    assert listed == {path.name for path in (tmp_path / "served").iterdir()} - {"SHA256SUMS"}


def test_a_changed_byte_in_any_file_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    served = tmp_path / "served"
    export(make_run(), served)
    files = sorted(served.iterdir())
    assert len(files) >= 6

    for path in files:
        content = path.read_bytes()
        path.write_bytes(bytes([content[0] ^ 1]) + content[1:])
        with pytest.raises(ModelCorrupt, match=path.name):
            ml.load_encoder(str(served))
        path.write_bytes(content)
        ml.load_encoder(str(served))
        ml.registry.encoders.unload()
    (served / "config.json").unlink()
    with pytest.raises(ModelCorrupt, match=r"config\.json of served is missing"):
        ml.load_encoder(str(served))


def test_a_list_of_hashes_that_is_none_is_refused(make_run: MakeRun, tmp_path: Path) -> None:
    export(make_run(), tmp_path / "served")
    for content in (b"", b"\xff\xfe", b"nonsense\n"):
        (tmp_path / "served" / "SHA256SUMS").write_bytes(content)
        with pytest.raises(ModelCorrupt, match="SHA256SUMS of served is damaged"):
            ml.load_encoder(str(tmp_path / "served"))


def test_the_command_says_how_to_serve_a_captioner(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str], pictures: Any
) -> None:
    run, served = make_run("vit_bert"), tmp_path / "served"

    assert main(["export", str(run), str(served)]) == 0

    assert f"MMSITE_CAPTIONER={served}" in capsys.readouterr().out
    assert len(ml.load_captioner(str(served)).caption(pictures[:2])) == 2


def test_a_run_that_is_not_done_is_exported_only_on_demand(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run(done=False)
    with pytest.raises(RunError, match="is not done: go on with `train --resume"):
        export(run, tmp_path / "served")
    assert not (tmp_path / "served").exists()

    export(run, tmp_path / "served", unfinished=True)

    card = (tmp_path / "served" / "README.md").read_text()
    assert "not done" in card
    assert '"seed": 7' in card
    ml.load_encoder(str(tmp_path / "served"))


def test_what_is_there_is_left_alone(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    (tmp_path / "served").mkdir()
    (tmp_path / "served" / "mine.txt").write_text("precious")
    with pytest.raises(RunError, match="is there already"):
        export(run, tmp_path / "served")
    assert [path.name for path in (tmp_path / "served").iterdir()] == ["mine.txt"]


def test_a_model_that_cannot_be_served_leaves_nothing(make_run: MakeRun, tmp_path: Path) -> None:
    run = make_run()
    weights = run / "model" / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ModelCorrupt, match=r"The model of .* cannot be served: model.safetensors of served is damaged"):
        export(run, tmp_path / "served")

    config = run / "model" / "config.json"
    config.write_text(json.dumps(json.loads(config.read_text()) | {"model_type": "bert"}))
    with pytest.raises(ModelUnsupported, match="it is a bert model, which is neither an encoder nor a captioner"):
        export(run, tmp_path / "served")

    assert {path.name for path in tmp_path.iterdir()} <= {"run", "hub"}


@pytest.mark.parametrize(
    ("remove", "sentence"), [("config.json", "is no run: it has no config.json"), ("model", "has no model yet")]
)
def test_needs_a_run_with_a_model(make_run: MakeRun, tmp_path: Path, remove: str, sentence: str) -> None:
    run = make_run()
    path = run / remove
    shutil.rmtree(path) if path.is_dir() else path.unlink()
    with pytest.raises(RunError, match=sentence):
        export(run, tmp_path / "served")


def test_a_folder_that_cannot_be_made_is_one_sentence(
    make_run: MakeRun, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_text("")
    assert main(["export", str(make_run()), str(tmp_path / "file" / "served")]) == 1
    assert capsys.readouterr().err == f"{tmp_path}/file/served cannot be written: Not a directory.\n"


def test_the_settings_of_the_site_take_a_folder(
    make_run: MakeRun, tmp_path: Path, settings: Any, pictures: Any
) -> None:
    from captioning import engine as captioning
    from search import engine as search

    export(make_run(), tmp_path / "seeing")
    shutil.rmtree(tmp_path / "run")
    export(make_run("vit_gpt2"), tmp_path / "telling")
    settings.ENCODER, settings.CAPTIONER = str(tmp_path / "seeing"), str(tmp_path / "telling")

    assert search.configured_encoder().encode_images(pictures).shape == (len(pictures), 8)
    assert "seeing@local-" in search.describe()
    assert captioning.get_captioner().caption(pictures[:1])
    assert "telling@local-" in captioning.describe()

    (tmp_path / "seeing" / "tokenizer.json").write_text("{}")
    ml.registry.encoders.unload()
    with pytest.raises(ModelError, match=r"tokenizer\.json of seeing is damaged"):
        search.configured_encoder()
