"""A GRU that says a caption word by word and looks at the picture's feature map before each word.

Sources: Lu et al., "Knowing When to Look" (https://arxiv.org/abs/1612.01887): the state that has read the last word
directs the look, and the whole picture speaks at every step; Xu et al., "Show, Attend and Tell"
(https://arxiv.org/abs/1502.03044): the gate on the context, deep output; Vaswani et al., "Attention Is All You Need"
(https://arxiv.org/abs/1706.03762): several looks at once, by scaled dot products; Press and Wolf
(https://arxiv.org/abs/1608.05859): the output layer shares the embedding.

What the decoder saw does not flow back into its state, so that in training all words of a batch attend at once.
"""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

import torch
from torch import nn
from torch.nn import functional

from ml.captioners.vocabulary import END, START, UNKNOWN

EMBEDDING_STD = 0.04  #: small, because the tied output layer multiplies by it: at 1 the logits explode
EMBEDDING_SCALE = 8.0  #: and scaled up on the way in, to the size of the other inputs


class Scene(NamedTuple):
    """Projected feature maps of n pictures: all that the decoder sees of them, computed once a picture."""

    values: torch.Tensor  #: (n, cells, hidden)
    keys: torch.Tensor  #: (n, heads, cells, hidden / heads)
    gist: torch.Tensor  #: (n, embedding), the whole picture, added to every word that the GRU reads
    state: torch.Tensor  #: (n, hidden), the GRU's state before the first word

    def take(self, rows: torch.Tensor) -> "Scene":
        """That of some of the pictures."""
        return Scene(*(part[rows] for part in self))


class AttentionGRU(nn.Module):
    """The captioner's network: feature maps and the words so far in, scores of the next word out."""

    mean: torch.Tensor
    deviation: torch.Tensor

    def __init__(
        self,
        words: int,
        *,
        channels: int = 1280,
        cells: int = 49,
        hidden: int = 512,
        embedding: int = 320,
        heads: int = 8,
        dropout: float = 0.3,
        output_dropout: float = 0.3,
    ) -> None:
        super().__init__()
        self.size = {"channels": channels, "cells": cells, "hidden": hidden, "embedding": embedding, "heads": heads}
        self.register_buffer("mean", torch.zeros(channels))
        self.register_buffer("deviation", torch.ones(channels))
        self.project = nn.Sequential(nn.Dropout(dropout), nn.Linear(channels, hidden), nn.GELU(), nn.LayerNorm(hidden))
        self.positions = nn.Parameter(0.02 * torch.randn(cells, hidden))
        self.keys = nn.Linear(hidden, hidden)
        self.gist = nn.Linear(hidden, embedding)
        self.start = nn.Linear(hidden, hidden)
        self.embedding = nn.Embedding(words, embedding)
        nn.init.normal_(self.embedding.weight, std=EMBEDDING_STD)
        self.input_dropout = nn.Dropout(dropout)
        self.gru = nn.GRU(embedding, hidden, batch_first=True)
        self.query = nn.Linear(hidden, hidden)
        self.gate = nn.Linear(hidden, hidden)
        self.deepen = nn.Linear(2 * hidden + embedding, embedding)
        self.output_dropout = nn.Dropout(output_dropout)
        self.bias = nn.Parameter(torch.zeros(words))

    def look(self, maps: torch.Tensor) -> Scene:
        """Project feature maps, (n, cells, channels) float32."""
        standard = (maps - self.mean) / self.deviation
        values = self.project(standard.to(self.positions.dtype)) + self.positions
        whole = values.mean(dim=1)
        return Scene(values, self._heads(self.keys(values)), self.gist(whole), torch.tanh(self.start(whole)))

    def read(self, words: torch.Tensor, state: torch.Tensor, gist: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Read words, (r, t) int64, of r captions from states (r, hidden), with the gists (r, embedding) in mind.

        Returns what was read, (r, t, embedding), and the states after each word, (r, t, hidden).
        """
        inputs = self.input_dropout(EMBEDDING_SCALE * self.embedding(words) + gist[:, None])
        states, _ = self.gru(inputs, state[None].contiguous())
        return inputs, states

    def attend(self, states: torch.Tensor, scene: Scene) -> tuple[torch.Tensor, torch.Tensor]:
        """Look at the n pictures from q states each, (n, q, hidden).

        Returns the contexts, (n, q, hidden), and where they come from, (n, q, cells), the mean of the heads, which sums
        to 1.
        """
        queries, values = self._heads(self.query(states)), self._heads(scene.values)
        energies = queries @ scene.keys.transpose(2, 3) * queries.shape[-1] ** -0.5
        attention = energies.float().softmax(dim=-1)
        contexts = (attention.to(values.dtype) @ values).transpose(1, 2).flatten(2)
        return torch.sigmoid(self.gate(states)) * contexts, attention.mean(dim=1)

    def _heads(self, vectors: torch.Tensor) -> torch.Tensor:
        """(n, m, hidden) as (n, heads, m, hidden / heads)."""
        return vectors.reshape(*vectors.shape[:2], self.size["heads"], -1).transpose(1, 2)

    def logits(self, inputs: torch.Tensor, states: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor:
        """Scores of the next word, (..., words), from what was read, the state after it, and the look it directed."""
        deep = torch.tanh(self.deepen(torch.cat([inputs, states, contexts], dim=-1)))
        return functional.linear(self.output_dropout(deep), self.embedding.weight, self.bias)


class Teller(Protocol):
    """What a search needs of a network; see AttentionGRU for what each does."""

    def look(self, maps: torch.Tensor) -> Scene: ...

    def read(
        self, words: torch.Tensor, state: torch.Tensor, gist: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]: ...

    def attend(self, states: torch.Tensor, scene: Scene) -> tuple[torch.Tensor, torch.Tensor]: ...

    def logits(self, inputs: torch.Tensor, states: torch.Tensor, contexts: torch.Tensor) -> torch.Tensor: ...


class Spoken(NamedTuple):
    """The m best captions of each of n pictures, the best first."""

    words: torch.Tensor  #: (n, m, t) int64; END and zeros after the caption
    log_probabilities: torch.Tensor  #: (n, m, t) float32 of each word and of the END after them; zero behind it
    attention: torch.Tensor  #: (n, m, t, cells), where the decoder looked for each word
    score: torch.Tensor  #: (n, m) float32, what the search maximised; -inf where it found fewer

    @classmethod
    def nothing(cls, scene: Scene, kept: int, size: int) -> "Spoken":
        """No captions yet, of up to `size` words with their END."""
        n, cells = scene.values.shape[:2]
        empty = scene.values.new_zeros(n, kept, size, dtype=torch.float32)
        return cls(
            torch.full_like(empty, END, dtype=torch.int64),
            empty,
            empty.new_zeros(n, kept, size, cells),
            empty.new_full((n, kept), -torch.inf),
        )

    def take(self, rows: torch.Tensor) -> "Spoken":
        """Those of some of the pictures."""
        return Spoken(*(part[rows] for part in self))

    def put(self, rows: torch.Tensor, others: "Spoken") -> "Spoken":
        """These, but for some pictures the others."""
        return Spoken(*(part.index_copy(0, rows, other) for part, other in zip(self, others, strict=True)))

    def merge(self, others: "Spoken") -> "Spoken":
        """The best of both, as many as there are here."""
        best = torch.cat([self.score, others.score], dim=1).topk(self.score.shape[1], dim=1).indices
        rows = torch.arange(len(best), device=best.device)[:, None]
        return Spoken(*(torch.cat(pair, dim=1)[rows, best] for pair in zip(self, others, strict=True)))


class _Beams(NamedTuple):
    """The k captions that the search is following for each picture."""

    words: torch.Tensor  #: (n, k, t) int64 from START on
    log_probabilities: torch.Tensor  #: (n, k, t - 1) of the words after START
    attention: torch.Tensor  #: (n, k, t - 1, cells); one more once the next word is being chosen
    total: torch.Tensor  #: (n, k), the sum of the log-probabilities

    @classmethod
    def start(cls, like: torch.Tensor, beams: int, cells: int) -> "_Beams":
        """Beams before the first word of as many pictures as `like` has rows."""
        n = len(like)
        total = like.new_full((n, beams), -torch.inf)
        total[:, 0] = 0.0  # the beams start out alike, so only one of them counts
        words = torch.full_like(total, START, dtype=torch.int64)[..., None]
        return cls(words, total.new_zeros(n, beams, 0), total.new_zeros(n, beams, 0, cells), total)

    def ended(self, end: torch.Tensor, length_power: float, size: int) -> Spoken:
        """The captions that come of ending here, where END has the log-probabilities `end`, (n, k)."""
        behind = size - self.attention.shape[2]
        return Spoken(
            functional.pad(self.words[:, :, 1:], (0, behind + 1), value=END),
            functional.pad(torch.cat([self.log_probabilities, end[..., None]], dim=2), (0, behind)),
            functional.pad(self.attention, (0, 0, 0, behind)),
            (self.total + end) / self.attention.shape[2] ** length_power,
        )

    def take(self, rows: torch.Tensor) -> "_Beams":
        """Those of some of the pictures."""
        return _Beams(*(part[rows] for part in self))

    def pick(self, parents: torch.Tensor, words: torch.Tensor, scores: torch.Tensor) -> "_Beams":
        """Go on from these beams, (n, k), with these words, whose log-probabilities are in scores (n, k, words)."""
        rows = torch.arange(len(parents), device=parents.device)[:, None]
        step = scores[rows, parents, words]
        return _Beams(
            torch.cat([self.words[rows, parents], words[..., None]], dim=2),
            torch.cat([self.log_probabilities[rows, parents], step[..., None]], dim=2),
            self.attention[rows, parents],
            self.total[rows, parents] + step,
        )


@torch.inference_mode()
def beam_search(
    network: Teller,
    scene: Scene,
    *,
    beams: int,
    longest: int,
    length_power: float,
    block: int,
    kept: int = 1,
    begin: Sequence[int] = (),
) -> Spoken:
    """Search the captions with the highest log-probability / length ** length_power (Wu et al. 2016), END included.

    Gives the `kept` best, at most `beams`. No caption is empty, has more than `longest` words, contains an unknown
    word, or says `block` words in a row twice. A picture's result does not depend on the others of the batch, which it
    leaves as soon as no beam can get better than what was found.
    Each goes on from the words `begin`, fewer than `longest`, whose log-probabilities count as 0.
    """
    size = longest + 1
    told = best = Spoken.nothing(scene, kept, size)
    rows = torch.arange(len(scene.values), device=best.score.device)  # of the pictures whose captions may get better
    live = _Beams.start(best.score, beams, scene.values.shape[1])
    state = scene.state[:, None].expand(-1, beams, -1)
    for length in range(1, size + 1):
        gist = scene.gist.repeat_interleave(beams, dim=0)
        read = network.read(live.words[:, :, -1:].flatten(0, 1), state.flatten(0, 1), gist)
        inputs, states = (part.reshape(len(rows), beams, -1) for part in read)
        contexts, attention = network.attend(states, scene)
        scores = network.logits(inputs, states, contexts).float().log_softmax(dim=-1)
        live = live._replace(attention=torch.cat([live.attention, attention[:, :, None]], dim=2))
        if length > max(1, len(begin)):
            best = best.merge(live.ended(scores[:, :, END], length_power, size))
        bound = live.total.amax(dim=1) / size**length_power  # going on cannot score higher
        going = (best.score[:, -1] < bound).nonzero()[:, 0]
        if length == size or len(going) < len(rows):
            told = told.put(rows, best)
            if length == size or not len(going):
                break
            scene, live, best = scene.take(going), live.take(going), best.take(going)
            scores, states, rows = scores[going], states[going], rows[going]
        scores[:, :, [END, START, UNKNOWN]] = -torch.inf
        forbid_repeats(scores, live.words[:, :, 1:], block)
        if length <= len(begin):
            scores = torch.full_like(scores, -torch.inf)
            scores[:, :, begin[length - 1]] = 0.0
        flat = (live.total[:, :, None] + scores).flatten(1).topk(beams, dim=1).indices
        parents, words = flat // scores.shape[2], flat % scores.shape[2]
        live = live.pick(parents, words, scores)
        state = states[torch.arange(len(rows), device=rows.device)[:, None], parents]
    return told


def forbid_repeats(scores: torch.Tensor, words: torch.Tensor, size: int) -> None:
    """Forbid, in place, every word that would repeat a sequence of `size` words of its beam.

    scores (n, k, words), words (n, k, t) so far.
    """
    if words.shape[2] < size:
        return
    windows = words.unfold(2, size, 1)  # (n, k, t - size + 1, size)
    tail = words[:, :, None, words.shape[2] - size + 1 :]
    repeats = (windows[..., :-1] == tail).all(dim=-1)
    image, beam, place = repeats.nonzero(as_tuple=True)
    scores[image, beam, windows[image, beam, place, -1]] = -torch.inf
