"""The legs of a search on a split of Flickr8k: at which rank each query finds each picture. See bench.fusion."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from ml.datasets import flickr8k
from ml.datasets.examples import Example
from search.query import cutoff

LOOKS, CAPTION, CAPTIONER, MEANING = "looks", "caption", "captioner", "meaning"
ABSENT = Path(__file__).parent.parent / "ml" / "datasets" / "cutoff_queries.json"
HALF = {"dev": "choose", "test": "report"}
BATCH = 32

Split = Literal["dev", "test"]
Floats = npt.NDArray[np.float32]
Ranks = npt.NDArray[np.floating]
Flags = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Features:
    """Of n pictures and m captions by people, in the order of the pictures, by the encoder: L2-normalised."""

    images: Floats  # (n, d)
    texts: Floats  # (m, d)


@dataclass(frozen=True)
class Library:
    """`name`: whose captions are stored. `legs`: (m, n) by name, the rank, from 1, of each picture for each query,
    infinite where the leg doesn't find it. `gold`: (m,), the query's own picture. `described`: (n,), by a person.
    `meant`: (m, n), the query means what a person said; `matches`: that, or anything else that answer.py goes by."""

    name: str
    legs: dict[str, Ranks]
    gold: npt.NDArray[np.int64]
    described: Flags
    meant: Flags
    matches: Flags

    @property
    def pictures(self) -> int:
        return self.matches.shape[1]


def libraries(root: Path, split: Split, cache: Path) -> list[Library]:
    """One with the captions of the captioner, one with a caption by people, the others of which are queries, and one
    with people's captions for every other picture. Needs a site without pictures."""
    examples = _examples(root, split)
    written, features = _features(examples, cache)
    texts = [caption for each in examples for caption in each.captions]
    gold = np.repeat(np.arange(len(examples)), [len(each.captions) for each in examples])
    first = _first(examples)
    everything = np.arange(len(gold))
    rest = np.setdiff1d(everything, first)
    cosines, meanings = features.texts @ features.images.T, features.texts @ features.texts[first].T
    alike, floors = _alike(features), _caption_floors(features.texts)

    def library(name: str, by_person: Flags, asked: npt.NDArray[np.int64]) -> Library:
        stored = [texts[i] if told else text for i, told, text in zip(first, by_person, written, strict=True)]
        found, whole = _full_text(stored, by_person, [texts[i] for i in asked])
        said = np.where(by_person, meanings[asked], -np.inf)
        meaning = np.where(by_person, _ranks(said), np.inf)
        meant = said >= floors[asked, None]
        legs = {LOOKS: _ranks(cosines[asked]), **found, MEANING: meaning}
        return Library(name, legs, gold[asked], by_person, meant, whole | alike[asked] | meant)

    return [
        library("captions that the captioner wrote", np.zeros(len(first), bool), everything),
        library("captions by people", np.ones(len(first), bool), rest),
        library("captions by people for every other picture", np.arange(len(first)) % 2 == 0, rest),
    ]


def absent_meant(root: Path, split: Split, cache: Path) -> tuple[int, float]:
    """How many subjects there are that no picture of Flickr8k shows, and for what share of them some caption by people
    is taken to mean them."""
    import ml

    examples = _examples(root, split)
    _, features = _features(examples, cache)
    subjects = list(json.loads(ABSENT.read_text(encoding="utf-8"))[HALF[split]]["absent"].values())
    vectors = _batched(ml.load_encoder().encode_texts, subjects)
    best = (vectors @ features.texts[_first(examples)].T).max(axis=1)
    return len(subjects), float((best >= _caption_floors(vectors)).mean())


def _examples(root: Path, split: Split) -> list[Example]:
    return list(flickr8k.read(root, split))


def _first(examples: Sequence[Example]) -> npt.NDArray[np.int64]:
    """Of all captions, where each picture's begin."""
    return np.cumsum([0, *(len(each.captions) for each in examples[:-1])])


def _background() -> cutoff.Background:
    import ml

    background = cutoff.Background.of(_batched(ml.load_encoder().encode_texts, cutoff.background_texts()))
    if background is None:
        raise RuntimeError("The encoder can't tell the background queries apart.")
    return background


def _alike(features: Features) -> Flags:
    """Whether each text matches each picture by its looks, (m, n)."""
    background, cosines = _background(), features.texts @ features.images.T
    alike = np.zeros(cosines.shape, bool)
    for row, query in enumerate(features.texts):
        best = np.argsort(-cosines[row])[: cutoff.BEST]
        least = cutoff.least_cosine(
            query,
            cosines[row, best].tolist(),
            pictures=features.images[best],
            texts=background,
            among=len(features.images),
        )
        alike[row] = cosines[row] >= least
    return alike


def _caption_floors(vectors: Floats) -> Floats:
    """For each text, (m, d), the cosine from which a caption means it, (m,)."""
    background = _background()
    return np.array([cutoff.caption_floor(vector, background) for vector in vectors], np.float32)


def _ranks(scores: Floats) -> Ranks:
    """(m, n) scores as ranks, newest first among equal ones."""
    order = np.argsort(-scores[:, ::-1], axis=1, kind="stable")
    ranks = np.empty(scores.shape, np.float32)
    places = np.broadcast_to(np.arange(1, scores.shape[1] + 1, dtype=np.float32), scores.shape)
    np.put_along_axis(ranks, scores.shape[1] - 1 - order, places, axis=1)
    return ranks


def _full_text(stored: Sequence[str], by_person: Flags, queries: Sequence[str]) -> tuple[dict[str, Ranks], Flags]:
    """By the site's own legs: ranks, and which pictures hold all of a query's words, (m, n) each."""
    from django.utils import timezone

    from gallery.models import Image, User
    from search.query import fulltext

    Image.objects.all().delete()
    owner, now = User.objects.get_or_create(username="somebody")[0], timezone.now()
    facts = {"owner": owner, "byte_size": 1, "width": 1, "height": 1, "sort_date": now}
    Image.objects.bulk_create(
        Image(sha256=f"{row:064x}", description=caption, description_by_person=told, **facts)
        for row, (caption, told) in enumerate(zip(stored, by_person.tolist(), strict=True))
    )
    keys = np.array(Image.objects.order_by("pk").values_list("pk", flat=True))
    ranks = {leg: np.full((len(queries), len(stored)), np.inf, np.float32) for leg in (CAPTION, CAPTIONER)}
    whole = np.zeros((len(queries), len(stored)), bool)
    for row, text in enumerate(queries):
        for leg, found in fulltext.find(viewer=owner, words=text, limit=len(stored)).items():
            columns = np.searchsorted(keys, found.ids)
            ranks[leg][row, columns] = np.arange(1, len(columns) + 1)
            whole[row, columns[: found.whole]] = True
    return ranks, whole


def _features(examples: Sequence[Example], cache: Path) -> tuple[list[str], Features]:
    """What the captioner writes, and the vectors; kept in `cache` for these models and pictures."""
    import ml

    encoder, captioner = ml.load_encoder(), ml.load_captioner()
    captions = [each.captions for each in examples]
    parts = [encoder.info.key, captioner.info.key, *(each.path.name for each in examples), json.dumps(captions)]
    file = cache / f"fusion-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        written, features = _computed(examples)
        np.savez(file, written=np.array(written), **vars(features))
    with np.load(file) as kept:
        return kept["written"].tolist(), Features(kept["images"], kept["texts"])


def _computed(examples: Sequence[Example]) -> tuple[list[str], Features]:
    from PIL import Image

    import ml

    encoder, captioner = ml.load_encoder(), ml.load_captioner()
    images, written = [], list[str]()
    for start in range(0, len(examples), BATCH):
        batch = [Image.open(each.path).convert("RGB") for each in examples[start : start + BATCH]]
        images.append(encoder.encode_images(batch))
        written += [result.text for result in captioner.caption(batch)]
        print(f"{len(written)} of {len(examples)} pictures described", end="\r", flush=True)
    texts = [caption for each in examples for caption in each.captions]
    return written, Features(np.concatenate(images), _batched(encoder.encode_texts, texts))


def _batched(encode: Callable[[Sequence[str]], Floats], texts: Sequence[str]) -> Floats:
    return np.concatenate([encode(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])
