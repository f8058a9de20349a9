"""Retrieval between pictures and their captions: recall@k, as image-text papers report it.

Protocol of Hodosh et al. 2013 (https://doi.org/10.1613/jair.3994) as Karpathy and Fei-Fei 2015
(https://arxiv.org/abs/1412.2306) made usual: every caption queries all photos, every photo queries all captions.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from tqdm import tqdm

from ml.datasets.examples import Example, Split, read
from ml.datasets.imagefolder import fingerprint
from ml.evaluation.bootstrap import Figure, Values, mean, median, ratio, value
from ml.evaluation.pictures import batches
from ml.evaluation.report import Found, Sample
from ml.evaluation.results import Measure, Report, Table
from ml.interfaces import Embeddings, ImageTextEncoder

DEPTHS = (1, 5, 10)
SHOWN = 20  #: pictures among the worst, and among the best
SHOWN_FOUND = 4  #: pictures that a query found
_DIRECTIONS = {"text_to_image": "text -> image", "image_to_text": "image -> text"}
MEASURES = {
    f"{direction}_{name}": Measure(f"{words}, {label}", decimals, per_cent, better)
    for direction, words in _DIRECTIONS.items()
    for name, label, decimals, per_cent, better in (
        *((f"r{depth}", f"R@{depth}", 1, True, True) for depth in DEPTHS),
        ("median_rank", "median rank", 0, False, False),
        ("mrr", "MRR", 4, False, True),
    )
}
CATEGORY_MEASURES = ("text_to_image_r1", "text_to_image_r5", "text_to_image_r10", "image_to_text_r5")
_AT_ONCE = 16_000_000  #: similarities in memory
_TEXTS = 256  #: captions encoded between two moves of the progress bar

Ranks = npt.NDArray[np.int64]


@dataclass(frozen=True)
class RetrievalScores:
    """Recall@1, @5 and @10 in both directions, each in [0, 1]; median rank from 1; mean reciprocal rank in [0, 1]."""

    images: int
    captions: int
    text_to_image: tuple[float, float, float]
    image_to_text: tuple[float, float, float]
    text_to_image_median_rank: float = float("nan")
    image_to_text_median_rank: float = float("nan")
    text_to_image_mrr: float = float("nan")
    image_to_text_mrr: float = float("nan")

    def table(self) -> str:
        """The scores, recall in per cent, as a Markdown table."""
        header = (f"{self.images:,} images, {self.captions:,} captions", *(f"R@{k}" for k in DEPTHS), "median", "MRR")
        rows = [
            (
                words,
                *(f"{100 * recall:.1f}" for recall in getattr(self, direction)),
                f"{getattr(self, direction + '_median_rank'):.0f}",
                f"{getattr(self, direction + '_mrr'):.4f}",
            )
            for direction, words in _DIRECTIONS.items()
        ]
        return Table(header, rows).markdown()


@dataclass(frozen=True)
class RetrievalStatistics:
    """At which rank, from 1, each of m captions finds its picture, and each of n pictures its first caption."""

    text_ranks: Ranks  #: (m,)
    owner: Ranks  #: (m,), the row of the picture that a caption describes
    image_ranks: Ranks  #: (n,)

    @classmethod
    def from_rows(cls, rows: Sequence[Mapping[str, Any]]) -> "RetrievalStatistics":
        """From the rows of a report. Raises ValueError, TypeError or KeyError."""
        ranks = [row["text_ranks"] for row in rows]
        return cls(
            text_ranks=np.array(list(chain.from_iterable(ranks)), dtype=np.int64),
            owner=np.repeat(np.arange(len(rows)), [len(each) for each in ranks]),
            image_ranks=np.array([row["image_rank"] for row in rows], dtype=np.int64),
        )

    def __len__(self) -> int:
        return len(self.image_ranks)

    def rows(self) -> list[dict[str, Any]]:
        """In plain values, one row for each picture."""
        order = np.argsort(self.owner, kind="stable")
        ends = np.cumsum(np.bincount(self.owner, minlength=len(self)))[:-1]
        texts = np.split(self.text_ranks[order], ends)
        return [
            {"image_rank": image, "text_ranks": each.tolist()}
            for image, each in zip(self.image_ranks.tolist(), texts, strict=True)
        ]

    def take(self, rows: Ranks) -> "RetrievalStatistics":
        """The queries of some of the pictures and of their captions; they searched among all."""
        place = np.full(len(self), -1)
        place[rows] = np.arange(len(rows))
        owner = place[self.owner]
        return RetrievalStatistics(self.text_ranks[owner >= 0], owner[owner >= 0], self.image_ranks[rows])

    def figures(self) -> dict[str, Figure]:
        """The figures of MEASURES. A picture is drawn with its captions, as queries; what they search stays whole."""
        figures: dict[str, Figure] = {}
        texts = self._sums(np.ones(len(self.text_ranks)))
        for depth in DEPTHS:
            hits = self._sums((self.text_ranks <= depth).astype(float))
            figures[f"text_to_image_r{depth}"] = ratio(hits, texts)
            figures[f"image_to_text_r{depth}"] = mean((self.image_ranks <= depth).astype(float))
        figures["text_to_image_median_rank"] = median(self.text_ranks.astype(float), self.owner)
        figures["image_to_text_median_rank"] = median(self.image_ranks.astype(float), np.arange(len(self)))
        figures["text_to_image_mrr"] = ratio(self._sums(1.0 / self.text_ranks), texts)
        figures["image_to_text_mrr"] = mean(1.0 / self.image_ranks)
        return figures

    def _sums(self, values: Values) -> Values:
        """For each picture, the sum over its captions of a value that each has, (m,)."""
        return np.bincount(self.owner, weights=values, minlength=len(self)).astype(float)

    def scores(self) -> RetrievalScores:
        """The plain scores."""
        values = {name: value(figure, len(self)) for name, figure in self.figures().items()}
        recalls = {
            direction: tuple(values.pop(f"{direction}_r{depth}") for depth in DEPTHS) for direction in _DIRECTIONS
        }
        return RetrievalScores(images=len(self), captions=len(self.text_ranks), **recalls, **values)  # type: ignore[arg-type]


def evaluate(encoder: ImageTextEncoder, *, data: Path, split: Split) -> RetrievalScores:
    """Score an encoder on a split of a data set. Raises DatasetError."""
    return score(*_embed(encoder, list(read(data, split))))


def report(encoder: ImageTextEncoder, *, data: Path, split: Split) -> tuple[Report, dict[str, list[Sample]]]:
    """Score an encoder on a split of a data set: all figures, and the captions which find their picture worst and best.

    Raises DatasetError.
    """
    examples = list(read(data, split))
    images, texts, owner = _embed(encoder, examples)
    statistics, margins = rank(images, texts, owner)
    key = encoder.info.key
    found = Report.of("retrieval", statistics, examples, model=key, split=split, fingerprint=fingerprint(data, split))
    order = np.lexsort((-margins, statistics.text_ranks))
    captions = [caption for example in examples for caption in example.captions]

    def samples(order: Ranks) -> list[Sample]:
        chosen = _of_different(order, owner)
        nearest = np.argsort(-(texts[chosen] @ images.T), axis=1, kind="stable")[:, :SHOWN_FOUND]
        return [
            Sample(
                examples[owner[text]].path,
                captions[text],
                note=f"rank {statistics.text_ranks[text]:,} of {len(images):,}",
                found=[Found(examples[row].path, bool(row == owner[text])) for row in rows],
            )
            for text, rows in zip(chosen, nearest, strict=True)
        ]

    return found, {"Worst": samples(order[::-1]), "Best": samples(order)}


def score(images: Embeddings, texts: Embeddings, owner: npt.NDArray[np.int64]) -> RetrievalScores:
    """Score embeddings: `images` (n, d), `texts` (m, d), and for each text the row of the picture it describes (m,).

    A tie counts against the encoder, so that constant embeddings score nothing.
    """
    return rank(images, texts, owner)[0].scores()


def rank(
    images: Embeddings, texts: Embeddings, owner: npt.NDArray[np.int64]
) -> tuple[RetrievalStatistics, npt.NDArray[np.float32]]:
    """The ranks of embeddings as in `score`, and by how much each text is nearer to its picture than to any other (m,).

    Takes memory for a few million similarities, whatever the number of embeddings.
    """
    own, nearest = np.zeros(len(texts), np.float32), np.zeros(len(texts), np.float32)
    rivals = np.zeros(len(texts), np.int64)
    best = np.full(len(images), -np.inf, np.float32)
    for part, similarities in _similarities(images, texts):
        rows = np.arange(len(similarities))
        own[part] = mine = similarities[rows, owner[part]]
        rivals[part] = (~(similarities < mine[:, None])).sum(axis=1) - 1  # what is no number is a rival too
        with np.errstate(invalid="ignore"):
            np.maximum.at(best, owner[part], mine)
        similarities[rows, owner[part]] = -np.inf
        nearest[part] = similarities.max(axis=1)
    caption_rivals = np.zeros(len(images), np.int64)
    for part, similarities in _similarities(images, texts):
        similarities[np.arange(len(similarities)), owner[part]] = -np.inf
        caption_rivals += (~(similarities < best)).sum(axis=0)
    return RetrievalStatistics(rivals + 1, np.asarray(owner), caption_rivals + 1), own - nearest


def _similarities(images: Embeddings, texts: Embeddings) -> Iterator[tuple[slice, Embeddings]]:
    """Those of some texts after the others with all pictures, (c, n); the same numbers in every round."""
    size = max(1, _AT_ONCE // max(1, len(images)))
    for start in range(0, len(texts), size):
        part = slice(start, start + size)
        yield part, texts[part] @ images.T


def _embed(encoder: ImageTextEncoder, examples: Sequence[Example]) -> tuple[Embeddings, Embeddings, Ranks]:
    images = np.concatenate([encoder.encode_images(batch) for batch in batches(examples, "pictures")])
    captions = [caption for example in examples for caption in example.captions]
    parts = []
    with tqdm(total=len(captions), desc="captions", unit="caption") as bar:
        for start in range(0, len(captions), _TEXTS):
            parts.append(encoder.encode_texts(captions[start : start + _TEXTS]))
            bar.update(len(parts[-1]))
    texts = np.concatenate(parts)
    return images, texts, np.repeat(np.arange(len(examples)), [len(example.captions) for example in examples])


def _of_different(order: Ranks, owner: Ranks) -> Ranks:
    """The first captions in this order, one for a picture."""
    _, first = np.unique(owner[order], return_index=True)
    chosen: Ranks = order[np.sort(first)[:SHOWN]]
    return chosen
