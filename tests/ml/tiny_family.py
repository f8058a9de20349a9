"""A family of models that trains in a blink: what its dropout and its shuffling draw shows in every weight.

As a script it is `python -m ml` with the family `tiny`, which says `step N` before step N and waits there for a
line where N is the first argument.
"""

import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import nn

from ml.datasets.examples import read
from ml.training.loop import Task, fit
from ml.training.options import from_json, option
from ml.training.run import Run

DESCRIPTION = "Guess the length of a caption from the number in its file's name."
SPLITS = ("train", "dev")
BATCH = 2


@dataclass(frozen=True)
class Options:
    data: str = option(help="an image folder")
    cache: str = option("cache", "unused")
    seed: int = option(0, "of everything that is drawn")
    epochs: int = option(3, "how often all is seen")
    rate: float = option(0.05, "learning rate")
    average: float | None = option(None, "decay of the average of the weights")
    patience: int | None = option(None, "epochs without a better score")
    schedule: bool = option(True, "fall to zero")
    figure: str = option("fit", "what counts", ("fit", "same"))


def train(run: Run, before_step: Callable[[int], None] = lambda step: None) -> None:
    options = from_json(Options, run.options)
    inputs, targets = (_numbers(Path(options.data), split) for split in SPLITS)
    torch.manual_seed(options.seed)
    network = nn.Sequential(nn.Linear(1, 8), nn.Dropout(0.5), nn.Linear(8, 1))
    optimiser = torch.optim.AdamW(network.parameters(), lr=options.rate)
    steps = len(inputs) // BATCH

    def batches(epoch: int, generator: torch.Generator) -> Iterator[torch.Tensor]:
        for number, rows in enumerate(torch.randperm(len(inputs), generator=generator).split(BATCH)):
            before_step((epoch - 1) * steps + number + 1)
            yield inputs[rows]

    def step(batch: torch.Tensor) -> torch.Tensor:
        loss = (network(batch[:, :1]) - batch[:, 1:]).square().mean()
        loss.backward()
        return loss

    def score(network: nn.Module) -> dict[str, float]:
        with torch.inference_mode():
            return {"fit": -float((network(targets[:, :1]) - targets[:, 1:]).square().mean()), "same": 0.0}

    def save(network: nn.Module, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        save_file(network.state_dict(), folder / "model.safetensors")

    schedule = torch.optim.lr_scheduler.LinearLR(optimiser, 1.0, 0.0, steps * options.epochs)
    task = Task(
        network=network,
        optimiser=optimiser,
        schedule=schedule if options.schedule else None,
        steps_per_epoch=steps,
        epochs=options.epochs,
        batches=batches,
        step=step,
        score=score,
        figure=options.figure,
        save=save,
        seed=options.seed,
        average=options.average,
        patience=options.patience,
    )
    best = fit(run, task)
    run.finish(best, f"# Tiny\n\nBest in epoch {best['epoch']:.0f}.\n")


def _numbers(data: Path, split: str) -> torch.Tensor:
    """(n, 2): the number in the name, and the length of the caption."""
    rows = [(float(found.path.stem), len(found.captions[0])) for found in read(data, split)]  # type: ignore[arg-type]
    return torch.tensor(rows) / 10


def main(wait_at: int, arguments: list[str]) -> int:
    from ml.__main__ import main as ml_main
    from ml.commands.train import FAMILIES

    def before_step(step: int) -> None:
        sys.stdout.write(f"step {step}\n")
        sys.stdout.flush()
        if step == wait_at:
            sys.stdin.readline()

    FAMILIES["tiny"] = (__name__, DESCRIPTION)
    train.__defaults__ = (before_step,)
    return ml_main(arguments)


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]), sys.argv[2:]))
