"""How good captions are: against what people wrote, and by themselves."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from PIL import Image as PILImage
from rouge_score.rouge_scorer import RougeScorer
from rouge_score.tokenizers import DefaultTokenizer
from sacrebleu.metrics.bleu import BLEU
from tqdm import tqdm

from ml.datasets.examples import Split, read
from ml.interfaces import Captioner

BATCH = 32


@dataclass(frozen=True)
class CaptionScores:
    """Scores of one caption a picture against several references; shares in [0, 1], BLEU in [0, 100]."""

    pictures: int
    rouge_l_best: float  #: ROUGE-L F1 against the reference that fits best, mean over pictures
    rouge_l_mean: float  #: ROUGE-L F1, mean over references and pictures
    bleu_4: float
    bleu_1: float
    repeating: float  #: share of captions that say the same three words twice
    distinct: int  #: different captions among all

    def table(self) -> str:
        """A Markdown table of the figures."""
        rows = [
            ("pictures", f"{self.pictures}"),
            ("ROUGE-L F1, best reference", f"{self.rouge_l_best:.4f}"),
            ("ROUGE-L F1, mean over references", f"{self.rouge_l_mean:.4f}"),
            ("BLEU-4", f"{self.bleu_4:.2f}"),
            ("BLEU-1", f"{self.bleu_1:.2f}"),
            ("captions with a repeated 3-gram", f"{self.repeating:.1%}"),
            ("distinct captions", f"{self.distinct}"),
        ]
        return "\n".join(["| measure | value |", "| --- | ---: |", *(f"| {name} | {value} |" for name, value in rows)])


def evaluate(captioner: Captioner, *, data: Path, split: Split) -> CaptionScores:
    """Caption a split of Flickr8k (in its usual layout under `data`) and score the captions.

    Raises DatasetError where the data set is not there.
    """
    examples = list(read(data, split))
    captions: list[str] = []
    for start in tqdm(range(0, len(examples), BATCH), desc=f"caption {split}", unit="batch"):
        images = [PILImage.open(example.path) for example in examples[start : start + BATCH]]
        captions.extend(result.text for result in captioner.caption(images))
    return score(captions, [example.captions for example in examples])


def score(captions: Sequence[str], references: Sequence[Sequence[str]]) -> CaptionScores:
    """Score one caption a picture against the picture's references, as many for each picture.

    BLEU is that of the whole set (sacrebleu) on text in lower case without punctuation.
    """
    texts = [plain(caption) for caption in captions]
    per_picture = rouge_l(captions, references)
    streams = [[plain(text) for text in stream] for stream in zip(*references, strict=True)]
    return CaptionScores(
        pictures=len(captions),
        rouge_l_best=fmean(max(scores) for scores in per_picture),
        rouge_l_mean=fmean(fmean(scores) for scores in per_picture),
        bleu_4=BLEU(tokenize="none", force=True).corpus_score(texts, streams).score,
        bleu_1=BLEU(tokenize="none", force=True, max_ngram_order=1).corpus_score(texts, streams).score,
        repeating=fmean(repeats(text) for text in texts),
        distinct=len(set(texts)),
    )


def rouge_l(captions: Sequence[str], references: Sequence[Sequence[str]]) -> list[list[float]]:
    """ROUGE-L F1 (Lin 2004) of each caption with each of its picture's references, without stemming."""
    scorer = RougeScorer(["rougeL"], tokenizer=DefaultTokenizer(use_stemmer=False))
    return [
        [scorer.score(reference, caption)["rougeL"].fmeasure for reference in texts]
        for caption, texts in zip(captions, references, strict=True)
    ]


def plain(text: str) -> str:
    """Text in lower case, only letters and digits, single spaces."""
    return re.sub(r"[^a-z0-9]+", " ", text.lower()).strip()


def repeats(text: str, size: int = 3) -> bool:
    """Whether a text says the same `size` words in a row twice."""
    words = text.split()
    sequences = [tuple(words[start : start + size]) for start in range(len(words) - size + 1)]
    return len(set(sequences)) < len(sequences)
