"""A training run's folder: everything that one needs to trust, repeat, continue and compare it.

| file | what it holds |
|---|---|
| config.json | family, options, seed, git revision, versions, fingerprint of the data |
| curve.jsonl, curves.png | the figures of each step and epoch, as lines and as plots |
| checkpoint.pt | the last state, from which `train --resume` goes on; gone once the run is done |
| model/ | the best model so far, in the form that `ml.load_…` opens |
| metrics.json | the final figures |
| samples.html | pictures of dev with what the model says of them, or what queries find |
| README.md | the model card |
"""

import json
import platform
import shutil
import subprocess
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

from ml.errors import RunError
from ml.files import alone, whole

CONFIG = "config.json"
CURVE = "curve.jsonl"
CHECKPOINT = "checkpoint.pt"
METRICS = "metrics.json"
SAMPLES = "samples.html"
MODEL = "model"
CARD = "README.md"


@dataclass(frozen=True)
class Run:
    """A run's folder, open for writing."""

    folder: Path
    family: str
    options: Mapping[str, Any]  #: as `ml.training.options.to_json` gave them

    @classmethod
    def start(cls, folder: Path, *, family: str, options: Mapping[str, Any], data: Mapping[str, str]) -> "Run":
        """Begin a run; `data` is the fingerprint of each split that it reads.

        Raises RunError where the folder already holds one, or cannot be written.
        """
        if (folder / CONFIG).exists():
            raise RunError(f"{folder} already holds a run: go on with `train --resume {folder}`, or name another.")
        config = {
            "family": family,
            "options": dict(options),
            "data": dict(data),
            "revision": _git_revision(),
            "python": platform.python_version(),
            "torch": version("torch"),
            "transformers": version("transformers"),
        }
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _write(folder / CONFIG, json.dumps(config, indent=2))
        except OSError as error:
            raise RunError(f"The run's folder {folder} cannot be written: {error.strerror}.") from error
        return cls(folder, family, options)

    @classmethod
    def resume(cls, folder: Path) -> "Run":
        """Go on with a run. Raises RunError where there is none."""
        config = read_json(folder, CONFIG)
        try:
            family, options = config["family"], config["options"]
        except KeyError as error:
            raise RunError(f"{folder / CONFIG} does not say what kind of run it is: {error} is missing.") from error
        if not isinstance(family, str) or not isinstance(options, dict):
            raise RunError(f"{folder / CONFIG} is damaged: it does not hold the options of a run.")
        return cls(folder, family, options)

    def check_data(self, data: Mapping[str, str]) -> None:
        """Raise RunError where the data's fingerprints are not those with which the run began."""
        began = read_json(self.folder, CONFIG).get("data")
        changed = [split for split in data if began and began.get(split) != data[split]]
        if changed:
            raise RunError(
                f"The {' and '.join(changed)} split changed since {self.folder} began; start another run on it."
            )

    @property
    def model(self) -> Path:
        """Where the best model so far belongs."""
        return self.folder / MODEL

    @property
    def done(self) -> bool:
        """Whether the run came to its end."""
        return (self.folder / METRICS).exists()

    def alone(self) -> AbstractContextManager[None]:
        """Keep other processes from training in this folder meanwhile; entering raises RunError where one is."""
        return alone(self.folder, RunError(f"Another process is training in {self.folder}; wait until it is done."))

    def log(self, **figures: float | int) -> None:
        """Add a line of figures to the curve; by custom one of them is `step` or `epoch`."""
        with (self.folder / CURVE).open("a", encoding="utf-8") as file:
            file.write(json.dumps(figures) + "\n")

    def save_state(self, state: Mapping[str, Any]) -> None:
        """Write everything that going on needs, whole or not at all: tensors and plain values, no objects.

        Raises RunError where it cannot be written; the state before is kept.
        """
        import torch

        try:
            with whole(self.folder / CHECKPOINT) as partial:
                torch.save(dict(state), partial)
        except (OSError, RuntimeError) as error:  # the latter is what torch makes of a full disk
            raise RunError(
                f"The state of {self.folder} cannot be written; make room, then `train --resume` goes on from the last."
            ) from error

    def state(self) -> dict[str, Any] | None:
        """What `save_state` wrote last; None where nothing was. Raises RunError where it cannot be read."""
        import pickle
        import zipfile

        import torch

        path = self.folder / CHECKPOINT
        if not path.exists():
            return None
        try:
            with zipfile.ZipFile(path) as archive:
                if archive.testzip() is not None:  # torch does not look at the checksums that it writes
                    raise ValueError("a checksum is wrong")
            state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
        except (
            zipfile.BadZipFile,
            OSError,
            EOFError,
            RuntimeError,
            LookupError,
            TypeError,
            ValueError,
            pickle.UnpicklingError,
        ) as error:
            raise self.damaged_state() from error
        return state

    def damaged_state(self) -> RunError:
        """What to raise where the state is there and cannot be used."""
        return RunError(f"{self.folder / CHECKPOINT} is damaged: remove it to begin again with the same options.")

    def forget_curve_after(self, *, step: int, epoch: int) -> None:
        """Drop the curve's lines of later steps and epochs than those to go on from: they will be written again."""
        lines = [line for line in curve(self.folder) if line.get("step", 0) <= step and line.get("epoch", 0) <= epoch]
        _write(self.folder / CURVE, "".join(json.dumps(line) + "\n" for line in lines))

    def finish(self, metrics: Mapping[str, Any], card: str) -> None:
        """Write final figures, plots and model card; the state to go on from is no longer needed."""
        from ml.evaluation.plots import plot_curves

        plot_curves(curve(self.folder), self.folder / "curves.png")
        _write(self.folder / CARD, card)
        if self.model.is_dir():
            shutil.copy(self.folder / CARD, self.model / CARD)
        _write(self.folder / METRICS, json.dumps(dict(metrics), indent=2))
        (self.folder / CHECKPOINT).unlink(missing_ok=True)


def curve(folder: Path) -> list[dict[str, Any]]:
    """The lines of a run's curve. Raises RunError where they are damaged."""
    path = folder / CURVE
    if not path.exists():
        return []
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        figures = [json.loads(line) for line in lines if line.endswith("}")]  # a killed run may leave half a line
    except ValueError as error:
        raise RunError(f"{path} is damaged: remove it to go on without the figures so far.") from error
    if not all(isinstance(each, dict) for each in figures):
        raise RunError(f"{path} is damaged: remove it to go on without the figures so far.")
    return figures


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """One of a run's JSON files. Raises RunError where it is missing or damaged."""
    try:
        content = json.loads((folder / name).read_text(encoding="utf-8"))
    except (FileNotFoundError, NotADirectoryError) as error:
        what = "no run" if name == CONFIG else "a run that is not done"
        raise RunError(f"{folder} is {what}: it has no {name}.") from error
    except ValueError as error:
        raise RunError(f"{folder / name} is damaged: it is not JSON.") from error
    if not isinstance(content, dict):
        raise RunError(f"{folder / name} does not hold what it should.")
    return content


def _write(path: Path, text: str) -> None:
    with whole(path) as partial:
        partial.write_text(text, encoding="utf-8")


def _git_revision() -> str:
    """The commit of this code, with a + where files differ from it; `unknown` outside of a checkout."""
    here = Path(__file__).parent
    try:
        ask = ["git", "describe", "--always", "--dirty=+", "--abbrev=12", "--exclude=*"]
        return subprocess.run(ask, cwd=here, capture_output=True, text=True, check=True).stdout.strip()  # noqa: S603
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
