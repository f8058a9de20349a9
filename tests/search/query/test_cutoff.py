"""Where a list of results stops being about what was asked for."""

import json
import math
from importlib.resources import files
from itertools import chain

import numpy as np
import pytest

from ml.encoders.fake import FakeEncoder
from ml.interfaces import Embeddings
from search.query import cutoff

DIMENSION, TEXTS, PICTURES = 64, 200, 500


def unit(vectors: Embeddings) -> Embeddings:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


@pytest.fixture
def dice() -> np.random.Generator:
    return np.random.default_rng(5)


@pytest.fixture
def texts(dice: np.random.Generator) -> cutoff.Background:
    """200 texts about 20 things."""
    things = dice.normal(size=(20, DIMENSION))
    found = cutoff.Background.of(unit(things[np.arange(TEXTS) % 20] + dice.normal(size=(TEXTS, DIMENSION))))
    assert found is not None
    return found


@pytest.fixture
def library(dice: np.random.Generator) -> Embeddings:
    return unit(dice.normal(size=(PICTURES, DIMENSION)))


def search(query: Embeddings, library: Embeddings, texts: cutoff.Background) -> int:
    """How many of the pictures match."""
    cosines = library @ query
    order = np.argsort(-cosines)
    best = order[: cutoff.BEST]
    least = cutoff.least_cosine(query, cosines[best].tolist(), pictures=library[best], texts=texts, among=len(library))
    return int((cosines >= least).sum())


def test_what_some_pictures_show_is_found_and_the_rest_cut(
    texts: cutoff.Background, library: Embeddings, dice: np.random.Generator
) -> None:
    query = texts.vectors[0]
    library[:10] = unit(query + 0.02 * dice.normal(size=(10, DIMENSION)))
    assert 10 <= search(query, library, texts) < 30


def test_what_one_picture_shows_is_found(
    texts: cutoff.Background, library: Embeddings, dice: np.random.Generator
) -> None:
    query = texts.vectors[0]
    library[7] = unit(query + 0.02 * dice.normal(size=DIMENSION))
    assert search(query, library, texts) >= 1


def test_what_no_picture_shows_matches_nothing(
    texts: cutoff.Background, library: Embeddings, dice: np.random.Generator
) -> None:
    counts = [search(query, library, texts) for query in unit(dice.normal(size=(20, DIMENSION)))]
    assert counts.count(0) >= 18


def test_a_picture_that_is_near_to_every_text_is_no_match(texts: cutoff.Background) -> None:
    hubs = np.repeat(unit(texts.vectors.mean(axis=0))[None], 500, axis=0)
    assert search(texts.vectors[3], hubs, texts) == 0


def test_the_best_of_more_pictures_must_be_better_and_of_few_much_less_so(
    texts: cutoff.Background, library: Embeddings
) -> None:
    query = texts.vectors[0]
    evidence = cutoff.weigh(query, [0.5] * 3, library[:3], texts)
    middle, deviation = evidence.scale
    typical = cutoff.BAR + cutoff.SPREAD * evidence.spread - cutoff.NEARNESS * evidence.nearness

    def is_found(among: int, *, above: float) -> bool:
        scores = [middle + deviation * (typical + above)] * 3
        return scores[0] >= cutoff.least_cosine(query, scores, pictures=library[:3], texts=texts, among=among)

    assert is_found(1_000, above=0.1)
    assert not is_found(10_000, above=0.1)
    assert is_found(10_000, above=0.1 + cutoff.GROWTH * math.log(10))
    assert is_found(100, above=0.1 - (cutoff.GROWTH + cutoff.GRACE) * math.log(10))
    assert not is_found(100, above=-0.1 - (cutoff.GROWTH + cutoff.GRACE) * math.log(10))
    assert not is_found(1, above=cutoff.LEAST - typical - 0.1)


def test_an_encoder_that_tells_no_texts_apart_has_no_background() -> None:
    assert cutoff.Background.of(np.zeros((0, DIMENSION), np.float32)) is None
    assert cutoff.Background.of(unit(np.ones((100, DIMENSION)))) is None
    assert cutoff.Background.of(np.full((100, DIMENSION), np.nan, np.float32)) is None


def test_the_fake_encoder_finds_its_colours_and_nothing_else() -> None:
    encoder = FakeEncoder()
    texts = cutoff.Background.of(encoder.encode_texts(cutoff.background_texts()))
    assert texts is not None
    colors = unit(np.pad(encoder.encode_texts(["red", "blue"])[:, :-9], ((0, 0), (0, 9))))
    library = colors.repeat([4, 40], axis=0)
    assert search(encoder.encode_texts(["red"])[0], library, texts) == 4
    assert search(encoder.encode_texts(["submarine"])[0], library, texts) == 0


def listed(name: str) -> dict[str, dict[str, dict[str, list[str]]]]:
    lists: dict[str, dict[str, dict[str, list[str]]]] = json.loads(
        files("ml.datasets").joinpath(name).read_text(encoding="utf-8")
    )
    return lists


def test_what_the_cutoff_was_chosen_and_measured_with_are_different_queries() -> None:
    lists = listed("cutoff_queries.json")
    chosen, reported = (set(chain(*lists[half].values())) for half in ("choose", "report"))
    assert not chosen & reported
    assert not {text.lower() for text in cutoff.background_texts()} & (chosen | reported)
    assert (len(lists["choose"]["absent"]), len(lists["report"]["absent"])) == (400, 200)


def test_photos_that_it_was_chosen_and_measured_with_are_different_too() -> None:
    lists = listed("photo_queries.json")
    assert not lists["choose"]["photos"].keys() & lists["report"]["photos"].keys()
    assert not set(lists["choose"]["absent"]) & set(lists["report"]["absent"])
    asked = {text for half in lists.values() for text in chain(half["absent"], *half["photos"].values())}
    assert not {text.lower() for text in cutoff.background_texts()} & asked
