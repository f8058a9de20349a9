"""How well searches know that nothing matches: `python -m bench.cutoff --data FLICKR8K`.

Three kinds of queries on galleries of Flickr8k's photos. *True* ones: captions of photos in the gallery, and short
words (`ml/datasets/cutoff_queries.json`, written for this) that are all in some caption of a photo there. *Absent*:
subjects that no caption of Flickr8k's 8,000 photos names. *Nonsense*. A search is right when it finds a match for a
true one, and none for the others. `--choose` shows what search.query.cutoff was chosen by, on dev with the first part
of the list; the figures are of test with the second part. What the built-in captioner says counts as in the site: a
photo whose caption has all the words is a match, whatever its cosine. Vectors are kept in `--cache`.
"""

import argparse
import json
import math
import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

import ml
from ml.datasets import flickr8k
from ml.evaluation.pictures import batches
from search.query import cutoff

QUERIES = Path(ml.__file__).parent / "datasets" / "cutoff_queries.json"
SIZES = {1_000: 1, 300: 6, 100: 20}  #: pictures of a gallery, and how many such galleries
CAPTIONS = 200  #: captions asked in each gallery
DEPTH = 1_000  #: hits that a search reads, as search.query.legs.DEPTH
HALVES = {"dev": "choose", "test": "report"}
KINDS = ("true, captions", "true, short", "absent", "nonsense")
# Of the losses when the constants are fitted. Short words that no caption of a small gallery has are mostly absent from
# it, but as usual as those that are there: they keep the fit from taking rare words for absent things.
LOSSES = {"true, captions": 0.5, "true, short": 0.5, "absent": 0.6, "nonsense": 0.15, "usual, absent": 0.25}
STOP_WORDS = frozenset(["a", "an", "the", "of", "in", "on", "at", "with", "and", "for", "from", "over", "to", "my"])


@dataclass(frozen=True)
class Photos:
    """A split: vectors of its photos (n, d) and of one caption each (n, d), words of captions by people and by us."""

    images: np.ndarray
    captions: np.ndarray
    texts: list[str]
    words: list[list[set[str]]]
    said: list[set[str]]


@dataclass(frozen=True)
class Asked:
    """A query in a gallery: what speaks for a match, in how many pictures, whether words alone find it, and how many of
    the hits match by the cutoff, which of them truly do (by people's captions), best first."""

    kind: str
    evidence: cutoff.Evidence
    among: int
    by_words: bool
    count: int
    deviations: np.ndarray
    relevant: np.ndarray
    text: str = ""


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cutoff", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Flickr8k")
    parser.add_argument("--cache", type=Path, default=Path("/tmp/mmsite-cutoff"), help="where vectors are kept")
    parser.add_argument("--choose", action="store_true", help="what the constants were chosen by, on dev")
    parser.add_argument("--errors", action="store_true", help="list what was wrong")
    options = parser.parse_args()
    encoder = ml.load_encoder("builtin")
    encoder.encode_texts(["a photo"])
    start = time.perf_counter()
    texts = cutoff.background(encoder.info.key, encoder.encode_texts)
    print(f"{len(cutoff.background_texts())} background queries encoded in {time.perf_counter() - start:.2f} s")
    assert texts is not None
    absent_words(options.data)
    for split in ("dev",) if options.choose else ("test",):
        photos = read(options.data, split, options.cache)
        asked = list(ask(photos, encoder, texts, HALVES[split]))
        if options.choose:
            choose(asked)
        print(f"\n{split}\n{table(asked)}\n{hits_table(asked)}")
        if options.errors:
            errors(asked)
        milliseconds(photos, texts)


def read(data: Path, split: Any, cache: Path) -> Photos:
    """The photos of a split, from the cache where they are there."""
    examples = list(flickr8k.read(data, split))
    kept = cache / f"{split}.npz"
    if not kept.exists():
        encoder, captioner = ml.load_encoder("builtin"), ml.load_captioner("builtin")
        images, said = [], []
        for batch in batches(examples, "photos"):
            images.append(encoder.encode_images(batch))
            said += [result.text for result in captioner.caption(batch)]
        captions = encoder.encode_texts([example.captions[0] for example in examples])
        cache.mkdir(parents=True, exist_ok=True)
        np.savez(kept, images=np.concatenate(images), captions=captions, said=np.array(said))
    with np.load(kept) as vectors:
        return Photos(
            vectors["images"],
            vectors["captions"],
            [example.captions[0] for example in examples],
            [[stems(caption) for caption in example.captions] for example in examples],
            [stems(str(text)) for text in vectors["said"]],
        )


def absent_words(data: Path) -> None:
    """Raises AssertionError where a caption of Flickr8k names a subject that is said to be absent."""
    every = " ".join(
        caption.lower()
        for split in ("train", "dev", "test")
        for example in flickr8k.read(data, split)
        for caption in example.captions
    )
    for half in json.loads(QUERIES.read_text(encoding="utf-8")).values():
        for subject in half["absent"]:
            assert not re.search(rf"\b{re.escape(subject.rstrip('s'))}(s|es)?\b", every), subject


def ask(photos: Photos, encoder: Any, texts: cutoff.Background, half: str) -> Iterator[Asked]:
    lists = json.loads(QUERIES.read_text(encoding="utf-8"))[half]
    lists["absent"] = list(lists["absent"].values())
    vectors = {name: encoder.encode_texts(queries) for name, queries in lists.items()}
    dice = np.random.default_rng(0)
    for size, count in SIZES.items():
        for _ in range(count):
            rows = dice.permutation(len(photos.images))[:size]
            for row in rows[:CAPTIONS]:
                yield _ask(
                    photos, texts, rows, kind="true, captions", text=photos.texts[row], query=photos.captions[row]
                )
            for name, queries in lists.items():
                for text, vector in zip(queries, vectors[name], strict=True):
                    kind = name
                    if name == "true":
                        there = any(stems(text) <= caption for row in rows for caption in photos.words[row])
                        kind = "true, short" if there else "usual, absent"
                    yield _ask(photos, texts, rows, kind=kind, text=text, query=vector)


def _ask(
    photos: Photos, texts: cutoff.Background, rows: np.ndarray, *, kind: str, text: str, query: np.ndarray
) -> Asked:
    cosines = photos.images[rows] @ query
    order = np.argsort(-cosines, kind="stable")[:DEPTH]
    scores, best = cosines[order], photos.images[rows[order[: cutoff.BEST]]]
    evidence = cutoff.weigh(query, scores, best, texts)
    words = stems(text)
    is_short = kind == "true, short"
    return Asked(
        kind,
        evidence,
        len(rows),
        bool(words) and any(words <= photos.said[row] for row in rows),
        cutoff.matches(query, scores, pictures=best, texts=texts),
        (scores - evidence.scale[0]) / evidence.scale[1],
        np.array([any(words <= caption for caption in photos.words[rows[each]]) for each in order] if is_short else []),
        text,
    )


def stems(text: str) -> set[str]:
    """Words without the endings that grammar gives them, roughly as the site's full text has them."""
    words = set(re.findall(r"[a-z0-9]+", text.lower())) - STOP_WORDS
    return {re.sub(r"(ing|es|s|ed|er)$", "", word) if len(word) > 4 else word.rstrip("s") for word in words}


def choose(asked: Sequence[Asked]) -> None:
    """Logistic regression of "is true" on the evidence and the gallery's size; the bar is set by hand from the rest."""
    counts = {(one.kind, one.among): 0 for one in asked}
    for one in asked:
        counts[one.kind, one.among] += 1
    design = np.array([_design(one) for one in asked])
    true = np.array([one.kind.startswith("true") for one in asked], float)
    weights = np.array([LOSSES[one.kind] / counts[one.kind, one.among] for one in asked])
    weights *= 1_000 / weights.sum()
    slopes = np.zeros(design.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-design @ slopes))
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design
        slopes += np.linalg.solve(curvature, design.T @ (weights * (true - chance)))
    fitted = slopes / slopes[0]
    print(
        "\nfitted: "
        + ", ".join(
            f"{name} {each:.3f}"
            for name, each in zip(("NEARNESS", "SPREAD", "GROWTH"), (fitted[1], -fitted[2], -fitted[3]), strict=True)
        )
    )
    margins = np.array([one.evidence.best - _raise(one) for one in asked])
    print("| BAR | " + " | ".join((*KINDS, "usual, absent")) + " |")
    for bar in np.arange(3.0, 6.0, 0.1):
        shares = [
            np.mean([margin >= bar for one, margin in zip(asked, margins, strict=True) if one.kind == kind])
            for kind in (*KINDS, "usual, absent")
        ]
        print(f"| {bar:.1f} | " + " | ".join(f"{100 * share:.1f}" for share in shares) + " |")


def _design(one: Asked) -> list[float]:
    evidence = one.evidence
    return [evidence.best, evidence.nearness, evidence.spread, math.log(one.among / 1_000), 1.0]


def _raise(one: Asked) -> float:
    """What the bar is raised by for this query and gallery."""
    typical = cutoff.SPREAD * one.evidence.spread - cutoff.NEARNESS * one.evidence.nearness
    return typical + cutoff.GROWTH * math.log(one.among / 1_000)


def table(asked: Sequence[Asked]) -> str:
    """In how many per cent of searches a match is found, by kind of query and size of the gallery; and how right "no
    good match" is."""
    lines = [
        "| pictures | query | searches | cutoff finds a match | cutoff or words | constant floor | floor or words |",
        "|---|---|---|---|---|---|---|",
    ]
    floor = ml.load_encoder("builtin").match_floor or 0.0
    for size in SIZES:
        for kind in (*KINDS, "usual, absent"):
            these = [one for one in asked if (one.among, one.kind) == (size, kind)]
            if not these:
                continue
            words = np.array([one.by_words for one in these])
            cut = np.array([one.count > 0 for one in these])
            flat = np.array([_best_cosine(one) >= floor for one in these])
            shares = " | ".join(f"{100 * each.mean():.1f}" for each in (cut, cut | words, flat, flat | words))
            lines.append(f"| {size:,} | {kind} | {len(these):,} | {shares} |")
    lines += ["", '| pictures | "no good match", cutoff and words: recall | precision |', "|---|---|---|"]
    for size in SIZES:
        said = {
            kind: np.mean([not (one.count or one.by_words) for one in asked if (one.among, one.kind) == (size, kind)])
            for kind in KINDS
        }
        false = (said["true, captions"] + said["true, short"]) / 2
        right = said["absent"]
        lines.append(f"| {size:,} | {100 * right:.1f} | {100 * right / (right + false):.1f} |")
    return "\n".join(lines)


def hits_table(asked: Sequence[Asked]) -> str:
    """Of the hits above the cut for short true words, how many have them in a person's caption, and the reverse."""
    lines = ["", "| pictures | hits above the cut, median | precision | recall |", "|---|---|---|---|"]
    for size in SIZES:
        these = [one for one in asked if (one.among, one.kind) == (size, "true, short")]
        found = sum(int(one.relevant[: one.count].sum()) for one in these)
        above, wanted = sum(one.count for one in these), sum(int(one.relevant.sum()) for one in these)
        middle = np.median([one.count for one in these])
        lines.append(f"| {size:,} | {middle:.0f} | {100 * found / above:.1f} | {100 * found / wanted:.1f} |")
    return "\n".join(lines)


def errors(asked: Sequence[Asked]) -> None:
    """Which queries of the whole split were judged wrongly."""
    for one in asked:
        if one.among == max(SIZES) and (one.count > 0 or one.by_words) != one.kind.startswith("true"):
            print(f"{one.kind}: {one.text}, {one.evidence.best:.1f} deviations, {_raise(one):+.1f}")


def milliseconds(photos: Photos, texts: cutoff.Background) -> None:
    """How long the judgement of a search takes."""
    scores = -np.sort(-(photos.images @ photos.captions[0]))
    start = time.perf_counter()
    for query in photos.captions[:200]:
        cutoff.matches(query, scores.tolist(), pictures=photos.images[: cutoff.BEST], texts=texts)
    print(f"\n{1000 * (time.perf_counter() - start) / 200:.2f} ms a search of {len(scores):,} hits")


def _best_cosine(one: Asked) -> float:
    return float(one.evidence.scale[0] + one.evidence.scale[1] * one.deviations[0])


if __name__ == "__main__":
    main()
