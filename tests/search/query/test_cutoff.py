"""Where a list of results stops being about what was asked for."""

import json
from collections.abc import Iterator, Sequence
from importlib.resources import files
from itertools import chain
from time import perf_counter

import numpy as np
import pytest

from ml.encoders.fake import FakeEncoder
from ml.interfaces import Embeddings
from search.query import cutoff

DIMENSION, TEXTS, PICTURES = 64, 200, 500


def unit(vectors: Embeddings) -> Embeddings:
    return np.asarray(vectors / np.linalg.norm(vectors, axis=-1, keepdims=True), dtype=np.float32)


@pytest.fixture(autouse=True)
def _fresh() -> Iterator[None]:
    cutoff.forget_backgrounds()
    yield
    cutoff.forget_backgrounds()


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


def search(query: Embeddings, library: Embeddings, texts: cutoff.Background | None, **more: float) -> tuple[int, int]:
    """How many match, of how many."""
    cosines = library @ query
    order = np.argsort(-cosines)
    best = library[order[: cutoff.BEST]]
    return cutoff.matches(query, cosines[order].tolist(), pictures=best, texts=texts, **more), len(order)  # type: ignore[arg-type]


def test_what_some_pictures_show_is_found_and_the_rest_cut(
    texts: cutoff.Background, library: Embeddings, dice: np.random.Generator
) -> None:
    query = texts.vectors[0]
    library[:10] = unit(query + 0.02 * dice.normal(size=(10, DIMENSION)))
    count, _ = search(query, library, texts)
    assert 10 <= count < 30


def test_what_no_picture_shows_matches_nothing(
    texts: cutoff.Background, library: Embeddings, dice: np.random.Generator
) -> None:
    counts = [search(query, library, texts)[0] for query in unit(dice.normal(size=(20, DIMENSION)))]
    assert counts.count(0) >= 18


def test_a_picture_that_is_near_to_every_text_is_no_match(texts: cutoff.Background, library: Embeddings) -> None:
    hub = unit(texts.vectors.mean(axis=0))
    library[:5] = hub
    query = texts.vectors[3]
    near = float(hub @ query)
    cosines = [near] * 5 + [0.0] * 100
    assert cutoff.matches(query, cosines, pictures=library[:3], texts=texts) == 0


def test_the_best_of_more_pictures_must_be_better(texts: cutoff.Background, library: Embeddings) -> None:
    query = texts.vectors[0]
    evidence = cutoff.weigh(query, [0.5] * 3, library[:3], texts)
    middle, deviation = evidence.scale
    typical = cutoff.SPREAD * evidence.spread - cutoff.NEARNESS * evidence.nearness
    cosines = [middle + deviation * (cutoff.BAR + typical + 0.1)] * 3

    def found(among: int) -> int:
        return cutoff.matches(query, cosines, pictures=library[:3], texts=texts, among=among)

    assert found(1_000) == 3
    assert found(100) == 3
    assert found(10_000) == 0


def test_without_a_background_or_vectors_the_floor_decides(texts: cutoff.Background, library: Embeddings) -> None:
    query, cosines = texts.vectors[0], [0.5, 0.4, 0.3, 0.2]
    assert cutoff.matches(query, cosines, pictures=library[:3], texts=None, floor=0.35) == 2
    assert cutoff.matches(query, cosines, pictures=None, texts=texts, floor=0.9) == 0
    assert cutoff.matches(query, cosines, pictures=library[:0], texts=texts) == 4
    assert cutoff.matches(query, [], pictures=None, texts=None) == 0


def test_an_encoder_that_tells_no_texts_apart_has_no_background() -> None:
    assert cutoff.Background.of(np.zeros((0, DIMENSION), np.float32)) is None
    assert cutoff.Background.of(unit(np.ones((100, DIMENSION)))) is None
    assert cutoff.Background.of(np.full((100, DIMENSION), np.nan, np.float32)) is None


def test_the_fake_encoder_finds_its_colours_and_nothing_else() -> None:
    encoder = FakeEncoder()
    texts = cutoff.background(encoder.info.key, encoder.encode_texts)
    assert texts is not None
    red = unit(np.pad(encoder.encode_texts(["red"])[:, :-9], ((0, 0), (0, 9))))
    blue = unit(np.pad(encoder.encode_texts(["blue"])[:, :-9], ((0, 0), (0, 9))))
    library = np.concatenate([red.repeat(4, axis=0), blue.repeat(40, axis=0)])
    assert search(encoder.encode_texts(["red"])[0], library, texts)[0] == 4
    assert search(encoder.encode_texts(["submarine"])[0], library, texts)[0] == 0


def test_background_texts_are_encoded_once_for_each_version() -> None:
    asked: list[Sequence[str]] = []

    def encode(texts: Sequence[str]) -> Embeddings:
        asked.append(texts)
        return FakeEncoder().encode_texts(texts)

    first = cutoff.background("one", encode)
    assert cutoff.background("one", encode) is first
    assert len(asked) == 1
    cutoff.background("two", encode)
    assert len(asked) == 2


def test_only_a_few_versions_are_remembered() -> None:
    for number in range(cutoff.VERSIONS_REMEMBERED + 3):
        cutoff.background(str(number), FakeEncoder().encode_texts)
    assert len(cutoff._remembered) == cutoff.VERSIONS_REMEMBERED


def test_background_texts_are_ours_alone() -> None:
    """They come from a file of this project, whatever is in the library, and nothing is ever added to them."""
    listed = json.loads(files("ml.datasets").joinpath("background_queries.json").read_text(encoding="utf-8"))
    assert cutoff.background_texts() == listed
    cutoff.background_texts().append("a private caption")
    assert cutoff.background_texts() == listed
    seen: list[str] = []

    def encode(texts: Sequence[str]) -> Embeddings:
        seen.extend(texts)
        return FakeEncoder().encode_texts(texts)

    cutoff.background("fresh", encode)
    assert seen == listed


def test_what_the_cutoff_was_chosen_and_measured_with_are_different_queries() -> None:
    lists = json.loads(files("ml.datasets").joinpath("cutoff_queries.json").read_text(encoding="utf-8"))
    chosen, reported = (set(chain(*lists[half].values())) for half in ("choose", "report"))
    assert not chosen & reported
    assert not {text.lower() for text in cutoff.background_texts()} & (chosen | reported)
    assert (len(lists["choose"]["absent"]), len(lists["report"]["absent"])) == (400, 200)


def test_a_search_of_a_thousand_hits_takes_no_time(texts: cutoff.Background, dice: np.random.Generator) -> None:
    library = unit(dice.normal(size=(1_000, DIMENSION)))
    cosines = np.sort(library @ texts.vectors[0])[::-1].tolist()
    seconds = []
    for _ in range(20):
        start = perf_counter()
        cutoff.matches(texts.vectors[0], cosines, pictures=library[:3], texts=texts)
        seconds.append(perf_counter() - start)
    assert min(seconds) < 0.005
