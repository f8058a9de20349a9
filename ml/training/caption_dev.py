"""The split on which a captioner is chosen, and what its certainty means there."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

import numpy as np
import numpy.typing as npt
import torch
from tqdm import tqdm

from ml.backbones.efficientnet_lite import EfficientNetLite2
from ml.captioners.builtin import Manner, Network, certainty, speak
from ml.captioners.naming import Namer, log_odds, mentions
from ml.captioners.vocabulary import Vocabulary, split_words
from ml.datasets.examples import Example
from ml.evaluation.captions import CaptionScores, rouge_l, score
from ml.training.calibration import fit_logistic
from ml.training.features import FeatureMaps

GOOD = 0.4  #: ROUGE-L with the nearest reference from which a caption counts as good, for the confidence
CONFIDENCE = (
    "A caption's confidence is the probability, fitted on dev, that its ROUGE-L with the nearest reference is at least "
    f"{GOOD}."
)
LENGTH_POWERS = (0.7, 0.8, 0.9, 1.1)  #: that are tried for a finished network
AIMS = {"cider_d": 0.6, "rouge_l_best": 0.49, "bleu_4": 25.0, "bleu_1": 67.0}
TELLING = 50  #: pictures that are captioned together


@dataclass(frozen=True)
class Dev:
    """The split on which everything is chosen."""

    examples: Sequence[Example]
    maps: FeatureMaps
    vocabulary: Vocabulary

    @property
    def references(self) -> list[tuple[str, ...]]:
        return [example.captions for example in self.examples]

    def captions(self, network: Network, manner: Manner) -> tuple[list[str], npt.NDArray[np.float64]]:
        """What a network says of the pictures, and how certain it is, (n,)."""
        texts: list[str] = []
        certainties: list[float] = []
        for start in range(0, len(self.maps), TELLING):
            maps = torch.from_numpy(self.maps[start : start + TELLING].astype(np.float32))
            spoken = speak(network, maps.to(network.mean.device), manner)
            texts.extend(self.vocabulary.decode(numbers) for numbers in spoken.words[:, 0].tolist())
            certainties.extend(certainty(spoken).tolist())
        return texts, np.array(certainties)

    def score(self, network: Network, manner: Manner) -> CaptionScores:
        """Score what a network says."""
        return score(self.captions(network, manner)[0], self.references)


def figure(scores: CaptionScores) -> float:
    """What decides: the mean of the measures that count, each as a share of what is aimed at."""
    return fmean(getattr(scores, name) / aim for name, aim in AIMS.items())


def choose_length(network: Network, dev: Dev) -> tuple[Manner, CaptionScores]:
    """The manner with the length power that does best on dev, and its scores.

    Self-critical training makes short captions sure of themselves, and CIDEr-D likes them as long as people's.
    """
    manners = [replace(Manner(), length_power=power) for power in LENGTH_POWERS]
    scored = [(manner, dev.score(network, manner)) for manner in manners]
    return max(scored, key=lambda pair: figure(pair[1]))


def calibrate(network: Network, dev: Dev, manner: Manner) -> Manner:
    """The manner whose confidence is the probability, fitted on dev, that a caption is good."""
    texts, certainties = dev.captions(network, manner)
    good = np.array([max(scores) >= GOOD for scores in rouge_l(texts, dev.references)])
    slope, offset = fit_logistic(certainties, good)
    manner = replace(manner, slope=slope, offset=offset)
    unsure = 1.0 / (1.0 + np.exp(-slope * certainties - offset)) < manner.unsure_below
    tqdm.write(
        f"{manner}: unsure of {unsure.sum()} of {len(texts)} captions on dev, of which {good[unsure].sum()} are good; "
        f"of the others {good[~unsure].sum()} are"
    )
    return manner


def calibrate_names(manner: Manner, examples: Sequence[Example], maps: FeatureMaps, tower: EfficientNetLite2) -> Manner:
    """The manner whose confidence in a name is the probability that people who describe the picture mention the thing.

    Fitted on the training photos, which the classifier never saw. Dogs are left out: it knows them best of all, and
    the decoder tells them anyway.
    """
    namer = Namer(tower)
    pooled = torch.from_numpy(maps.mean(axis=1, dtype=np.float32))
    probabilities, kinds = (column.tolist() for column in namer.likeliest(namer.classes(pooled)))
    odds, mentioned = [], []
    for example, probability, kind in zip(examples, probabilities, (namer.kinds[kind] for kind in kinds), strict=True):
        if kind != "a dog":
            odds.append(log_odds(probability))
            mentioned.append(any(mentions(" ".join(split_words(caption)), kind) for caption in example.captions))
    slope, offset = fit_logistic(np.array(odds), np.array(mentioned, dtype=bool))
    return replace(manner, name_slope=slope, name_offset=offset)
