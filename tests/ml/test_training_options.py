"""Options of a trainer on a command line and in config.json."""

import argparse
from dataclasses import dataclass
from pathlib import Path

import pytest

from ml.errors import RunError, UsageError
from ml.training.options import add_arguments, from_arguments, from_json, option, to_arguments, to_json


@dataclass(frozen=True)
class Options:
    data: str = option(help="where the data lies")
    rate: float = option(help="how fast it learns")
    cache: str = option("~/cache", "where features lie")
    seed: int = option(0, "of the dice")
    patience: int | None = option(None, "how long to wait")
    decay: float | None = option(0.5, "how much")
    mirrored: bool = option(True, "flip half of the pictures")
    strict: bool = option(False, "be strict")
    share: float = option(0.5, "of the words", least=0.1, most=1)
    mode: str = option("full", "what to train", ("full", "lora"))


def parse(*arguments: str) -> Options:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Options)
    return from_arguments(Options, parser.parse_args(arguments))


def test_what_is_not_given_has_its_default() -> None:
    assert parse("--data", "/data", "--rate", "1e-3") == Options(
        data="/data", rate=0.001, cache=str(Path.home() / "cache")
    )


def test_every_kind_of_option_is_read(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    given = "--data here --rate 2 --cache . --seed 7 --patience 3 --decay 0.25 --no-mirrored --strict --mode lora"
    assert parse(*given.split()) == Options(
        data=str(tmp_path / "here"),
        rate=2.0,
        cache=str(tmp_path),
        seed=7,
        patience=3,
        decay=0.25,
        mirrored=False,
        strict=True,
        mode="lora",
    )


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        (["--seed", "x"], "argument --seed: invalid int value: 'x'"),
        (["--decay", "x"], "argument --decay: invalid float value: 'x'"),
        (["--mode", "x"], "argument --mode: invalid choice: 'x'"),
        (["--unknown"], "unrecognized arguments: --unknown"),
    ],
)
def test_what_cannot_be_read_is_said(wrong: list[str], sentence: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("--data", "/data", "--rate", "1", *wrong)
    assert sentence in capsys.readouterr().err


def test_what_is_needed_is_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        parse("--rate", "1")
    assert "the following arguments are required: --data" in capsys.readouterr().err


def test_help_says_what_each_means_and_its_default() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser, Options)
    text = " ".join(parser.format_help().split())
    assert "--rate RATE how fast it learns --cache" in text
    assert "--decay DECAY how much (default: 0.5)" in text
    assert "--mirrored, --no-mirrored flip half of the pictures (default: True)" in text
    assert "--mode {full,lora} what to train (default: full)" in text


def test_config_holds_the_same_options() -> None:
    options = parse("--data", "/data", "--rate", "1", "--patience", "2")
    assert from_json(Options, to_json(options)) == options
    with pytest.raises(RunError, match=r"do not fit this version of the trainer: .*'speed'"):
        from_json(Options, {**to_json(options), "speed": 1})
    with pytest.raises(RunError, match=r"do not fit this version of the trainer: .*'rate'"):
        from_json(Options, {"data": "/data"})


def test_the_command_line_of_options_gives_the_same_options() -> None:
    options = parse("--data", "/data", "--rate", "1e-3", "--no-mirrored", "--patience", "2")
    assert parse(*to_arguments(to_json(options))) == options


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("--rate=-1", "--rate must be at least 0: it cannot be -1.0."),
        ("--rate=nan", "--rate must be at least 0 and finite: it cannot be nan."),
        ("--rate=inf", "--rate must be at least 0 and finite: it cannot be inf."),
        ("--patience=-2", "--patience must be at least 0: it cannot be -2."),
        ("--share=0", "--share must be at least 0.1 and at most 1: it cannot be 0.0."),
        ("--share=1.5", "--share must be at least 0.1 and at most 1: it cannot be 1.5."),
    ],
)
def test_a_number_that_cannot_be_is_one_sentence(wrong: str, sentence: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse("--data=here", "--rate=1", wrong)
    assert str(caught.value) == sentence


def test_seeds_may_be_negative_and_a_home_that_is_not_there_stays_a_name(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    parsed = parse("--data=~nobody-of-this-name/set", "--rate=1", "--seed=-3")
    assert parsed.seed == -3
    assert parsed.data == str(tmp_path / "~nobody-of-this-name/set")
