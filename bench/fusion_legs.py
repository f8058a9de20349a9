"""The legs of a search on a split of Flickr8k: at which rank each query finds each picture. See bench.fusion."""

import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

LOOKS, CAPTION, SENTENCE, ENCODED = "looks", "caption", "sentence", "encoded"
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
    """One with the captions of the captioner, one with a caption by people, the others of which are queries. Needs a
    site without pictures."""
    import ml
    from ml.datasets import flickr8k

    examples = list(flickr8k.read(root, split))
    written, features = _features([each.path for each in examples], [each.captions for each in examples], cache)
    texts = [caption for each in examples for caption in each.captions]
    gold = np.repeat(np.arange(len(examples)), [len(each.captions) for each in examples])
    first = np.concatenate([[0], np.flatnonzero(np.diff(gold)) + 1])
    rest = np.setdiff1d(np.arange(len(gold)), first)
    floor = ml.load_encoder().match_floor

    def library(name: str, stored: Sequence[str], asked: npt.NDArray[np.int64], *vectors: Floats) -> Library:
        cosines = features.texts[asked] @ features.images.T
        found, whole = _full_text(stored, [texts[i] for i in asked])
        legs = {
            LOOKS: _ranks(cosines),
            CAPTION: found,
            SENTENCE: _ranks(features.sentences[asked] @ vectors[0].T),
            ENCODED: _ranks(features.texts[asked] @ vectors[1].T),
        }
        return Library(name, legs, gold[asked], whole | (cosines >= (-1.0 if floor is None else floor)))

    everything = np.arange(len(gold))
    by_people = (features.sentences[first], features.texts[first])
    return [
        library(
            "captions that the captioner wrote",
            written,
            everything,
            features.written_sentences,
            features.written_texts,
        ),
        library("captions by people", [texts[i] for i in first], rest, *by_people),
    ]


def _ranks(scores: Floats) -> Ranks:
    """(m, n) scores as ranks, newest first among equal ones."""
    order = np.argsort(-scores[:, ::-1], axis=1, kind="stable")
    ranks = np.empty(scores.shape, np.float32)
    places = np.broadcast_to(np.arange(1, scores.shape[1] + 1, dtype=np.float32), scores.shape)
    np.put_along_axis(ranks, scores.shape[1] - 1 - order, places, axis=1)
    return ranks


def _full_text(stored: Sequence[str], queries: Sequence[str]) -> tuple[Ranks, npt.NDArray[np.bool_]]:
    """By the site's own leg: ranks, and which pictures hold all of a query's words, (m, n) each."""
    from django.utils import timezone

    from gallery.models import Image, User
    from search.query import fulltext

    Image.objects.all().delete()
    owner, now = User.objects.get_or_create(username="somebody")[0], timezone.now()
    Image.objects.bulk_create(
        Image(owner=owner, sha256=f"{row:064x}", byte_size=1, width=1, height=1, sort_date=now, description=caption)
        for row, caption in enumerate(stored)
    )
    keys = np.array(Image.objects.order_by("pk").values_list("pk", flat=True))
    ranks = np.full((len(queries), len(stored)), np.inf, np.float32)
    whole = np.zeros(ranks.shape, bool)
    for row, text in enumerate(queries):
        hits = fulltext.find(viewer=owner, words=text, limit=len(stored))
        ranks[row, np.searchsorted(keys, [hit.image_id for hit in hits])] = [hit.rank for hit in hits]
        every = fulltext.find(viewer=owner, words="", required=text.split(), limit=len(stored))
        whole[row, np.searchsorted(keys, [hit.image_id for hit in every])] = True
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
