"""`python -m ml`, by its `main` and, once, as a process."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from PIL import Image as PILImage

from ml.__main__ import COMMANDS, main
from ml.commands import data, evaluate, train
from ml.errors import Stopped

NESTED = {"data": data.COMMANDS, "evaluate": evaluate.COMMANDS, "train": train.FAMILIES}
LEAVES = [(name,) for name in COMMANDS if name not in NESTED] + [
    (name, leaf) for name in NESTED for leaf in NESTED[name]
]


@pytest.fixture
def photos(tmp_path: Path) -> dict[str, str]:
    """Paths of a red and a blue photo."""
    paths = {colour: str(tmp_path / f"{colour}.png") for colour in ("red", "blue")}
    for colour, path in paths.items():
        PILImage.new("RGB", (30, 20), colour).save(path)
    return paths


def test_caption(photos: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["caption", "--model", "fake", *photos.values()]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"{photos['red']}: a mostly red picture [1.00]",
        f"{photos['blue']}: a mostly blue picture [1.00]",
    ]


def test_match_puts_the_best_first(photos: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["match", "blue", *photos.values(), "--model", "fake"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        f"1.000  {photos['blue']}",
        f"0.000  {photos['red']} (below the model's floor)",
    ]


def test_pictures_are_turned_upright(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    lying = PILImage.new("RGB", (40, 40), "blue")
    lying.paste("red", (0, 0, 20, 40))
    orientation = lying.getexif()
    orientation[0x0112] = 6  # turn a quarter clockwise to see it upright: red goes to the top
    lying.save(tmp_path / "lying.png", exif=orientation)

    for place in ("top", "bottom"):
        main(["match", f"red {place}", str(tmp_path / "lying.png"), "--model", "fake"])
    top, bottom = capsys.readouterr().out.splitlines()

    assert "floor" not in top
    assert "floor" in bottom


def test_what_cannot_be_done_is_one_sentence(
    photos: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = tmp_path / "text.jpg"
    text.write_text("not a picture")
    for arguments, sentence in {
        ("caption", "--model", "no/model", photos["red"]): "no/model is not on this machine; fetch it with",
        ("caption", "--model", "fake", str(text)): f"{text} cannot be read as a picture",
        ("match", "red", str(tmp_path / "absent.jpg"), "--model", "fake"): "absent.jpg cannot be read as a picture",
        ("pull", "nonsense"): "nonsense is neither a folder nor the id of a model on the hub",
        ("evaluate", "captions", "--model", "fake", "--data", str(tmp_path)): "is no image folder with a split test",
        ("evaluate", "retrieval", "--model", "fake", "--data", str(text)): "is no image folder with a split test",
        ("train", "--resume", str(tmp_path)): f"{tmp_path} is no run: it has no config.json",
        ("dance",): "python -m ml has no command dance; it has data, train, evaluate, export, caption, match, pull, ",
        ("data", "dance"): "python -m ml data has no command dance; it has flickr8k, conceptual-captions, scrape, ",
        ("evaluate", "encoder"): "python -m ml evaluate has no command encoder; it has captions, retrieval, classes, ",
        ("train", "dance"): "There is no family dance to train; there are encoder, captioner, chorus, vit-bert, clip, ",
    }.items():
        assert main(arguments) == 1
        output = capsys.readouterr()
        assert sentence in output.err
        assert output.err.count("\n") == 1
        assert output.out == ""


def test_evaluate_prints_the_table(photos: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "Flicker8k_Dataset").mkdir()
    for path in map(Path, photos.values()):
        path.rename(tmp_path / "Flicker8k_Dataset" / path.name)
    captions = [f"{colour}.png#{n}\tA {colour} picture ." for colour in photos for n in range(5)]
    (tmp_path / "Flickr8k.token.txt").write_text("\n".join(captions))
    (tmp_path / "Flickr_8k.testImages.txt").write_text("red.png\nblue.png\n")

    for role, measure in {"retrieval": "R@1", "captions": "ROUGE-L"}.items():
        assert main(["evaluate", role, "--model", "fake", "--data", str(tmp_path)]) == 0
        assert measure in capsys.readouterr().out


def test_models_lists_what_is_here(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models"]) == 0
    lines = [line.split("  ") for line in capsys.readouterr().out.splitlines()]
    assert [(role, name) for role, name, *_ in lines] == [
        ("encoder", "builtin"),
        ("encoder", "fake"),
        ("captioner", "builtin"),
        ("captioner", "fake"),
        ("text reader", "rapidocr"),
        ("text reader", "fake"),
    ]
    assert ["encoder", "fake", "available", "fake@1-000000000000"] in lines


@pytest.mark.parametrize("asked", [[], ["-h"], ["--help"]])
@pytest.mark.parametrize("level", ["", *NESTED])
def test_help_of_a_level_lists_its_commands(level: str, asked: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*filter(None, [level]), *asked]) == 0
    listed = [line.split() for line in capsys.readouterr().out.splitlines() if line.startswith("  ")]
    table = NESTED.get(level, COMMANDS)
    assert [words[0] for words in listed] == [*table]
    assert all(" ".join(words[1:]) == table[words[0]][1] for words in listed)


@pytest.mark.parametrize("command", LEAVES, ids=" ".join)
def test_help_of_a_command_says_what_it_takes(command: tuple[str, ...], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="0"):
        main([*command, "--help"])
    assert capsys.readouterr().out.startswith(f"usage: python -m ml {' '.join(command)} ")


def test_what_ctrl_c_kept_is_said(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    def stop(*_: object) -> None:
        raise Stopped("Stopped after step 3.")

    monkeypatch.setattr("ml.commands.models.run", stop)
    assert main(["models"]) == 130
    assert capsys.readouterr().err == "\nStopped after step 3.\n"


def test_ctrl_c_ends_a_command_in_a_word(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "photo.jpg")
    command = [sys.executable, "-m", "ml", "caption", str(tmp_path / "photo.jpg"), "--model", "fake"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with (tmp_path / "photo.jpg").open("wb"):  # opens once the command opens it too, and waits for a picture
        process.send_signal(signal.SIGINT)
        output, error = process.communicate(timeout=240)
    assert (process.returncode, output, error) == (130, "", "\nStopped.\n")


def test_it_runs_as_a_module(photos: dict[str, str]) -> None:
    command = [sys.executable, "-m", "ml", "caption", photos["red"], "--model", "fake"]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stdout) == (0, f"{photos['red']}: a mostly red picture [1.00]\n")
