"""`python -m bench.fusion`: what fusing the legs of a search gains on Flickr8k, and the weights that dev chooses.

Pictures with captions as the site stores them: written by the captioner, by people (the first of a picture's own five)
or, as in most libraries, by people for some of the pictures. The captions of people (but the stored one) are the
queries. The full-text legs are the site's own, on SQLite. Weights are chosen on dev, for all of these libraries
together; test is only reported. Then: how often a person's caption is taken to mean a query, rightly and wrongly.
"""

import argparse
import os
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import django
import numpy as np
import numpy.typing as npt

from bench import fusion_legs, installation, report
from bench.fusion_legs import CAPTION, CAPTIONER, LOOKS, MEANING, Library, Ranks
from ml.evaluation.bootstrap import Difference, Figure, differences, mean

NAMES = {
    LOOKS: "image vector",
    CAPTION: "people's words",
    CAPTIONER: "captioner's words",
    MEANING: "people's meaning",
}
DEPTHS = (1, 5, 10)
OFFSETS = (1, 2, 5, 10)
GRID = (0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 1.5)
MATCH = 100.0  # above any score
Weights = dict[str, float]


@dataclass(frozen=True)
class Fusion:
    """How legs are fused: `weights` by leg, how little a rank matters compared with its neighbour, and whether places
    count more of pictures that nobody described."""

    offset: int
    weights: Weights
    is_fair: bool = True

    @property
    def undescribed(self) -> float:
        """As search.query.legs has it."""
        return 1 + self.weights.get(MEANING, 0.0) / self.weights[LOOKS] if self.is_fair else 1.0

    def __str__(self) -> str:
        weights = ", ".join(f"{NAMES[leg]} {weight:g}" for leg, weight in self.weights.items())
        return weights if self.is_fair else f"{weights}, undescribed pictures as all others"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.fusion", description=__doc__)
    parser.add_argument("--data", type=Path, default=Path.home() / "data" / "flickr8k")
    parser.add_argument("--split", choices=["dev", "test"], default="test", help="dev: choose weights, write nothing")
    parser.add_argument("--cache", type=Path, default=Path.home() / ".cache" / "mmsite" / "features")
    parser.add_argument("--report", type=Path, default=report.REPORT)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        os.environ.update(installation.environment(Path(folder)))
        django.setup()
        from django.core.management import call_command

        call_command("migrate", verbosity=0)
        dev = fusion_legs.libraries(options.data, "dev", options.cache)
        chosen = choices(dev)
        lines = chosen_lines(dev, chosen)
        if options.split == "test":
            test = fusion_legs.libraries(options.data, "test", options.cache)
            lines = test_lines(test, chosen) + lines + meant_lines(test[1], options)
            report.write(options.report, "fusion", lines)
    print("\n".join(lines))


def fused(library: Library, fusion: Fusion) -> Ranks:
    """At which rank, from 1, each query finds its picture."""
    return places(scores(library, fusion), library.gold)


def listed(library: Library, fusion: Fusion) -> Ranks:
    """As the results page lists them: pictures that match (by their cosine or by all of the words) come first."""
    return places(scores(library, fusion) + MATCH * library.matches, library.gold)


def scores(library: Library, fusion: Fusion) -> Ranks:
    """As search.query.fusion has them, for all queries at once, (m, n)."""
    score = np.zeros(library.matches.shape, np.float32)
    for leg, weight in fusion.weights.items():
        score += weight / (fusion.offset + library.legs[leg])
    if library.described.any():
        score[:, ~library.described] *= fusion.undescribed
    return score


def places(score: Ranks, gold: npt.NDArray[np.int64]) -> Ranks:
    """The rank of the right picture, newest first among equal ones; infinite where it wasn't found at all."""
    right = score[np.arange(len(gold)), gold][:, None]
    newer = np.arange(score.shape[1])[None] > gold[:, None]
    ranks = 1.0 + (score > right).sum(axis=1) + ((score == right) & newer).sum(axis=1)
    return np.where(right[:, 0] > 0, ranks, np.inf)


def quality(ranks: Ranks) -> float:
    """What weights are chosen by: mean of R@1, R@5 and R@10."""
    return float(np.mean([(ranks <= depth).mean() for depth in DEPTHS]))


def choices(dev: Sequence[Library]) -> list[Fusion]:
    """The best for all libraries together: of image and words, and of all legs, fairly to pictures that nobody
    described and not."""
    words = (CAPTION, CAPTIONER)
    return [best(dev, words), best(dev, (MEANING, *words)), best(dev, (MEANING, *words), is_fair=False)]


def best(libraries: Sequence[Library], legs: Sequence[str], *, is_fair: bool = True) -> Fusion:
    """The best on average of the image vector and these legs: for each offset, one weight after the other, twice."""

    def average(fusion: Fusion) -> float:
        return float(np.mean([quality(fused(library, fusion)) for library in libraries]))

    found = []
    for offset in OFFSETS:
        fusion = Fusion(offset, {LOOKS: 1.0} | dict.fromkeys(legs, GRID[0]), is_fair)
        for leg in [*legs, *legs]:
            fusion = max((replace(fusion, weights=fusion.weights | {leg: weight}) for weight in GRID), key=average)
        found.append(fusion)
    return max(found, key=average)


def shipped() -> Fusion:
    """The site's own."""
    from search.query.fusion import RANK_OFFSET
    from search.query.legs import WEIGHTS

    return Fusion(RANK_OFFSET, {leg: WEIGHTS[leg] for leg in NAMES})


def chosen_lines(dev: Sequence[Library], chosen: Sequence[Fusion]) -> list[str]:
    """What dev says of the legs, of the chosen weights, and of the site's."""
    lines = []
    for library in dev:
        lines += ["", f"On dev, {library.name} ({len(library.gold):,} queries):", "", *_HEADER]
        rows = alone(library)
        rows |= {f"best: {each} (offset {each.offset})": fused(library, each) for each in chosen}
        rows["the site's weights"] = fused(library, shipped())
        lines += [f"| {name} | {_recalls(ranks)} |" for name, ranks in rows.items()]
    return lines


def alone(library: Library) -> dict[str, Ranks]:
    """What each leg finds by itself, where it finds anything."""
    return {
        name: fused(library, Fusion(0, {leg: 1.0}, is_fair=False))
        for leg, name in NAMES.items()
        if np.isfinite(library.legs[leg]).any()
    }


_HEADER = ["| | R@1 | R@5 | R@10 |", "|---|---|---|---|"]


def test_lines(test: Sequence[Library], chosen: Sequence[Fusion]) -> list[str]:
    ours = shipped()
    lines = [
        "## Fusion of the legs",
        "",
        f"{report.machine()}, by `python -m bench.fusion`, on Flickr8k: 1,000 pictures, whose captions by people are",
        "the queries; recall in per cent. The words' legs are the site's, on SQLite. Weights were chosen on dev by the",
        "mean of the three recalls over the three libraries; test was only reported. Differences are to whichever leg",
        "alone finds most by then, and between what they lie in 95 % of draws of the pictures, each with all its",
        "queries; bold where that leaves 0 out.",
    ]
    for library in test:
        lines += [
            "",
            f"Stored are {library.name}; {len(library.gold):,} queries:",
            "",
            "| | R@1 | R@5 | R@10 | to one leg: R@1 | R@5 | R@10 |",
            "|---|---|---|---|---|---|---|",
        ]
        lines += [f"| {name} | {_recalls(ranks)} | | | |" for name, ranks in alone(library).items()]
        rows = {f"**the site: {ours}**, offset {ours.offset}": fused(library, ours)}
        rows["the site's, what matches first"] = listed(library, ours)
        rows |= {f"dev's best: {each}, offset {each.offset}": fused(library, each) for each in chosen}
        lines += [f"| {name} | {_recalls(ranks)} | {_differences(library, ranks)} |" for name, ranks in rows.items()]
    return lines


def meant_lines(library: Library, options: argparse.Namespace) -> list[str]:
    """`library`: that of captions by people."""
    subjects, absent = fusion_legs.absent_meant(options.data, "test", options.cache)
    own = library.meant[np.arange(len(library.gold)), library.gold]
    others = library.meant.sum(axis=1) - own
    return [
        "",
        f"A person's caption is taken to mean {100 * own.mean():.0f} % of the {len(own):,} queries that are of its own",
        f"picture; so are those of {others.mean():.1f} other pictures of 1,000 on average. Of {subjects} subjects that",
        f"no picture shows, {100 * absent:.1f} % are taken to be meant by some caption.",
    ]


def _recalls(ranks: Ranks) -> str:
    return " | ".join(f"{100 * (ranks <= depth).mean():.1f}" for depth in DEPTHS)


def _differences(library: Library, ranks: Ranks) -> str:
    """To the best leg alone at each depth."""
    count = np.bincount(library.gold)

    def figures(of: dict[int, Ranks]) -> dict[str, Figure]:
        return {str(depth): mean(np.bincount(library.gold, of[depth] <= depth) / count) for depth in DEPTHS}

    single = {depth: max(alone(library).values(), key=lambda leg: (leg <= depth).mean()) for depth in DEPTHS}
    apart = differences(figures(single), figures(dict.fromkeys(DEPTHS, ranks)), library.pictures)
    return " | ".join(_in_words(apart[str(depth)]) for depth in DEPTHS)


def _in_words(difference: Difference) -> str:
    text = f"{100 * difference.value:+.1f} ({100 * difference.low:+.1f} to {100 * difference.high:+.1f})"
    return f"**{text}**" if difference.real else text


if __name__ == "__main__":
    main()
