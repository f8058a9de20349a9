"""A large library to search, and what people ask of it: captions, cameras and dates from lists of words.

Words come as often as in Zipf's law, so that some are in a fifth of all captions and most in few.
"""

import itertools
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from gallery.models import Image


def _words(text: str) -> list[str]:
    return text.split()


THINGS = _words(
    """
    man dog woman child boy girl people horse bird car boat cat baby bicycle train tree flower bus house bridge
    player cow sheep table motorcycle kitchen tower plane street sign bench kite surfer skier lake mountain
    truck elephant giraffe zebra clock fountain statue castle lighthouse market guitar drummer climber dancer
    runner swimmer skateboarder umbrella balloon sandwich pizza cake coffee laptop
    """
)
LOOKS = _words(
    """
    black white brown young small red large blue old green wooden happy wet colourful yellow tall grey empty
    bright striped tiny snowy rusty golden
    """
)
DOINGS = _words(
    """
    standing sitting running playing walking jumping holding riding looking wearing lying swimming climbing
    eating sleeping waiting flying smiling posing racing dancing reading talking crossing
    """
)
PLACES = _words(
    """
    grass beach snow street water park field river road sand room wall forest crowd rocks pool garden station
    stage playground hill city stadium harbour desert window roof
    """
)
CAMERAS = [
    ("Canon", "Canon EOS R6"),
    ("NIKON CORPORATION", "NIKON Z 6"),
    ("SONY", "ILCE-7M4"),
    ("Apple", "iPhone 13"),
    ("FUJIFILM", "X-T4"),
    ("samsung", "SM-G991B"),
    ("Panasonic", "DC-GH5"),
    ("", ""),
]
YEARS = range(2012, 2026)
KINDS = ("words", "words and filters", "without a word", "phrase", "like a picture", "filters alone")


class Library:
    """Dresses pictures and asks for them; the same in every run with the same seed."""

    def __init__(self, seed: int = 0) -> None:
        self._dice = random.Random(seed)
        self._weights = {id(words): _zipf(words) for words in (THINGS, LOOKS, DOINGS, PLACES)}

    def dress(self, image: "Image", number: int) -> None:
        image.description = self._caption()
        image.file_name = f"IMG_{number:06d}.jpg"
        image.camera_make, image.camera_model = self._dice.choice(CAMERAS)
        image.taken_at = datetime(YEARS[0], 1, 1, tzinfo=UTC) + timedelta(
            seconds=self._dice.randrange(len(YEARS) * 365 * 86_400)
        )
        image.sort_date = image.taken_at
        image.description_unsure = self._dice.random() < 0.1
        if self._dice.random() < 0.3:
            image.width, image.height = image.height, image.width

    def queries(self, kind: str, count: int, uuids: Sequence[str]) -> list[str]:
        """Different ones, of one of KINDS."""
        found: dict[str, None] = {}
        while len(found) < count:
            found[self._query(kind, uuids)] = None
        return list(found)

    def _query(self, kind: str, uuids: Sequence[str]) -> str:
        thing, look, doing, place = (self._one(words) for words in (THINGS, LOOKS, DOINGS, PLACES))
        queries = {
            "words": [f"a {look} {thing} {doing} in the {place}", f"{thing} {place}", f"{look} {thing}"],
            "words and filters": [f"{look} {thing} {part}" for part in (self._filter(), f"+{place}", self._filter())],
            "without a word": [f"{thing} {place} -{look}", f"{thing} {doing} -{self._one(THINGS)}"],
            "phrase": [f'"{look} {thing}"', f'"{look} {thing}" {place}'],
            "like a picture": [f"~{self._dice.choice(uuids)}", f"~{self._dice.choice(uuids)} {place}"],
            "filters alone": [self._filter(), f"{self._filter()} {self._filter()}"],
        }
        return self._dice.choice(queries[kind])

    def _filter(self) -> str:
        year = self._dice.choice(YEARS)
        return self._dice.choice(
            [
                f"camera:{self._dice.choice(['canon', 'nikon', 'sony', 'iphone', 'fujifilm', 'samsung', 'x-t4'])}",
                f"on:{year}-{self._dice.randint(1, 12):02d}",
                f"before:{year}",
                f"after:{year}",
                f"orientation:{self._dice.choice(['portrait', 'landscape'])}",
                "is:unsure",
                "by:me",
            ]
        )

    def _caption(self) -> str:
        look, thing, doing, place = (self._one(words) for words in (LOOKS, THINGS, DOINGS, PLACES))
        ends = [
            f"in the {place}",
            f"near a {self._one(LOOKS)} {self._one(THINGS)}",
            f"with a {self._one(THINGS)} on the {place}",
            f"while two {self._one(THINGS)}s are {self._one(DOINGS)} by the {place}",
        ]
        return f"a {look} {thing} is {doing} {self._dice.choice(ends)}"

    def _one(self, words: Sequence[str]) -> str:
        return self._dice.choices(words, cum_weights=self._weights[id(words)])[0]


def _zipf(words: Sequence[str]) -> list[float]:
    return list(itertools.accumulate(1 / rank for rank in range(1, len(words) + 1)))
