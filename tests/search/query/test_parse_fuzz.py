"""What holds for every text: nothing raises, what is written reads the same, hints point into the text."""

import random
from datetime import date
from uuid import UUID

import pytest

from search.query.parse import parse
from search.query.terms import FIELDS, LONGEST_TEXT, MOST_PARTS, Filter, Query, clean

TODAY = date(2026, 11, 26)
CHARACTERS = (
    list("abz059 \t\n\\\"'^~|:+-.,/_()<>=`")
    + list("“”„«»‟‘’：−–\u00a0\u3000\u200b\u200d\ufeff\u202e\x00\x1f\x85\ud800\udfff")
    + list("é\u0301\u0338\u0323İßſ海가\u1100\u1161\ufb2c\u0958٣²🏖\U0010ffff")
)
PIECES = [
    *CHARACTERS,
    *(f"{name}:" for name in FIELDS),
    "3f2a9c1e-0b4d-4e8a-9c55-d1f0a7b6e342",
    *("July", "2023", "14th", "2024-07-14", "2024", "last", "summer", "today", "in", "before", "since"),
    *("unsure", "portrait", "tags:", "http://", "^2", "^0.5", "^x"),
]
WORDS = [
    "dog",
    "a",
    "Beach",
    "July",
    "2023",
    "and",
    "in",
    "foo:bar",
    "海",
    'say "hi"',
    "it's",
    "x\\y",
    "-no",
    "~",
    "|",
    "May",
]


def holds(text: str) -> Query:
    query = parse(text, today=TODAY)
    again = parse(query.text, today=TODAY)
    assert again == query
    assert again.text == query.text
    assert len(query.text) <= LONGEST_TEXT
    assert len(query.parts) <= MOST_PARTS
    query.text.encode()
    for hint in query.hints:
        assert 0 <= hint.start <= hint.end <= len(query.source)
        assert hint.sentence
        parse(query.corrected(hint), today=TODAY)
    for part in query.parts:
        assert part not in parse(query.without(part), today=TODAY).parts
    return query


@pytest.mark.parametrize("seed", range(10))
def test_any_characters(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(400):
        holds("".join(chance.choices(CHARACTERS, k=chance.randint(0, 40))))


@pytest.mark.parametrize("seed", range(10))
def test_any_pieces(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(400):
        glue = chance.choice(["", " "])
        holds(glue.join(chance.choices(PIECES, k=chance.randint(0, 25))))


@pytest.mark.parametrize("seed", range(5))
def test_any_long_text(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(10):
        holds(" ".join(chance.choices(PIECES, k=chance.randint(100, 900))))


def test_every_pair_of_pieces() -> None:
    for first in PIECES:
        for second in PIECES:
            holds(first + second)
            holds(f"{first} {second}")


@pytest.mark.parametrize("seed", range(5))
def test_every_filter_that_a_page_offers_is_read_as_it_was_meant(seed: int) -> None:
    chance = random.Random(seed)
    for _ in range(200):
        query = holds("".join(chance.choices(PIECES, k=10)))
        value = "".join(chance.choices([*WORDS, *CHARACTERS], k=chance.randint(1, 5)))
        again = parse(query.with_filter("album", value), today=TODAY)
        added = [part for part in again.filters if part not in query.filters]
        assert set(query.parts) <= set(again.parts)
        assert added in ([], [Filter("album", clean(value))])
        assert clean(value) in ("", *(part.value for part in again.filters))


@pytest.mark.parametrize("seed", range(5))
def test_generated_queries_are_understood_whole(seed: int) -> None:
    """Well-formed texts made of known parts: as many filters, pictures and signed texts as were put in, no mistake."""
    chance = random.Random(seed)
    for _ in range(200):
        filters = {
            Filter(
                chance.choice(["tag", "album", "by", "camera", "text"]),
                chance.choice(WORDS),
                chance.choice(["", "+", "-"]),
            )
            for _ in range(chance.randint(0, 5))
        }
        signed = {f"{chance.choice('+-')}{chance.choice('abcdef')}^{chance.choice([0.5, 2, 3])}" for _ in range(3)}
        pictures = {f"~{UUID(int=chance.getrandbits(128))}" for _ in range(chance.randint(0, 2))}
        pieces = [*map(str, filters), *signed, *pictures, "dog", "is:unsure", "after:2020"]
        chance.shuffle(pieces)
        query = holds(" ".join(pieces))
        assert query.hints == ()
        assert {str(part) for part in query.parts} == set(pieces)
