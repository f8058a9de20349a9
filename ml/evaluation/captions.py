"""How good captions are: against what people wrote, and by themselves.

ROUGE (Lin 2004, https://aclanthology.org/W04-1013) by rouge-score, without stemming; BLEU (Papineni et al. 2002,
https://aclanthology.org/P02-1040) by sacrebleu; CIDEr-D by `ml.evaluation.cider`; distinct-n (Li et al. 2016,
https://arxiv.org/abs/1510.03055). All of them read text in lower case without punctuation, `ml.evaluation.text.plain`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer
from sacrebleu.metrics.bleu import BLEU
from tqdm import tqdm

from ml.datasets.examples import Example, Split, read
from ml.datasets.imagefolder import fingerprint
from ml.evaluation.bootstrap import Figure, Values, mean, smooth, value
from ml.evaluation.cider import CiderD
from ml.evaluation.pictures import batches
from ml.evaluation.report import Sample
from ml.evaluation.results import Measure, Report, Table
from ml.evaluation.text import plain, repeats, sequences
from ml.interfaces import Captioner

__all__ = ["CaptionScores", "CaptionStatistics", "evaluate", "plain", "repeats", "report", "rouge_l", "score"]

MEASURES = {
    "rouge_1_best": Measure("ROUGE-1 F1, best reference"),
    "rouge_1_mean": Measure("ROUGE-1 F1, mean over references"),
    "rouge_2_best": Measure("ROUGE-2 F1, best reference"),
    "rouge_2_mean": Measure("ROUGE-2 F1, mean over references"),
    "rouge_l_best": Measure("ROUGE-L F1, best reference"),
    "rouge_l_mean": Measure("ROUGE-L F1, mean over references"),
    "bleu_1": Measure("BLEU-1", 2),
    "bleu_2": Measure("BLEU-2", 2),
    "bleu_3": Measure("BLEU-3", 2),
    "bleu_4": Measure("BLEU-4", 2),
    "cider_d": Measure("CIDEr-D"),
    "repeating": Measure("captions with a repeated 3-gram", 1, per_cent=True, more_is_better=False),
    "distinct_1": Measure("distinct-1"),
    "distinct_2": Measure("distinct-2"),
    "different": Measure("different captions", 1, per_cent=True),
    "words": Measure("words a caption", 2, more_is_better=None),
}
CATEGORY_MEASURES = ("rouge_l_best", "bleu_4", "cider_d", "repeating")
SHOWN = 20  #: pictures among the worst, and among the best
_ROUGE = ("rouge1", "rouge2", "rougeL")
_ORDERS = 4


@dataclass(frozen=True)
class CaptionScores:
    """Scores of one caption a picture against its references; shares in [0, 1], BLEU in [0, 100]."""

    pictures: int
    rouge_l_best: float  #: ROUGE-L F1 against the reference that fits best, mean over pictures
    rouge_l_mean: float  #: ROUGE-L F1, mean over references and pictures
    bleu_4: float
    bleu_1: float
    repeating: float  #: share of captions that say the same three words twice
    distinct: int  #: different captions among all
    rouge_1_best: float
    rouge_1_mean: float
    rouge_2_best: float
    rouge_2_mean: float
    bleu_2: float
    bleu_3: float
    cider_d: float  #: from 0 to 10, for good captions around 1
    distinct_1: float  #: different words among all
    distinct_2: float  #: different pairs of words among all
    different: float  #: different captions among all
    words: float  #: mean length of a caption

    def table(self) -> str:
        """A Markdown table of the figures."""
        rows = [
            (measure.label + (", %" if measure.per_cent else ""), measure.show(getattr(self, name)))
            for name, measure in MEASURES.items()
        ]
        counts = [("pictures", f"{self.pictures:,}"), *rows, ("different captions, number", f"{self.distinct:,}")]
        return Table(("measure", "value"), counts).markdown()


@dataclass(frozen=True)
class CaptionStatistics:
    """What the scores of n captions are made of."""

    captions: Sequence[str]  #: plain
    rouge: Values  #: (n, 3, 2): of ROUGE-1, -2 and -L, the best of the references and their mean
    bleu: Values  #: (n, 10): n-grams that a reference has and all n-grams of 1 to 4 words, length, reference's length
    cider: Values  #: (n,)

    @classmethod
    def of(cls, captions: Sequence[str], references: Sequence[Sequence[str]]) -> "CaptionStatistics":
        """Compare one caption a picture with the picture's references, one or more each."""
        texts = [plain(caption) for caption in captions]
        plain_references = [[plain(text) for text in each] for each in references]
        scorer = RougeScorer(_ROUGE, tokenizer=DefaultTokenizer(use_stemmer=False))
        progress = tqdm(plain_references, desc="ROUGE", unit="picture", delay=2.0, leave=False)
        rouge = [_rouge(scorer, text, each) for text, each in zip(texts, progress, strict=True)]
        # the counts of a sentence are what those of the set are made of; `effective_order` changes its score alone
        bleu = BLEU(tokenize="none", force=True, effective_order=True)
        counted = [bleu.sentence_score(text, each) for text, each in zip(texts, plain_references, strict=True)]
        return cls(
            captions=texts,
            rouge=np.array(rouge).reshape(len(texts), len(_ROUGE), 2),
            bleu=np.array([[*each.counts, *each.totals, each.sys_len, each.ref_len] for each in counted], dtype=float),
            cider=CiderD(plain_references).score(texts),
        )

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "CaptionStatistics":
        """From the rows of a report. Raises ValueError, TypeError or KeyError."""
        return cls(
            captions=[plain(row["caption"]) for row in rows],
            rouge=np.array([row["rouge"] for row in rows], dtype=float).reshape(len(rows), len(_ROUGE), 2),
            bleu=np.array([row["bleu"] for row in rows], dtype=float).reshape(len(rows), 2 * _ORDERS + 2),
            cider=np.array([row["cider_d"] for row in rows], dtype=float),
        )

    def __len__(self) -> int:
        return len(self.captions)

    def rows(self) -> list[dict[str, Any]]:
        """In plain values, one row for each picture."""
        parts = (self.captions, self.rouge.tolist(), self.bleu.astype(int).tolist(), self.cider.tolist())
        return [
            dict(zip(("caption", "rouge", "bleu", "cider_d"), row, strict=True)) for row in zip(*parts, strict=True)
        ]

    def take(self, rows: npt.NDArray[np.int64]) -> "CaptionStatistics":
        """That of some of the pictures."""
        captions = [self.captions[row] for row in rows]
        return CaptionStatistics(captions, self.rouge[rows], self.bleu[rows], self.cider[rows])

    def figures(self) -> dict[str, Figure]:
        """The figures of MEASURES."""
        figures = {
            f"rouge_{size}_{which}": mean(self.rouge[:, kind, column])
            for kind, size in enumerate("12l")
            for column, which in enumerate(("best", "mean"))
        }
        figures |= {f"bleu_{order}": _bleu(self.bleu, order) for order in range(1, _ORDERS + 1)}
        figures["cider_d"] = mean(self.cider)
        figures["repeating"] = mean(np.array([repeats(text) for text in self.captions], dtype=float))
        figures |= {f"distinct_{size}": _distinct([sequences(text, size) for text in self.captions]) for size in (1, 2)}
        figures["different"] = _distinct([[(text,)] for text in self.captions])
        figures["words"] = mean(np.array([len(text.split()) for text in self.captions], dtype=float))
        return figures

    def scores(self) -> CaptionScores:
        """The plain scores of all pictures."""
        values = {name: value(figure, len(self)) for name, figure in self.figures().items()}
        return CaptionScores(pictures=len(self), distinct=len(set(self.captions)), **values)


def evaluate(captioner: Captioner, *, data: Path, split: Split) -> CaptionScores:
    """Caption a split of a data set and score the captions. Raises DatasetError."""
    examples = list(read(data, split))
    return score(_captions(captioner, examples), [example.captions for example in examples])


def report(captioner: Captioner, *, data: Path, split: Split) -> tuple[Report, dict[str, list[Sample]]]:
    """Caption a split of a data set: all figures, and the pictures with the worst and with the best captions.

    Raises DatasetError.
    """
    examples = list(read(data, split))
    said = _captions(captioner, examples)
    statistics = CaptionStatistics.of(said, [example.captions for example in examples])
    key = captioner.info.key
    found = Report.of("captions", statistics, examples, model=key, split=split, fingerprint=fingerprint(data, split))
    order = np.lexsort((statistics.rouge[:, 2, 0], statistics.cider))

    def samples(rows: npt.NDArray[np.int64]) -> list[Sample]:
        return [
            Sample(
                examples[row].path,
                said[row],
                examples[row].captions,
                f"CIDEr-D {statistics.cider[row]:.2f}, ROUGE-L {statistics.rouge[row, 2, 0]:.2f}",
            )
            for row in rows
        ]

    return found, {"Worst": samples(order[:SHOWN]), "Best": samples(order[::-1][:SHOWN])}


def score(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Score one caption a picture against the picture's references, one or more each.

    BLEU is that of the whole set.
    """
    return CaptionStatistics.of(captions, references).scores()


def rouge_l(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[float]]:
    """ROUGE-L F1 (Lin 2004) of each caption with each of its picture's references, without stemming."""
    scorer = RougeScorer(["rougeL"], tokenizer=DefaultTokenizer(use_stemmer=False))
    return [
        [scorer.score(reference, caption)["rougeL"].fmeasure for reference in texts]
        for caption, texts in zip(captions, references, strict=True)
    ]


def _captions(captioner: Captioner, examples: Sequence[Example]) -> list[str]:
    return [result.text for images in batches(examples, "caption") for result in captioner.caption(images)]


def _rouge(scorer: RougeScorer, caption: str, references: Sequence[str]) -> Values:
    """The best and the mean F1 of each kind of ROUGE: (3, 2)."""
    scores = [scorer.score(reference, caption) for reference in references]
    values = np.array([[score[kind].fmeasure for kind in _ROUGE] for score in scores])
    return np.stack([values.max(axis=0), values.mean(axis=0)], axis=1)


def _bleu(counts: Values, orders: int) -> Figure:
    """BLEU of up to n words in a row, from the counts of each picture, (n, 10); smoothed as sacrebleu's `exp`."""

    def figure(weights: Values) -> Values:
        sums = weights @ counts
        right, all_ = sums[:, :orders], sums[:, _ORDERS : _ORDERS + orders]
        length, reference = sums[:, -2], sums[:, -1]
        none = right == 0
        halved = np.exp2(np.cumsum(none, axis=1))  # the first order of which nothing is right counts 1/2, the next 1/4
        precision = np.where(none, 1.0 / halved, right) / np.maximum(all_, 1)
        penalty = np.exp(np.minimum(0.0, 1.0 - reference / np.maximum(length, 1)))
        possible = (all_ > 0).all(axis=1) & (right > 0).any(axis=1)
        return np.asarray(np.where(possible, 100 * penalty * np.exp(np.log(precision).mean(axis=1)), 0.0))

    return figure


def _distinct(said: Sequence[Sequence[tuple[str, ...]]]) -> Figure:
    """The share of different ones among all that are said, by the pictures of which each says some."""
    lengths = np.array([len(each) for each in said], dtype=float)
    speakers = Counter(chain.from_iterable(set(each) for each in said))
    alone = np.array([sum(speakers[sequence] == 1 for sequence in set(each)) for each in said], dtype=float)
    every, different = lengths.sum(), len(speakers)
    without = (different - alone) / np.maximum(1, every - lengths)
    return smooth(different / max(1.0, every), without)
