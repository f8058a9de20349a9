"""Trains the built-in captioner on the feature maps of Flickr8k: `python -m ml train captioner` runs this."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import torch
from torch import nn
from torch.nn import functional
from tqdm import tqdm

from ml.backbones.shared import shared_image_tower
from ml.captioners.attention_gru import AttentionGRU
from ml.captioners.builtin import Manner, certainty, speak, write
from ml.captioners.naming import Namer, log_odds, mentions
from ml.captioners.vocabulary import END, START, UNKNOWN, Vocabulary, split_words
from ml.datasets.examples import Example
from ml.datasets.examples import read as read_examples
from ml.evaluation.captions import CaptionScores, rouge_l, score
from ml.files import sha256
from ml.training.calibration import fit_logistic
from ml.training.features import FeatureMaps, feature_maps

Rows = npt.NDArray[np.int64]

GOOD = 0.4  #: ROUGE-L with the nearest reference from which a caption counts as good, for the confidence


@dataclass(frozen=True)
class Recipe:
    """The numbers that training turns on; chosen on the dev split."""

    epochs: int = 6
    pictures: int = 25  #: pictures a batch; each brings its 5 captions
    longest: int = 22  #: words a caption; the tail of a longer one is not learned
    seen: int = 4  #: uses of a word before it joins the vocabulary
    dropout: float = 0.3
    output_dropout: float = 0.4
    word_dropout: float = 0.1  #: share of the words read that are hidden, so that the picture must tell
    learning_rate: float = 1.5e-3
    weight_decay: float = 0.05
    label_smoothing: float = 0.1
    gradient_norm: float = 2.0
    average: float = 0.998  #: decay of the running average of the weights, a step
    bfloat16: bool = True  #: halves the time on processors that multiply in it


@dataclass(frozen=True)
class Captions:
    """The captions of n pictures, k each, the longest first."""

    words: torch.Tensor  #: (n, k, longest + 1) int64, filled up with END
    lengths: torch.Tensor  #: (n, k) int64, counting the END where it fits

    @classmethod
    def of(cls, examples: Sequence[Example], vocabulary: Vocabulary, longest: int) -> "Captions":
        """Number the captions of examples that all have the same number of captions."""
        words = torch.full((len(examples), len(examples[0].captions), longest + 1), END)
        lengths = torch.zeros(words.shape[:2], dtype=torch.int64)
        for row, example in enumerate(examples):
            numbers = sorted((vocabulary.encode(caption) for caption in example.captions), key=len, reverse=True)
            for column, number in enumerate(numbers):
                cut = [*number, END][: longest + 1]
                words[row, column, : len(cut)] = torch.tensor(cut)
                lengths[row, column] = len(cut)
        return cls(words, lengths)

    def __getitem__(self, rows: Rows) -> "Captions":
        return Captions(self.words[rows], self.lengths[rows])


@dataclass(frozen=True)
class Pictures:
    """Feature maps of the training pictures and of their mirror images, (n, cells, channels) each, in memory."""

    sides: Sequence[FeatureMaps]

    def batches(self, size: int, generator: np.random.Generator) -> Iterator[tuple[Rows, torch.Tensor]]:
        """All pictures once in random order, mirrored or not by chance: their rows, and their maps in float32."""
        order = generator.permutation(len(self.sides[0]))
        for rows in np.array_split(order, -(-len(order) // size)):
            chosen = generator.integers(len(self.sides), size=len(rows))
            maps = np.stack([self.sides[side][row] for side, row in zip(chosen, rows, strict=True)])
            yield rows, torch.from_numpy(maps).float()


class Averaged:
    """A running average of a network's weights, which does better than those of the last step."""

    def __init__(self, network: AttentionGRU, decay: float) -> None:
        self.network = copy.deepcopy(network).eval()
        self._decay = decay
        self._steps = 0

    @torch.no_grad()
    def update(self, network: AttentionGRU) -> None:
        """Take in the weights after a step."""
        self._steps += 1
        decay = min(self._decay, self._steps / (self._steps + 9))  # the first steps are soon forgotten
        for mine, theirs in zip(self.network.parameters(), network.parameters(), strict=True):
            mine.lerp_(theirs, 1.0 - decay)


@dataclass(frozen=True)
class Dev:
    """The split on which everything is chosen."""

    examples: Sequence[Example]
    maps: FeatureMaps
    vocabulary: Vocabulary

    @property
    def references(self) -> list[tuple[str, ...]]:
        return [example.captions for example in self.examples]

    def captions(self, network: AttentionGRU, manner: Manner) -> tuple[list[str], npt.NDArray[np.float64]]:
        """What a network says of the pictures, and how certain it is, (n,)."""
        texts: list[str] = []
        certainties: list[float] = []
        for maps in np.array_split(self.maps, -(-len(self.maps) // 50)):
            spoken = speak(network, torch.from_numpy(maps.astype(np.float32)), manner)
            texts.extend(self.vocabulary.decode(numbers) for numbers in spoken.words.tolist())
            certainties.extend(certainty(spoken).tolist())
        return texts, np.array(certainties)

    def score(self, network: AttentionGRU, manner: Manner) -> CaptionScores:
        """Score what a network says."""
        return score(self.captions(network, manner)[0], self.references)


def train(*, data: Path, cache: Path, output: Path, seed: int = 0, recipe: Recipe = Recipe()) -> None:
    """Train on Flickr8k under `data`, and write the weights of the epoch that does best on dev to `output`.

    Feature maps are kept in `cache`. A run that is interrupted leaves its best weights so far. Raises DatasetError
    where the data set is not there.
    """
    torch.manual_seed(seed)
    examples = list(read_examples(data, "train"))
    vocabulary = Vocabulary.of((caption for example in examples for caption in example.captions), seen=recipe.seen)
    sides = [np.array(feature_maps(data, "train", cache, mirrored=mirrored)) for mirrored in (False, True)]
    dev = Dev(list(read_examples(data, "dev")), feature_maps(data, "dev", cache), vocabulary)
    network = AttentionGRU(len(vocabulary), dropout=recipe.dropout, output_dropout=recipe.output_dropout)
    standardise(network, sides[0])
    captions = Captions.of(examples, vocabulary, recipe.longest)
    best = network
    for best in fit(network, Pictures(sides), captions, dev, recipe=recipe, generator=np.random.default_rng(seed)):
        write(output, best, vocabulary, Manner())
    manner = calibrate_names(calibrate(best, dev), examples, sides[0])
    write(output, best, vocabulary, manner)
    tqdm.write(f"{output} has SHA-256 {sha256(output)}: pin it in ml/captioners/builtin.py.")


def standardise(network: AttentionGRU, maps: FeatureMaps) -> None:
    """Set the mean and the deviation of each channel, from every sixth picture."""
    sample = torch.from_numpy(maps[::6]).float().flatten(0, 1)
    network.mean.copy_(sample.mean(dim=0))
    network.deviation.copy_(sample.std(dim=0) + 1e-3)


def fit(
    network: AttentionGRU,
    pictures: Pictures,
    captions: Captions,
    dev: Dev,
    *,
    recipe: Recipe,
    generator: np.random.Generator,
) -> Iterator[AttentionGRU]:
    """Train a network; gives its averaged weights after each epoch that does better on dev than all before."""
    steps = -(-len(captions.words) // recipe.pictures)
    optimiser = adamw(network, recipe)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, recipe.learning_rate, total_steps=steps * recipe.epochs, pct_start=0.2
    )
    averaged = Averaged(network, recipe.average)
    best = -np.inf
    for epoch in range(1, recipe.epochs + 1):
        network.train()
        progress = tqdm(pictures.batches(recipe.pictures, generator), f"epoch {epoch}", total=steps, unit="batch")
        for rows, maps in progress:
            with torch.autocast("cpu", torch.bfloat16, enabled=recipe.bfloat16):
                loss = loss_of(network, maps, captions[rows], recipe)
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            nn.utils.clip_grad_norm_(network.parameters(), recipe.gradient_norm)
            optimiser.step()
            schedule.step()
            averaged.update(network)
            progress.set_postfix(loss=f"{loss.item():.3f}", refresh=False)
        scores = dev.score(averaged.network, Manner())
        tqdm.write(f"dev after epoch {epoch}: {scores}")
        # the two figures that count, brought to one scale
        if (figure := scores.rouge_l_best + scores.bleu_4 / 100) > best:
            best = figure
            yield copy.deepcopy(averaged.network)


def adamw(network: AttentionGRU, recipe: Recipe) -> torch.optim.AdamW:
    """The optimiser; biases and norms do not decay."""
    matrices = [parameter for parameter in network.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in network.parameters() if parameter.dim() == 1]
    groups = [{"params": matrices, "weight_decay": recipe.weight_decay}, {"params": vectors, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=recipe.learning_rate, betas=(0.9, 0.98))


def loss_of(network: AttentionGRU, maps: torch.Tensor, captions: Captions, recipe: Recipe) -> torch.Tensor:
    """Cross-entropy of every next word of the captions of n pictures, given their maps (n, cells, channels)."""
    words, lengths = captions.words, captions.lengths
    places = torch.arange(int(lengths.max()))
    words, said = words[:, :, : len(places)], places < lengths[..., None]
    inputs = functional.pad(words[:, :, :-1], (1, 0), value=START)
    hidden = (torch.rand(inputs.shape) < recipe.word_dropout) & (places > 0)
    inputs = inputs.masked_fill(hidden, UNKNOWN)
    scene = network.look(maps)
    state, gist = (part.repeat_interleave(words.shape[1], dim=0) for part in (scene.state, scene.gist))
    read, states = (part.reshape(*words.shape, -1) for part in network.read(inputs.flatten(0, 1), state, gist))
    # captions are sorted by length: many a (caption, place) is past the end in every picture of the batch
    alive = said.any(dim=0)
    read, states, words, said = (part[:, alive] for part in (read, states, words, said))
    contexts, _ = network.attend(states, scene)
    scores = network.logits(read[said], states[said], contexts[said]).float()
    return functional.cross_entropy(scores, words[said], label_smoothing=recipe.label_smoothing)


def calibrate(network: AttentionGRU, dev: Dev) -> Manner:
    """The manner whose confidence is the probability, fitted on dev, that a caption is good."""
    texts, certainties = dev.captions(network, Manner())
    good = np.array([max(scores) >= GOOD for scores in rouge_l(texts, dev.references)])
    slope, offset = fit_logistic(certainties, good)
    manner = replace(Manner(), slope=slope, offset=offset)
    unsure = 1.0 / (1.0 + np.exp(-slope * certainties - offset)) < manner.unsure_below
    tqdm.write(
        f"{manner}: unsure of {unsure.sum()} of {len(texts)} captions on dev, of which {good[unsure].sum()} are good; "
        f"of the others {good[~unsure].sum()} are"
    )
    return manner


def calibrate_names(manner: Manner, examples: Sequence[Example], maps: FeatureMaps) -> Manner:
    """The manner whose confidence in a name is the probability that people who describe the picture mention the thing.

    Fitted on the training photos, which the classifier never saw. Dogs are left out: it knows them best of all, and
    the decoder tells them anyway.
    """
    namer = Namer(shared_image_tower())
    pooled = torch.from_numpy(maps.mean(axis=1, dtype=np.float32))
    probabilities, kinds = (column.tolist() for column in namer.likeliest(namer.classes(pooled)))
    odds, mentioned = [], []
    for example, probability, kind in zip(examples, probabilities, (namer.kinds[kind] for kind in kinds), strict=True):
        if kind != "a dog":
            odds.append(log_odds(probability))
            mentioned.append(any(mentions(" ".join(split_words(caption)), kind) for caption in example.captions))
    slope, offset = fit_logistic(np.array(odds), np.array(mentioned, dtype=bool))
    return replace(manner, name_slope=slope, name_offset=offset)
