"""The legs of a search on a split of Flickr8k: at which rank each query finds each picture. See bench.fusion."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

LOOKS, CAPTION, CAPTIONER, SENTENCE, ENCODED = "looks", "caption", "captioner", "sentence", "encoded"
BATCH = 32

Floats = npt.NDArray[np.float32]
Ranks = npt.NDArray[np.floating]


@dataclass(frozen=True)
class Features:
    """Of n pictures and m captions by people, in the order of the pictures. All vectors are L2-normalised."""

    images: Floats  # (n, d), by the encoder
    texts: Floats  # (m, d), the captions by the encoder
    sentences: Floats  # (m, s), the captions by MiniLM
    written_texts: Floats  # (n, d), what the captioner wrote, by the encoder
    written_sentences: Floats  # (n, s), what the captioner wrote, by MiniLM


@dataclass(frozen=True)
class Library:
    """`name`: whose captions are stored. `legs`: (m, n) by name, the rank, from 1, of each picture for each query,
    infinite where the leg doesn't find it. `gold`: (m,), the query's own picture. `matches`: (m, n), see answer.py."""

    name: str
    legs: dict[str, Ranks]
    gold: npt.NDArray[np.int64]
    matches: npt.NDArray[np.bool_]

    @property
    def pictures(self) -> int:
        return self.matches.shape[1]


def libraries(root: Path, split: Literal["dev", "test"], cache: Path) -> list[Library]:
    """One with the captions of the captioner, one with a caption by people, the others of which are queries, and one
    with people's captions for every other picture. Needs a site without pictures."""
    from ml.datasets import flickr8k

    examples = list(flickr8k.read(root, split))
    written, features = _features([each.path for each in examples], [each.captions for each in examples], cache)
    texts = [caption for each in examples for caption in each.captions]
    gold = np.repeat(np.arange(len(examples)), [len(each.captions) for each in examples])
    first = np.concatenate([[0], np.flatnonzero(np.diff(gold)) + 1])
    everything = np.arange(len(gold))
    rest = np.setdiff1d(everything, first)
    cosines = features.texts @ features.images.T

    def library(name: str, by_person: npt.NDArray[np.bool_], asked: npt.NDArray[np.int64]) -> Library:
        stored = [texts[i] if told else text for i, told, text in zip(first, by_person, written, strict=True)]
        found, whole = _full_text(stored, by_person, [texts[i] for i in asked])
        sentences = np.where(by_person[:, None], features.sentences[first], features.written_sentences)
        encoded = np.where(by_person[:, None], features.texts[first], features.written_texts)
        legs = {
            LOOKS: _ranks(cosines[asked]),
            **found,
            SENTENCE: _ranks(features.sentences[asked] @ sentences.T),
            ENCODED: _ranks(features.texts[asked] @ encoded.T),
        }
        return Library(name, legs, gold[asked], whole | (cosines[asked] >= _floor()))

    return [
        library("captions that the captioner wrote", np.zeros(len(first), bool), everything),
        library("captions by people", np.ones(len(first), bool), rest),
        library("captions by people for every other picture", np.arange(len(first)) % 2 == 0, rest),
    ]


def _floor() -> float:
    import ml

    floor = ml.load_encoder().match_floor
    return -1.0 if floor is None else floor


def _ranks(scores: Floats) -> Ranks:
    """(m, n) scores as ranks, newest first among equal ones."""
    order = np.argsort(-scores[:, ::-1], axis=1, kind="stable")
    ranks = np.empty(scores.shape, np.float32)
    places = np.broadcast_to(np.arange(1, scores.shape[1] + 1, dtype=np.float32), scores.shape)
    np.put_along_axis(ranks, scores.shape[1] - 1 - order, places, axis=1)
    return ranks


def _full_text(
    stored: Sequence[str], by_person: npt.NDArray[np.bool_], queries: Sequence[str]
) -> tuple[dict[str, Ranks], npt.NDArray[np.bool_]]:
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
        hits = fulltext.find(viewer=owner, words=text, limit=len(stored))
        for hit, column in zip(hits, np.searchsorted(keys, [hit.image_id for hit in hits]), strict=True):
            ranks[hit.source][row, column] = hit.rank
            whole[row, column] |= hit.is_whole
    return ranks, whole


def _features(paths: Sequence[Path], captions: Sequence[Sequence[str]], cache: Path) -> tuple[list[str], Features]:
    """What the captioner writes, and the vectors; kept in `cache` for these models and pictures."""
    import ml

    encoder, captioner = ml.load_encoder(), ml.load_captioner()
    parts = [encoder.info.key, captioner.info.key, *(path.name for path in paths), json.dumps(captions)]
    file = cache / f"fusion-{hashlib.sha256(chr(0).join(parts).encode()).hexdigest()[:16]}.npz"
    if not file.exists():
        cache.mkdir(parents=True, exist_ok=True)
        written, features = _computed(paths, captions)
        np.savez(file, written=np.array(written), **vars(features))
    with np.load(file) as kept:
        return kept["written"].tolist(), Features(**{name: kept[name] for name in kept.files if name != "written"})


def _computed(paths: Sequence[Path], captions: Sequence[Sequence[str]]) -> tuple[list[str], Features]:
    import torch
    from PIL import Image

    import ml
    from ml.backbones.minilm import MiniLM

    encoder, captioner, minilm = ml.load_encoder(), ml.load_captioner(), MiniLM.load()
    images, written = [], list[str]()
    for start in range(0, len(paths), BATCH):
        batch = [Image.open(path).convert("RGB") for path in paths[start : start + BATCH]]
        images.append(encoder.encode_images(batch))
        written += [result.text for result in captioner.caption(batch)]
        print(f"{len(written)} of {len(paths)} pictures described", end="\r", flush=True)

    def sentences(texts: Sequence[str]) -> Floats:
        with torch.inference_mode():
            vectors: Floats = minilm.encode(texts).numpy()
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)

    texts = [caption for each in captions for caption in each]
    return written, Features(
        np.concatenate(images),
        _batched(encoder.encode_texts, texts),
        _batched(sentences, texts),
        _batched(encoder.encode_texts, written),
        _batched(sentences, written),
    )


def _batched(encode: Callable[[Sequence[str]], Floats], texts: Sequence[str]) -> Floats:
    return np.concatenate([encode(texts[start : start + BATCH]) for start in range(0, len(texts), BATCH)])
