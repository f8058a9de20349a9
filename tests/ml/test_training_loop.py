"""`python -m ml train`: stopped, killed and gone on with, it ends where an uninterrupted run ends."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest
import torch
from PIL import Image as PILImage
from safetensors.torch import load_file
from torch import nn

from ml.__main__ import main
from ml.commands.train import FAMILIES
from ml.errors import RunError
from ml.training.loop import Averaged, Task, fit
from ml.training.run import Run, curve
from tests.ml import tiny_family

pytestmark = pytest.mark.training

COUNTS = {"train": 12, "dev": 6}
STEPS = COUNTS["train"] // tiny_family.BATCH  #: of an epoch


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("data")
    for split, count in COUNTS.items():
        (root / split).mkdir()
        rows = [{"file_name": f"{number}.png", "captions": ["x" * (3 * number % 7)]} for number in range(count)]
        (root / split / "metadata.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return root


@pytest.fixture(autouse=True)
def _tiny(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FAMILIES, "tiny", ("tests.ml.tiny_family", tiny_family.DESCRIPTION))


@pytest.fixture
def train(data: Path, tmp_path: Path) -> Callable[..., Path]:
    """Train a run of that name with these options to its end."""

    def start(name: str, *options: str) -> Path:
        assert main(["train", "tiny", "--data", str(data), "--output", str(tmp_path / name), *options]) == 0
        return tmp_path / name

    return start


def process(wait_at: int, *arguments: object) -> "subprocess.Popen[str]":
    """Such a run as a process, which waits before a step."""
    command = [sys.executable, "-m", "tests.ml.tiny_family", str(wait_at), "train", *map(str, arguments)]
    pipe = subprocess.PIPE
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    found = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, env=environment)
    assert found.stdout is not None
    for line in found.stdout:
        if line == f"step {wait_at}\n":
            return found
    raise AssertionError(found.communicate())


def outcome(run: Path) -> tuple[dict[str, list[float]], list[Mapping[str, float]], str]:
    """All that a run found: weights, curve and figures."""
    weights = {name: tensor.flatten().tolist() for name, tensor in load_file(run / "model/model.safetensors").items()}
    return weights, curve(run), (run / "metrics.json").read_text()


def test_the_seed_decides_everything(train: Callable[..., Path]) -> None:
    assert outcome(train("one")) == outcome(train("same"))
    assert outcome(train("one more", "--seed", "1"))[0] != outcome(train("again"))[0]


def test_a_run_holds_what_one_needs_to_trust_and_repeat_it(train: Callable[..., Path], data: Path) -> None:
    from ml.datasets.imagefolder import fingerprint

    run = train("run", "--rate", "0.01")
    config = json.loads((run / "config.json").read_text())
    assert config["family"] == "tiny"
    assert config["options"]["rate"] == 0.01
    assert config["data"] == {split: fingerprint(data, split) for split in ("train", "dev")}  # type: ignore[arg-type]
    assert config["torch"] == torch.__version__
    assert config["revision"]
    assert json.loads((run / "metrics.json").read_text())["epoch"] in (1, 2, 3)
    assert [line["step"] for line in curve(run) if "loss" in line] == list(range(1, 3 * STEPS + 1))
    assert [line["epoch"] for line in curve(run) if "fit" in line] == [1, 2, 3]
    assert (run / "README.md").read_text() == (run / "model" / "README.md").read_text()
    assert not (run / "checkpoint.pt").exists()
    with PILImage.open(run / "curves.png") as plot:
        assert len(plot.convert("RGB").getcolors(1 << 20) or []) > 10
    assert sorted(path.name for path in run.iterdir()) == [
        *("README.md", "config.json", "curve.jsonl", "curves.png", "metrics.json", "model"),
    ]


@pytest.mark.parametrize(
    ("wait_at", "options"),
    [(STEPS + 3, ()), (2 * STEPS, ("--average", "0.9", "--no-schedule"))],
    ids=["within an epoch", "at the last step of an epoch, averaged"],
)
def test_stopped_by_ctrl_c_a_run_goes_on_exactly(
    train: Callable[..., Path], data: Path, tmp_path: Path, wait_at: int, options: tuple[str, ...]
) -> None:
    run = tmp_path / "stopped"
    child = process(wait_at, "tiny", "--data", data, "--output", run, *options)
    child.send_signal(signal.SIGINT)
    _, error = child.communicate("go on\n", timeout=240)
    assert child.returncode == 130
    assert error.endswith(f"\nStopped after step {wait_at}; go on with `train --resume {run}`.\n")

    assert main(["train", "--resume", str(run)]) == 0
    assert outcome(run) == outcome(train("uninterrupted", *options))


def test_killed_a_run_goes_on_exactly(train: Callable[..., Path], data: Path, tmp_path: Path) -> None:
    run = tmp_path / "killed"
    for wait_at, arguments in {
        2: ("tiny", "--data", data, "--output", run),  # before anything was saved
        2 * STEPS + 2: ("--resume", run),
    }.items():
        child = process(wait_at, *arguments)
        child.kill()
        child.communicate()
        with (run / "curve.jsonl").open("a") as file:
            file.write('{"step": 4, "lo')
    assert main(["train", "--resume", str(run)]) == 0
    assert outcome(run) == outcome(train("uninterrupted"))


@pytest.fixture
def stopped(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A run that has a state to go on from."""

    def interrupt(step: int) -> None:
        if step == STEPS + 1:
            signal.raise_signal(signal.SIGINT)

    with monkeypatch.context() as patch:
        patch.setattr(tiny_family.train, "__defaults__", (interrupt,))
        run = tmp_path / "stopped"
        assert main(["train", "tiny", "--data", str(data), "--output", str(run)]) == 130
    return run


def failing(capsys: pytest.CaptureFixture[str], *arguments: object) -> str:
    """The sentence with which a command ends."""
    capsys.readouterr()
    assert main([*map(str, arguments)]) == 1
    return capsys.readouterr().err.splitlines()[-1]


def test_changed_data_is_refused(stopped: Path, data: Path, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    metadata = data / "train" / "metadata.jsonl"
    content = metadata.read_text()
    metadata.write_text(content.replace("xxx", "yyy"))
    try:
        sentence = failing(capsys, "train", "--resume", stopped)
    finally:
        metadata.write_text(content)
    assert sentence == f"The train split changed since {stopped} began; start another run on it."
    assert main(["train", "--resume", str(stopped)]) == 0


def test_a_corrupt_checkpoint_is_a_sentence(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    checkpoint = stopped / "checkpoint.pt"
    content = checkpoint.read_bytes()
    for damaged in (b"", b"nonsense", content[: len(content) // 2], content[:-30], b"\x80\x02."):
        checkpoint.write_bytes(damaged)
        sentence = failing(capsys, "train", "--resume", stopped)
        assert sentence == f"{checkpoint} is damaged: remove it to begin again with the same options."
    checkpoint.unlink()
    assert main(["train", "--resume", str(stopped)]) == 0


def test_a_checkpoint_with_some_wrong_bytes_or_another_content_is_refused(
    stopped: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    checkpoint = stopped / "checkpoint.pt"
    state = torch.load(checkpoint, weights_only=True)
    whole = bytearray(checkpoint.read_bytes())
    weights = next(iter(state["network"].values())).numpy().tobytes()
    place = bytes(whole).index(weights)
    whole[place] ^= 1
    checkpoint.write_bytes(whole)
    assert "is damaged" in failing(capsys, "train", "--resume", stopped)
    for other in ({"a": 1}, [1], {**state, "network": {}}):
        torch.save(other, checkpoint)
        assert "is damaged" in failing(capsys, "train", "--resume", stopped)


def test_a_damaged_configuration_or_curve_is_a_sentence(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    config = json.loads((stopped / "config.json").read_text())
    for wrong, sentence in (
        ({"options": [1]}, "is damaged"),
        ({"family": [1]}, "is damaged"),
        ({"options": {}}, "does not say which data set"),
    ):
        (stopped / "config.json").write_text(json.dumps({**config, **wrong}))
        assert sentence in failing(capsys, "train", "--resume", stopped)
    (stopped / "config.json").write_text(json.dumps(config))
    for damaged in (b"nonsense}\n", b"\xff}\n"):
        (stopped / "curve.jsonl").write_bytes(damaged)
        assert "curve.jsonl is damaged" in failing(capsys, "train", "--resume", stopped)
    (stopped / "curve.jsonl").unlink()
    assert main(["train", "--resume", str(stopped)]) == 0


def test_code_in_a_checkpoint_is_not_run(stopped: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    class Attack:
        def __reduce__(self) -> tuple[object, ...]:
            return Path.touch, (tmp_path / "owned",)

    torch.save({"place": Attack()}, stopped / "checkpoint.pt")
    assert "is damaged" in failing(capsys, "train", "--resume", stopped)
    assert not (tmp_path / "owned").exists()


def test_folders_that_hold_no_run_or_one_already_are_refused(
    stopped: Path, data: Path, tmp_path: Path, train: Callable[..., Path], capsys: pytest.CaptureFixture[str]
) -> None:
    start = ("train", "tiny", "--data", data, "--output")
    before = (stopped / "config.json").read_bytes()
    assert failing(capsys, *start, stopped) == (
        f"{stopped} already holds a run: go on with `train --resume {stopped}`, or name another."
    )
    assert (stopped / "config.json").read_bytes() == before
    (tmp_path / "file").write_text("")
    for folder in (tmp_path / "file", tmp_path / "file" / "run"):
        assert failing(capsys, *start, folder).startswith(f"The run's folder {folder} cannot be written: ")
    assert failing(capsys, "train", "--resume", data) == f"{data} is no run: it has no config.json."
    done = train("done")
    assert failing(capsys, "train", "--resume", done) == f"{done} is done: there is nothing to go on with."
    (stopped / "config.json").write_text("{")
    assert failing(capsys, "train", "--resume", stopped) == f"{stopped / 'config.json'} is damaged: it is not JSON."
    (stopped / "config.json").write_text("{}")
    assert "does not say what kind of run it is" in failing(capsys, "train", "--resume", stopped)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_a_sentence(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tmp_path.chmod(0o500)
    sentence = failing(capsys, "train", "tiny", "--data", data, "--output", tmp_path / "run")
    assert sentence == f"The run's folder {tmp_path / 'run'} cannot be written: Permission denied."


def test_missing_data_makes_no_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = failing(capsys, "train", "tiny", "--data", tmp_path, "--output", tmp_path / "run")
    assert "is no image folder with a split train" in sentence
    assert not (tmp_path / "run").exists()


def test_two_processes_in_one_run_are_refused(stopped: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with Run.resume(stopped).alone():
        assert failing(capsys, "train", "--resume", stopped).startswith("Another process is training in")
    assert main(["train", "--resume", str(stopped)]) == 0


def test_a_loss_that_is_no_number_ends_the_run(data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sentence = failing(capsys, "train", "tiny", "--data", data, "--output", tmp_path / "run", "--rate", "1e30")
    assert sentence.startswith("The loss of step ")
    assert sentence.endswith("start another run with a lower learning rate.")


def test_training_ends_once_dev_gets_no_better(train: Callable[..., Path]) -> None:
    run = train("patient", "--patience", "2", "--epochs", "9", "--figure", "same")
    assert [line["epoch"] for line in curve(run) if "same" in line] == [1, 2, 3]
    assert json.loads((run / "metrics.json").read_text())["epoch"] == 1
    assert (run / "README.md").read_text() == "# Tiny\n\nBest in epoch 1.\n"
    longer = train("longer", "--epochs", "9", "--figure", "same")
    assert outcome(longer)[0] == outcome(run)[0]  # the model of the best epoch, not of the last


def test_the_average_follows_the_weights_and_keeps_their_buffers() -> None:
    network = nn.Sequential(nn.Linear(1, 1), nn.BatchNorm1d(1))
    averaged = Averaged(network, decay=0.5)
    with torch.no_grad():
        for step in range(1, 30):
            network[0].weight.fill_(float(step))
            network[1].running_mean.fill_(float(step))  # type: ignore[operator,union-attr]
            averaged.update(network)
    assert averaged.network[0].weight.item() == pytest.approx(28.0, abs=0.01)  # type: ignore[arg-type,index]
    assert averaged.network[1].running_mean.item() == 29.0  # type: ignore[arg-type,index]
    assert not averaged.network.training


def test_the_average_is_what_is_scored_and_saved(train: Callable[..., Path]) -> None:
    plain, averaged = train("plain"), train("averaged", "--average", "0.9")
    assert [line["loss"] for line in curve(plain) if "loss" in line] == [
        line["loss"] for line in curve(averaged) if "loss" in line
    ]
    assert outcome(plain)[0] != outcome(averaged)[0]
    assert [line["fit"] for line in curve(plain) if "fit" in line] != [
        line["fit"] for line in curve(averaged) if "fit" in line
    ]


def test_gradients_are_held_to_their_norm(tmp_path: Path) -> None:
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)

    def batches(epoch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        yield torch.full((1, 1), 1000.0)

    def step(batch: torch.Tensor) -> torch.Tensor:
        loss: torch.Tensor = network(batch).sum()
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    task = Task(
        network=network,
        optimiser=torch.optim.SGD(network.parameters(), lr=1.0),
        schedule=None,
        steps_per_epoch=1,
        epochs=1,
        batches=batches,
        step=step,
        score=lambda network: {"fit": 0.0},
        figure="fit",
        save=lambda network, folder: None,
        gradient_norm=0.25,
    )
    run = Run.start(tmp_path / "run", family="tiny", options={}, data={})
    assert fit(run, task) == {"fit": 0.0, "epoch": 1}
    assert network.weight.item() == pytest.approx(-0.25)
    assert curve(run.folder)[0]["gradient_norm"] == 1000.0


def test_a_second_ctrl_c_stops_at_once(data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def twice(step: int) -> None:
        if step == 2:
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(tiny_family.train, "__defaults__", (twice,))
    assert main(["train", "tiny", "--data", str(data), "--output", str(tmp_path / "run")]) == 130
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    assert len(curve(tmp_path / "run")) == 1


def test_a_full_disk_is_a_sentence_and_keeps_the_last_state(small_disk: Path) -> None:
    run = Run(small_disk, "tiny", {})
    run.save_state({"step": 1})
    with pytest.raises(RunError, match="cannot be written; make room, then `train --resume` goes on from the last"):
        run.save_state({"step": 2, "weights": torch.zeros(100_000)})
    assert run.state() == {"step": 1}
    assert [path.name for path in small_disk.iterdir()] == ["checkpoint.pt"]
