"""Trains a captioner, a GRU with attention over a frozen image tower: `python -m ml train captioner` runs this.

First by people's captions, word by word (Xu et al. 2015, https://arxiv.org/abs/1502.03044), then self-critically by its
own (`ml.training.self_critical`).
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch import nn

from ml.backbones.cnn import PACKAGED, load_backbone
from ml.backbones.efficientnet_lite import EfficientNetLite2
from ml.captioners.attention_gru import AttentionGRU
from ml.captioners.builtin import Manner, read, save, speak, tower_of
from ml.captioners.vocabulary import Vocabulary
from ml.datasets.examples import Example, Split
from ml.datasets.examples import read as read_examples
from ml.errors import UsageError
from ml.evaluation.captions import CaptionScores
from ml.hub import Checkpoint, locate
from ml.interfaces import ImageTower
from ml.training.caption_dev import CONFIDENCE, Dev, calibrate, calibrate_names, choose_length, figure
from ml.training.caption_lessons import Captions, Pictures, Rows, cross_entropy, listen
from ml.training.features import FeatureMaps, feature_maps
from ml.training.finish import finish
from ml.training.loop import Task, fit
from ml.training.options import CACHE, from_json, option
from ml.training.run import Run
from ml.training.self_critical import Judge, Shares, criticism, rewards

DESCRIPTION = (
    "Train a captioner: a GRU that looks at the feature map of a frozen image tower before each word. The defaults are "
    "those of the built-in captioner."
)
SPLITS: tuple[Split, ...] = ("train", "dev")
GRADIENT_NORM = 2.0
LAST_RATE = 0.05  #: of the self-critical learning rate, at the end
WARM_UP = 20  #: steps


@dataclass(frozen=True)
class Options:
    """What `train captioner` takes; the numbers were chosen on Flickr8k's dev split."""

    data: str = option(help="folder of the data set, with splits train and dev")
    cache: str = option(CACHE, "folder of feature maps, kept between runs")
    backbone: str = option(PACKAGED, "image tower: this, or folder or hub id of a MobileNetV2 or ResNet")
    model: str | None = option(None, "a captioner of this kind to train further, with its own words and image tower")
    epochs: int = option(5, "times that the captions of all pictures are read")
    critical_epochs: int = option(5, "times after these that the captioner describes all pictures and is judged")
    pictures: int = option(25, "pictures a step, each with all its captions", least=1)
    longest: int = option(22, "words of a caption; the tail of a longer one is not learned", least=1)
    seen: int = option(4, "uses of a word before it joins the vocabulary")
    learning_rate: float = option(1.5e-3, "the highest while captions are read", least=1e-09)
    critical_learning_rate: float = option(2e-4, "the highest while the captioner is judged")
    weight_decay: float = option(0.05)
    dropout: float = option(0.3, most=0.99)
    output_dropout: float = option(0.4, most=0.99)
    word_dropout: float = option(
        0.1, "share of the words read that are hidden, so that the picture must tell", most=0.99
    )
    label_smoothing: float = option(0.1, most=1)
    spread: float = option(0.5, "weight of the doubly stochastic term: that looks are spread over all of a picture")
    own_captions: int = option(5, "captions of a picture that compete, 2 or more")
    cider_d: float = option(1.0, "share of CIDEr-D in the reward")
    rouge_l: float = option(1.0, "share of ROUGE-L with the nearest reference in the reward")
    bleu_4: float = option(1.0, "share of BLEU-4 in the reward")
    average: float = option(0.995, "decay of the running average of the weights, a step", most=0.99999)
    bfloat16: bool = option(True, "multiply in bfloat16: half the time on processors that can")
    seed: int = option(0)


class Batch(NamedTuple):
    """Some of the training pictures."""

    rows: Rows
    maps: torch.Tensor  #: (n, cells, channels) float32
    critical: bool  #: whether the captioner is judged by its own captions


@dataclass(frozen=True)
class Lessons:
    """All that training reads."""

    tower: ImageTower
    examples: Sequence[Example]
    vocabulary: Vocabulary
    pictures: Pictures
    dev: Dev
    before: AttentionGRU | None  #: what there is to train further

    @classmethod
    def of(cls, options: Options) -> "Lessons":
        """Read the data set, and compute its feature maps where the cache lacks them."""
        data, cache = Path(options.data), Path(options.cache)
        before: AttentionGRU | None = None
        examples = list(read_examples(data, "train"))
        if options.model is None:
            tower = load_backbone(options.backbone)
            vocabulary = Vocabulary.of((text for each in examples for text in each.captions), seen=options.seen)
        else:
            checkpoint = locate(options.model)
            tower = tower_of(checkpoint)
            network, vocabulary, _ = read(checkpoint)
            if not isinstance(network, AttentionGRU):
                raise UsageError(f"{options.model} is a chorus: train one of its voices further.")
            before = network

        def maps(split: Split, *, mirrored: bool = False) -> FeatureMaps:
            return feature_maps(data, split, cache, backbone=tower, mirrored=mirrored)

        dev = Dev(list(read_examples(data, "dev")), maps("dev"), vocabulary)
        sides = [np.array(maps("train", mirrored=mirrored)) for mirrored in (False, True)]
        return cls(tower, examples, vocabulary, Pictures(sides), dev, before)


def train(run: Run) -> None:
    """Train into a run's folder, or go on from its state; then fit the confidence on dev, and write the card.

    Raises UsageError for options that cannot be, DatasetError for the data, and what `load_backbone` raises.
    """
    options = from_json(Options, run.options)
    if not options.epochs + options.critical_epochs:
        raise UsageError("There is nothing to do in no epochs: raise --epochs or --critical-epochs.")
    if options.critical_epochs and options.own_captions < 2:
        raise UsageError("A picture needs two captions or more that compete: raise --own-captions.")
    lessons = Lessons.of(options)
    best = fit(run, task(options, lessons))
    dev = {**choose_manner(run.model, lessons), "epoch": best["epoch"]}
    text = (
        f"A GRU that looks at the feature map of {lessons.tower.info.name} before each of its words, of which it knows "
        f"{len(lessons.vocabulary.words):,}. It first read people's captions, then was judged by its own. {CONFIDENCE}"
    )
    title = f"A captioner: a GRU with attention over {lessons.tower.info.name}"
    finish(run, {"dev": dev}, title=title, text=text, dev=dev)


def choose_manner(model: Path, lessons: Lessons) -> dict[str, float]:
    """Choose on dev how the trained network in a folder speaks, and write it there; its figures on dev."""
    network, vocabulary, _ = read(Checkpoint("best", "", model))
    manner, scores = choose_length(network, lessons.dev)
    manner = calibrate(network, lessons.dev, manner)
    if isinstance(lessons.tower, EfficientNetLite2):
        manner = calibrate_names(manner, lessons.examples, lessons.pictures.sides[0], lessons.tower)
    save(model, network, vocabulary, manner, lessons.tower)
    return figures(scores)


def task(options: Options, lessons: Lessons) -> Task:
    """What the training loop is to do."""
    torch.manual_seed(options.seed)
    network = new_network(options, lessons)
    optimiser = adamw(network, options)
    steps = lessons.pictures.steps(options.pictures)

    def batches(epoch: int, generator: torch.Generator) -> Iterator[Batch]:
        for rows, maps in lessons.pictures.batches(options.pictures, generator):
            yield Batch(rows, maps, critical=epoch > options.epochs)

    def keep(network: nn.Module, folder: Path) -> None:
        assert isinstance(network, AttentionGRU)  # noqa: S101  # the loop gives back what it was given
        save(folder, network, lessons.vocabulary, Manner(), lessons.tower)

    return Task(
        network=network,
        optimiser=optimiser,
        schedule=torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: pace(step, steps, options)),
        steps_per_epoch=steps,
        epochs=options.epochs + options.critical_epochs,
        batches=batches,
        step=Teacher(network, lessons, options),
        score=lambda network: figures(lessons.dev.score(network, Manner())),  # type: ignore[arg-type]
        figure="figure",
        save=keep,
        seed=options.seed,
        gradient_norm=GRADIENT_NORM,
        average=options.average,
    )


def new_network(options: Options, lessons: Lessons) -> AttentionGRU:
    """A network that knows nothing but the mean and the deviation of each channel, or what it learnt before."""
    maps = lessons.pictures.sides[0]
    size = {"channels": maps.shape[2], "cells": maps.shape[1]} if lessons.before is None else lessons.before.size
    network = AttentionGRU(
        len(lessons.vocabulary),
        **size,
        dropout=options.dropout,
        output_dropout=options.output_dropout,
    )
    if lessons.before is not None:
        network.load_state_dict(lessons.before.state_dict())
    else:
        sample = torch.from_numpy(maps[::6]).float().flatten(0, 1)
        network.mean.copy_(sample.mean(dim=0))
        network.deviation.copy_(sample.std(dim=0) + 1e-3)
    accelerator = torch.accelerator.current_accelerator() if torch.accelerator.is_available() else None
    return network.to(accelerator or torch.device("cpu"))


def adamw(network: AttentionGRU, options: Options) -> torch.optim.AdamW:
    """The optimiser; biases and norms do not decay."""
    matrices = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.dim() == 1]
    groups = [{"params": matrices, "weight_decay": options.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=options.learning_rate, betas=(0.9, 0.98))


def pace(step: int, steps: int, options: Options) -> float:
    """The learning rate of a step as a share of `learning_rate`; an epoch has `steps`.

    While captions are read one cycle (Smith 2018, https://arxiv.org/abs/1803.09820), afterwards a line down.
    """
    reading = steps * options.epochs
    if step < reading:
        rise = 0.2 * reading
        if step < rise:
            return 0.04 + 0.96 * (1 - math.cos(math.pi * step / rise)) / 2
        return (1 + math.cos(math.pi * (step - rise) / (reading - rise))) / 2
    done = (step - reading) / max(1, steps * options.critical_epochs)
    share = min(1.0, (step - reading + 1) / WARM_UP) * max(LAST_RATE, 1.0 - done)
    return share * options.critical_learning_rate / options.learning_rate


class Teacher:
    """A step: a batch forward and backward."""

    def __init__(self, network: AttentionGRU, lessons: Lessons, options: Options) -> None:
        self._network = network
        self._device = network.mean.device
        self._vocabulary = lessons.vocabulary
        self._options = options
        self._captions = Captions.of(lessons.examples, lessons.vocabulary, options.longest)
        self._manner = Manner(beams=options.own_captions)
        shares = Shares(options.cider_d, options.rouge_l, options.bleu_4)
        self._judge = Judge([example.captions for example in lessons.examples], shares)

    def __call__(self, batch: Batch) -> torch.Tensor:
        maps = batch.maps.to(self._device)
        with torch.autocast(self._device.type, torch.bfloat16, enabled=self._options.bfloat16):
            loss = self._judged(batch.rows, maps) if batch.critical else self._told(batch.rows, maps)
        loss.backward()  # type: ignore[no-untyped-call]
        return loss

    def _told(self, rows: Rows, maps: torch.Tensor) -> torch.Tensor:
        options, captions = self._options, self._captions[rows].to(self._device)
        heard = listen(self._network, self._network.look(maps), captions, word_dropout=options.word_dropout)
        return cross_entropy(heard, label_smoothing=options.label_smoothing, spread=options.spread)

    def _judged(self, rows: Rows, maps: torch.Tensor) -> torch.Tensor:
        self._network.eval()
        words = speak(self._network, maps, self._manner, kept=self._options.own_captions).words.clone()
        self._network.train()
        heard = listen(self._network, self._network.look(maps), Captions.spoken(words))
        return criticism(heard, rewards(self._judge, self._vocabulary, words, rows))


def figures(scores: CaptionScores) -> dict[str, float]:
    """What is watched on dev."""
    watched = ("cider_d", "rouge_l_best", "rouge_l_mean", "bleu_4", "bleu_1", "repeating", "distinct", "words")
    return {"figure": figure(scores), **{name: float(getattr(scores, name)) for name in watched}}
