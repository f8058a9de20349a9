"""The loop that every trainer of this library runs: seeded, resumable at any step, safe to stop with Ctrl-C."""

import copy
import math
import signal
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from types import FrameType
from typing import Any

import torch
from torch import nn
from tqdm import tqdm

from ml.errors import RunError, Stopped
from ml.training.run import Run

SAVE_EVERY = 120.0  #: seconds between states that are written within an epoch


class Averaged:
    """A running average of a network's weights, which does better than those of the last step.

    Exponential, after Tarvainen and Valpola 2017, https://arxiv.org/abs/1703.01780; the first steps are soon forgotten.
    """

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        self.steps = 0
        self._decay = decay

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the weights after a step."""
        self.steps += 1
        decay = min(self._decay, self.steps / (self.steps + 9))
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1.0 - decay)
        for held, current in zip(self.network.buffers(), network.buffers(), strict=True):
            held.copy_(current)


@dataclass
class Task:
    """What a trainer teaches; the loop does the rest."""

    network: nn.Module
    optimiser: torch.optim.Optimizer
    schedule: torch.optim.lr_scheduler.LRScheduler | None
    steps_per_epoch: int
    epochs: int
    batches: Callable[[int, torch.Generator], Iterable[Any]]
    """The `steps_per_epoch` batches of an epoch, by its number from 1 and a generator that was seeded for it alone."""
    step: Callable[[Any], torch.Tensor]
    """Run a batch forward and backward, leaving gradients; the loss, for the curve."""
    score: Callable[[nn.Module], Mapping[str, float]]
    """Figures of the network (the averaged one, if any) on dev after an epoch."""
    figure: str
    """Which of them decides what is best, and when to stop; more is better."""
    save: Callable[[nn.Module, Path], None]
    """Write the network, the best so far, into a folder that `ml.load_…` opens."""
    seed: int = 0
    gradient_norm: float | None = 1.0
    average: float | None = None  #: decay of the running average of the weights
    patience: int | None = None  #: epochs without a better figure after which training ends


@dataclass
class _Place:
    """How far a run has come."""

    step: int = 0  #: steps done, of all epochs
    epochs: int = 0  #: epochs done, with their look at dev
    best: dict[str, float] = field(default_factory=dict)  #: the figures of the best epoch, and its number
    stale: int = 0  #: epochs since


def fit(run: Run, task: Task) -> dict[str, float]:
    """Train, or go on from the run's state; the model of the best epoch lies in `run.model`.

    Returns the figures of that epoch and its number, `epoch`. Raises Stopped on Ctrl-C, once the state is written,
    and RunError where the state cannot be read or written, another process is at it, or the loss is no number.
    """
    with run.alone():
        trained = _Trained(run, task)
        place = trained.restore()
        bar = tqdm(total=task.steps_per_epoch * task.epochs, initial=place.step, desc=run.family, unit="step")
        with _ctrl_c() as pressed, bar:
            while place.epochs < task.epochs and not trained.is_stale():
                trained.learn(bar, pressed)
                trained.look()
                trained.stop_if(pressed)
    return place.best


class _Trained:
    """A task on its way."""

    def __init__(self, run: Run, task: Task) -> None:
        self.run, self.task = run, task
        self.averaged = Averaged(task.network, task.average) if task.average else None
        self.place = _Place()
        self.saved = time.monotonic()

    def is_stale(self) -> bool:
        return self.task.patience is not None and self.place.stale >= self.task.patience

    def learn(self, bar: Any, pressed: list[int]) -> None:
        """Do the rest of the epoch: all of it, or nothing where only the look at dev was still to come."""
        epoch = self.place.epochs + 1
        done = self.place.step - self.place.epochs * self.task.steps_per_epoch
        if done == self.task.steps_per_epoch:
            return
        generator = torch.Generator().manual_seed(task_seed(self.task.seed, epoch))
        self.task.network.train()
        for batch in islice(self.task.batches(epoch, generator), done, self.task.steps_per_epoch):
            loss = self.step(batch)
            bar.update()
            bar.set_postfix(loss=f"{loss:.3f}", refresh=False)
            self.stop_if(pressed)
            if time.monotonic() - self.saved > SAVE_EVERY:
                self.save()

    def step(self, batch: Any) -> float:
        """Learn from a batch; its loss."""
        task = self.task
        task.optimiser.zero_grad(set_to_none=True)
        loss = float(task.step(batch).detach())
        if not math.isfinite(loss):
            raise RunError(
                f"The loss of step {self.place.step + 1} is {loss}: start another run with a lower learning rate."
            )
        figures = {"loss": loss, "learning_rate": float(task.optimiser.param_groups[0]["lr"])}
        if task.gradient_norm is not None:
            norm = nn.utils.clip_grad_norm_(task.network.parameters(), task.gradient_norm)
            figures["gradient_norm"] = float(norm)
        task.optimiser.step()
        if task.schedule is not None:
            task.schedule.step()
        if self.averaged:
            self.averaged.update(task.network)
        self.place.step += 1
        self.run.log(step=self.place.step, **figures)
        return loss

    def stop_if(self, pressed: list[int]) -> None:
        """Write the state and raise Stopped where somebody pressed Ctrl-C."""
        if pressed:
            self.save()
            raise Stopped(f"Stopped after step {self.place.step}; go on with `train --resume {self.run.folder}`.")

    def look(self) -> None:
        """Score the network after an epoch, and keep it where it is the best so far."""
        network = self.averaged.network if self.averaged else self.task.network
        network.eval()
        epoch = self.place.epochs + 1
        figures = {name: float(value) for name, value in self.task.score(network).items()}
        self.run.log(step=self.place.step, epoch=epoch, **figures)
        shown = ", ".join(f"{name} {value:.4g}" for name, value in figures.items())
        tqdm.write(f"dev after epoch {epoch}: {shown}")
        if figures[self.task.figure] > self.place.best.get(self.task.figure, float("-inf")):
            self.place.best, self.place.stale = {**figures, "epoch": epoch}, 0
            self.task.save(network, self.run.model)
        else:
            self.place.stale += 1
        self.place.epochs = epoch
        self.save()

    def save(self) -> None:
        """Write all that going on needs."""
        state = {
            "place": vars(self.place),
            "network": self.task.network.state_dict(),
            "optimiser": self.task.optimiser.state_dict(),
            "random": torch.get_rng_state(),
            "random_gpu": torch.cuda.get_rng_state_all() if torch.cuda.is_available() else [],
        }
        if self.task.schedule is not None:
            state["schedule"] = self.task.schedule.state_dict()
        if self.averaged:
            state["averaged"] = {"network": self.averaged.network.state_dict(), "steps": self.averaged.steps}
        self.run.save_state(state)
        self.saved = time.monotonic()

    def restore(self) -> _Place:
        """Take up the run's state where there is one."""
        state = self.run.state()
        if state is None:
            self.run.forget_curve_after(step=0, epoch=0)
            torch.manual_seed(self.task.seed)
            return self.place
        try:
            self._take_up(state)
        except (LookupError, TypeError, ValueError, RuntimeError, AttributeError) as error:
            raise self.run.damaged_state() from error
        self.run.forget_curve_after(step=self.place.step, epoch=self.place.epochs)
        return self.place

    def _take_up(self, state: Mapping[str, Any]) -> None:
        self.place = _Place(**state["place"])
        self.task.network.load_state_dict(state["network"])
        self.task.optimiser.load_state_dict(state["optimiser"])
        torch.set_rng_state(state["random"])
        if len(state["random_gpu"]) == torch.cuda.device_count():
            torch.cuda.set_rng_state_all(state["random_gpu"])
        if self.task.schedule is not None:
            self.task.schedule.load_state_dict(state["schedule"])
        if self.averaged:
            self.averaged.network.load_state_dict(state["averaged"]["network"])
            self.averaged.steps = state["averaged"]["steps"]


def task_seed(seed: int, epoch: int) -> int:
    """A seed of an epoch's own."""
    return seed * 1_000_003 + epoch


@contextmanager
def _ctrl_c() -> Iterator[list[int]]:
    """Collect Ctrl-C, so that a step is done to its end; a second one stops at once."""
    pressed: list[int] = []

    def note(number: int, frame: FrameType | None) -> None:
        if pressed:
            raise KeyboardInterrupt
        pressed.append(number)

    try:
        before = signal.signal(signal.SIGINT, note)
    except ValueError:  # not the main thread: whoever started it stops it
        yield pressed
        return
    try:
        yield pressed
    finally:
        signal.signal(signal.SIGINT, before)
