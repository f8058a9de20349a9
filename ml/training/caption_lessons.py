"""What a captioner learns from: pictures as feature maps, captions as numbers, and the loss of the next word."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn import functional

from ml.captioners.attention_gru import AttentionGRU, Scene
from ml.captioners.vocabulary import END, START, UNKNOWN, Vocabulary
from ml.datasets.examples import Example
from ml.training.features import FeatureMaps

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Captions:
    """The captions of n pictures, up to k each, the longest first."""

    words: torch.Tensor  #: (n, k, longest + 1) int64, filled up with END
    lengths: torch.Tensor  #: (n, k) int64, counting the END where it fits; 0 where a picture has fewer than k

    @classmethod
    def of(cls, examples: Sequence[Example], vocabulary: Vocabulary, longest: int) -> "Captions":
        """Number the captions of examples; the tail of one with more words than `longest` is left out."""
        most = max(len(example.captions) for example in examples)
        words = torch.full((len(examples), most, longest + 1), END)
        lengths = torch.zeros(words.shape[:2], dtype=torch.int64)
        for row, example in enumerate(examples):
            numbers = sorted((vocabulary.encode(caption) for caption in example.captions), key=len, reverse=True)
            for column, number in enumerate(numbers):
                cut = [*number, END][: longest + 1]
                words[row, column, : len(cut)] = torch.tensor(cut)
                lengths[row, column] = len(cut)
        return cls(words, lengths)

    @classmethod
    def spoken(cls, words: torch.Tensor) -> "Captions":
        """Captions that a search found, (n, k, t) int64 with END behind them."""
        lengths = (words != END).sum(dim=2) + 1
        return cls(words, lengths.clamp_max(words.shape[2]))

    def __getitem__(self, rows: Rows) -> "Captions":
        return Captions(self.words[rows], self.lengths[rows])

    def to(self, device: torch.device) -> "Captions":
        return Captions(self.words.to(device), self.lengths.to(device))


@dataclass(frozen=True)
class Pictures:
    """Feature maps of the training pictures and of their mirror images, (n, cells, channels) each."""

    sides: Sequence[FeatureMaps]

    def batches(self, size: int, generator: torch.Generator) -> Iterator[tuple[Rows, torch.Tensor]]:
        """All pictures once in random order, mirrored or not by chance: their rows, and their maps in float32."""
        order = torch.randperm(len(self.sides[0]), generator=generator).numpy()
        for rows in np.array_split(order, self.steps(size)):
            chosen = torch.randint(len(self.sides), (len(rows),), generator=generator).tolist()
            maps = np.stack([self.sides[side][row] for side, row in zip(chosen, rows, strict=True)])
            yield rows, torch.from_numpy(maps).float()

    def steps(self, size: int) -> int:
        """Batches of about `size` in which all pictures are seen."""
        return -(-len(self.sides[0]) // size)


@dataclass(frozen=True)
class Heard:
    """What a network makes of captions that it reads word by word: the w words of all, one after the other."""

    scores: torch.Tensor  #: (w, words) float32 of each next word
    words: torch.Tensor  #: (w,) int64, the words that come
    said: torch.Tensor  #: (n, k, t) bool, where they stand
    attention: torch.Tensor  #: (n, k, t, cells) float32, where the network looks; behind the end it means nothing


def listen(network: AttentionGRU, scene: Scene, captions: Captions, *, word_dropout: float = 0.0) -> Heard:
    """Read the captions of the n pictures of a scene; `word_dropout` is the share of the words that are not heard."""
    words, lengths = captions.words, captions.lengths
    places = torch.arange(int(lengths.max()), device=words.device)
    words, said = words[:, :, : len(places)], places < lengths[..., None]
    inputs = functional.pad(words[:, :, :-1], (1, 0), value=START)
    hidden = (torch.rand(inputs.shape, device=inputs.device) < word_dropout) & (places > 0)
    inputs = inputs.masked_fill(hidden, UNKNOWN)
    state, gist = (part.repeat_interleave(words.shape[1], dim=0) for part in (scene.state, scene.gist))
    read, states = (part.reshape(*words.shape, -1) for part in network.read(inputs.flatten(0, 1), state, gist))
    looks = network.attend(states.flatten(1, 2), scene)
    contexts, attention = (part.reshape(*words.shape, -1) for part in looks)
    scores = network.logits(read[said], states[said], contexts[said]).float()
    return Heard(scores, words[said], said, attention)


def cross_entropy(heard: Heard, *, label_smoothing: float, spread: float) -> torch.Tensor:
    """Mean loss of the next words, plus `spread` times how unevenly the network looked at the picture."""
    loss = functional.cross_entropy(heard.scores, heard.words, label_smoothing=label_smoothing)
    return loss + spread * unevenness(heard.attention, heard.said)


def unevenness(attention: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
    """Doubly stochastic regularisation: 0 where the looks of a caption's words come to 1 in each cell of the picture.

    Xu et al. 2015 (https://arxiv.org/abs/1502.03044, section 4.2.1): (1 - the sum over words)^2, here the mean over
    cells and captions instead of their sum, so that its weight does not depend on the grid. `attention` is
    (n, k, t, cells), `said` (n, k, t) bool.
    """
    seen = (attention * said[..., None]).sum(dim=2)
    return (1.0 - seen[said.any(dim=2)]).square().mean()
