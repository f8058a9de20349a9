"""How sure figures are: the bootstrap over pictures.

Efron 1979, https://doi.org/10.1214/aos/1176344552; paired comparison of two systems as Koehn 2004,
https://aclanthology.org/W04-3250. Pictures are drawn with replacement, each with all that belongs to it. A draw is a
weight for each picture (how often it was drawn), so that a figure which is made of sums over pictures costs a matrix
product for all draws together.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Values = npt.NDArray[np.float64]
Figure = Callable[[Values], Values]
"""A figure of a set of n pictures, for b weightings of them: (b, n) -> (b,). All weights 1 give its plain value."""

DRAWS = 1_000
CONFIDENCE = 0.95
_AT_ONCE = 4_000_000  #: weights in memory


@dataclass(frozen=True)
class Interval:
    """A figure, and between what it would lie in 95 % of such sets of pictures."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Difference:
    """By how much a figure differs between two models on the same pictures."""

    value: float  #: theirs - ours
    low: float
    high: float
    doubt: float  #: twice the share of draws in which the sign is not that of `value`, at most 1; like a p-value

    @property
    def real(self) -> bool:
        """Whether the interval leaves 0 out."""
        return self.low > 0.0 or self.high < 0.0


def mean(column: Values) -> Figure:
    """The mean of a value that each picture has, (n,)."""
    return ratio(column, np.ones(len(column)))


def ratio(above: Values, below: Values) -> Figure:
    """The sum of one value over that of another, (n,) each; 0 where there is nothing."""

    def figure(weights: Values) -> Values:
        sums, counts = weights @ above, weights @ below
        return np.divide(sums, counts, out=np.zeros_like(sums), where=counts > 0)

    return figure


def median(values: Values, owner: npt.NDArray[np.int64]) -> Figure:
    """The smallest of m values that half of them do not exceed, (m,), each of the picture in `owner`, (m,)."""
    order = np.argsort(values, kind="stable")
    values, owner = values[order], owner[order]

    def figure(weights: Values) -> Values:
        reached = np.cumsum(weights[:, owner], axis=1)
        middle = (reached >= reached[:, -1:] / 2).argmax(axis=1)
        return np.asarray(values[middle])

    return figure


def smooth(value: float, without: Values) -> Figure:
    """A figure that is no sum, by what it is without each picture, (n,).

    For what suffers from a picture that is drawn twice, as the number of different words does: its draws move by the
    jackknife's influence of each picture (Efron 1992, https://doi.org/10.1111/j.2517-6161.1992.tb01866.x).
    """
    influence = (len(without) - 1) * (value - without)
    influence -= influence.mean() if len(influence) else 0.0
    moved = mean(influence)
    return lambda weights: value + moved(weights)


def value(figure: Figure, pictures: int) -> float:
    """A figure's plain value."""
    return float(figure(np.ones((1, pictures)))[0])


def intervals(
    figures: Mapping[str, Figure], pictures: int, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Interval]:
    """The 95 % percentile interval of each figure. Same seed, same intervals."""
    drawn = _drawn(figures, pictures, draws, seed)
    return {name: Interval(value(figure, pictures), *_bounds(drawn[name])) for name, figure in figures.items()}


def differences(
    ours: Mapping[str, Figure], theirs: Mapping[str, Figure], pictures: int, *, draws: int = DRAWS, seed: int = 0
) -> dict[str, Difference]:
    """How figures of two models differ, drawn from the same pictures in the same order for both."""
    before, after = (_drawn(figures, pictures, draws, seed) for figures in (ours, theirs))
    found = {}
    for name in ours:
        apart = value(theirs[name], pictures) - value(ours[name], pictures)
        drawn = after[name] - before[name]
        against = float(np.mean(drawn * np.sign(apart) <= 0.0))
        found[name] = Difference(apart, *_bounds(drawn), doubt=min(1.0, 2 * against))
    return found


def _drawn(figures: Mapping[str, Figure], pictures: int, draws: int, seed: int) -> dict[str, Values]:
    chunks = [
        {name: figure(weights) for name, figure in figures.items()} for weights in _weights(pictures, draws, seed)
    ]
    return {name: np.concatenate([chunk[name] for chunk in chunks]) for name in figures}


def _weights(pictures: int, draws: int, seed: int) -> Iterator[Values]:
    """How often each picture is drawn, (b, n) at a time, until there are enough draws."""
    generator = np.random.default_rng(seed)
    at_once = max(1, _AT_ONCE // pictures)
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        picked = generator.integers(pictures, size=(count, pictures)) + np.arange(count)[:, None] * pictures
        yield np.bincount(picked.ravel(), minlength=count * pictures).reshape(count, pictures).astype(np.float64)


def _bounds(drawn: Values) -> tuple[float, float]:
    tail = (1.0 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, (tail, 1.0 - tail))
    return float(low), float(high)
