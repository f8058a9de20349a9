"""Self-critical training: the captioner's own captions of a picture compete, and what people's captions like wins.

Rennie et al. 2017, https://arxiv.org/abs/1612.00563, with the captions of a beam search and their mean as the baseline,
as Cornia et al. 2020, https://arxiv.org/abs/1912.08226, do.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import exp, log

import numpy as np
import numpy.typing as npt
import torch

from ml.captioners.vocabulary import Vocabulary
from ml.evaluation.cider import CiderD
from ml.evaluation.text import plain
from ml.training.caption_lessons import Heard

ORDERS = 4  #: words of BLEU-4's longest n-gram
_END = "captionend"  #: counts as a word in CIDEr-D: captions that break off in the middle must not pay

Words = Sequence[str]
Grams = Counter[tuple[str, ...]]


@dataclass(frozen=True)
class Shares:
    """How much each measure counts in the reward."""

    cider_d: float = 1.0
    rouge_l: float = 1.0
    bleu_4: float = 1.0


class Judge:
    """Scores captions of training pictures by what people say of these."""

    def __init__(self, references: Sequence[Sequence[str]], shares: Shares) -> None:
        self._shares = shares
        self._cider = CiderD([[f"{text} {_END}" for text in texts] for texts in references])
        self._references = [[_Reference(plain(text).split()) for text in texts] for texts in references]
        self._most = [_most(each.grams for each in texts) for texts in self._references]

    def score(self, captions: Sequence[str], rows: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """The rewards of captions, (n,), of the pictures with these rows, (n,)."""
        rewards = self._shares.cider_d * self._cider.score([f"{text} {_END}" for text in captions], rows)
        for place, (text, row) in enumerate(zip(captions, rows.tolist(), strict=True)):
            words, references = plain(text).split(), self._references[row]
            rewards[place] += self._shares.rouge_l * max(each.rouge_l(words) for each in references)
            rewards[place] += self._shares.bleu_4 * bleu_4(words, self._most[row], [len(r.words) for r in references])
        return rewards


class _Reference:
    """A reference caption, prepared to be compared with many others."""

    def __init__(self, words: Words) -> None:
        self.words = words
        self.grams = grams(words)
        self._places: dict[str, int] = {}  # where a word stands, as bits
        for place, word in enumerate(words):
            self._places[word] = self._places.get(word, 0) | 1 << place

    def rouge_l(self, words: Words) -> float:
        """ROUGE-L F1 (Lin 2004) of a caption.

        The longest common subsequence is counted on the bits of one number: Hyyrö 2004, "Bit-parallel LCS-length
        computation revisited".
        """
        every = (1 << len(self.words)) - 1
        free = every
        for word in words:
            found = free & self._places.get(word, 0)
            free = (free + found | free - found) & every
        common = len(self.words) - free.bit_count()
        return 2 * common / (len(words) + len(self.words)) if common else 0.0


def grams(words: Words) -> Grams:
    """How often each sequence of 1 to 4 words is said."""
    return Counter(
        tuple(words[start : start + size]) for size in range(1, ORDERS + 1) for start in range(len(words) - size + 1)
    )


def bleu_4(words: Words, most: Grams, lengths: Sequence[int]) -> float:
    """BLEU-4 of one caption (Papineni et al. 2002), in [0, 1].

    `most` is how often one of the references says each n-gram, `lengths` their words. Counts of more than one word are
    raised by one (Lin and Och 2004), since most captions have no four words in common with people's.
    """
    if not words:
        return 0.0
    hits = [0] * ORDERS
    for gram, count in grams(words).items():
        hits[len(gram) - 1] += min(count, most[gram])
    if not hits[0]:
        return 0.0
    total = log(hits[0] / len(words))
    total += sum(log((hits[size] + 1) / (max(len(words) - size, 0) + 1)) for size in range(1, ORDERS))
    nearest = min(lengths, key=lambda length: (abs(length - len(words)), length))
    return exp(total / ORDERS + min(0.0, 1.0 - nearest / len(words)))


def rewards(judge: Judge, vocabulary: Vocabulary, words: torch.Tensor, rows: npt.NDArray[np.int64]) -> torch.Tensor:
    """The rewards of captions, (n, k, t) int64, of the training pictures with these rows, (n,): (n, k) float32."""
    captions = [vocabulary.decode(numbers) for numbers in words.flatten(0, 1).tolist()]
    scores = judge.score(captions, np.repeat(rows, words.shape[1]))
    return torch.from_numpy(scores).float().view(words.shape[:2]).to(words.device)


def criticism(heard: Heard, rewards: torch.Tensor) -> torch.Tensor:
    """The loss whose gradient makes a picture's captions likelier the more their reward beats that of the others.

    `rewards` is (n, k); each is compared with the mean of the other k - 1.
    """
    kept = rewards.shape[1]
    advantage = (rewards - rewards.mean(dim=1, keepdim=True)) * (kept / (kept - 1))
    log_probabilities = heard.scores.log_softmax(dim=-1).gather(1, heard.words[:, None])[:, 0]
    return -(advantage[:, :, None].expand(heard.said.shape)[heard.said] * log_probabilities).mean()


def _most(counts: Iterable[Grams]) -> Grams:
    most: Grams = Counter()
    for each in counts:
        most |= each
    return most
