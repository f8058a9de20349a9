"""Names the thing that a picture shows, by the image tower's own ImageNet classifier.

The classifier learnt from a million photos of single things, the captioner's sentences from 6,000 photos of people
and dogs: where the sentences end, names go on. They come from the feature maps that the captioner reads anyway.
"""

from dataclasses import dataclass
from math import log

import numpy as np
import numpy.typing as npt
import torch

from ml.backbones.efficientnet_lite import GRID, EfficientNetLite2, pool
from ml.datasets.imagenet import everyday_kinds

CPU = torch.device("cpu")


@dataclass(frozen=True)
class Named:
    """The likeliest kind of thing in a picture."""

    kind: str  #: as a caption would say it: `a cat`
    probability: float  #: that the classifier gives to the classes of this kind, together
    evidence: npt.NDArray[np.float32]  #: where it is, (7, 7), rows from the top, sums to 1


class Namer:
    """Tells everyday kinds of things on feature maps. Safe to call from several threads at once."""

    def __init__(self, tower: EfficientNetLite2, where: torch.device = CPU) -> None:
        """`where` is the device of the maps and probabilities that it is given."""
        self.classes = tower.classifier().to(where)
        kinds = everyday_kinds()
        self.kinds = tuple(kinds)
        self._members = torch.zeros(len(kinds), len(self.classes.bias))
        for row, classes in zip(self._members, kinds.values(), strict=True):
            row[list(classes)] = 1.0
        self._members = self._members.to(where)

    def likeliest(self, classes: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The likeliest kind's probability and its number in `kinds`, (n,) each, of class probabilities."""
        probabilities, kinds = (classes @ self._members.T).max(dim=1)
        return probabilities, kinds

    @torch.inference_mode()
    def name(self, maps: torch.Tensor) -> list[Named]:
        """Name the likeliest thing on feature maps, (n, 49, 1280) float32."""
        classes = self.classes(pool(maps))
        probabilities, kinds = self.likeliest(classes)
        evidence = self._evidence(maps, classes, self._members[kinds]).cpu().numpy()
        return [
            Named(self.kinds[kind], min(probability, 1.0), grid)
            for kind, probability, grid in zip(kinds.tolist(), probabilities.tolist(), evidence, strict=True)
        ]

    @torch.inference_mode()
    def evidence(self, maps: torch.Tensor, kind: str) -> npt.NDArray[np.float32]:
        """Where a thing of that kind would be on one picture's map, (1, 49, 1280) float32: (7, 7), sums to 1."""
        member = self._members[self.kinds.index(kind)]
        evidence: npt.NDArray[np.float32] = self._evidence(maps, self.classes(pool(maps)), member).cpu().numpy()[0]
        return evidence

    def _evidence(self, maps: torch.Tensor, classes: torch.Tensor, members: torch.Tensor) -> torch.Tensor:
        """What each cell adds to the log-odds of the kind, where it adds: (n, 7, 7).

        A class activation map (Zhou et al. 2016, https://arxiv.org/abs/1512.04150): the classifier is linear in the
        mean of the cells. The direction is the gradient of the log-odds, between the kind's classes and the others.
        """
        inside, outside = classes * members, classes * (1.0 - members)
        balance = inside / inside.sum(dim=1, keepdim=True) - outside / outside.sum(dim=1, keepdim=True).clamp_min(1e-9)
        added = torch.einsum("ncd,nd->nc", maps, balance @ self.classes.weight).clamp_min(0.0) + 1e-6
        return (added / added.sum(dim=1, keepdim=True)).view(-1, GRID, GRID)


def log_odds(probability: float) -> float:
    """log(p / (1 - p)), finite for any p in [0, 1]: beyond 1 in 10,000 a softmax's certainty means nothing."""
    kept = min(max(probability, 1e-4), 1.0 - 1e-4)
    return log(kept / (1.0 - kept))


def noun(kind: str) -> str:
    """The word that carries a kind: `coffee` of `a cup of coffee`."""
    return kind.rpartition(" ")[2]


def mentions(text: str, kind: str) -> bool:
    """Whether a text in plain lower case speaks of a kind of thing, of one or of several."""
    word = noun(kind)
    return not {word, f"{word}s", f"{word}es"}.isdisjoint(text.split())
