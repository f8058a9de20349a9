"""Sixty snapshots of an index, each damaged in another way: all are found out and made anew, and answers stay."""

import logging
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gallery.models import Image, User
from search import index
from search.live import LiveIndex
from search.models import Embedding, ModelVersion
from search.query.answer import search_images

COLORS = ["red", "green", "blue", "yellow"]
SEED = 7


def flipped(whole: bytes, chance: random.Random) -> bytes:
    """One bit is another."""
    at = chance.randrange(len(whole))
    return whole[:at] + bytes([whole[at] ^ 1 << chance.randrange(8)]) + whole[at + 1 :]


def truncated(whole: bytes, chance: random.Random) -> bytes:
    return whole[: chance.randrange(len(whole))]


def grown(whole: bytes, chance: random.Random) -> bytes:
    return whole + chance.randbytes(chance.randint(1, 4_096))


def swapped(whole: bytes, chance: random.Random) -> bytes:
    """Two pieces have changed places."""
    size = chance.choice([1, 16, 64])
    while True:
        first, second = sorted(chance.randrange(0, len(whole) - size, size) for _ in range(2))
        pieces = whole[first : first + size], whole[second : second + size]
        if pieces[0] != pieces[1]:
            between = whole[first + size : second]
            return whole[:first] + pieces[1] + between + pieces[0] + whole[second + size :]


def zeroed(whole: bytes, chance: random.Random) -> bytes:
    """A piece was never written, as after a power cut."""
    while True:
        at, size = chance.randrange(len(whole)), chance.choice([16, 512, 4_096])
        damaged = whole[:at] + bytes(len(whole[at : at + size])) + whole[at + size :]
        if damaged != whole:
            return damaged


DAMAGES = [flipped, truncated, grown, swapped, zeroed]


@pytest.fixture
def images(embedded: Callable[..., Image]) -> list[Image]:
    return [embedded(color) for color in COLORS]


def test_each_is_found_and_made_anew(
    images: list[Image], user: User, version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    def answer() -> list[tuple[Image, float | None]]:
        index.reset()
        return [(hit.image, hit.score) for hit in search_images(viewer=user, query="red").hits]

    version.refresh_from_db()
    live = LiveIndex(Embedding, version)
    live.follow(version.last_seq)
    live.save_snapshot()
    path: Path = live._snapshot_path
    whole, before = path.read_bytes(), answer()
    assert {image for image, _ in before} == set(images)
    assert LiveIndex(Embedding, version).seq == version.last_seq
    chance = random.Random(SEED)
    for number in range(60):
        damage: Any = DAMAGES[number % len(DAMAGES)]
        path.write_bytes(damage(whole, chance))
        caplog.clear()
        with caplog.at_level(logging.WARNING):
            assert LiveIndex(Embedding, version).seq == 0, damage.__name__
        assert "The index is built anew." in caplog.text
        assert answer() == before
    live.save_snapshot()
    assert LiveIndex(Embedding, version).seq == version.last_seq


def test_whole_ones_of_others_are_found_too(
    images: list[Image], version: ModelVersion, caplog: pytest.LogCaptureFixture
) -> None:
    """A snapshot in the place of another's: its checksum is right, and it says itself whose it is."""
    version.refresh_from_db()
    live = LiveIndex(Embedding, version)
    live.follow(version.last_seq)
    live.points.save_snapshot(live._snapshot_path, label="another 2026-01-01", generation=live.seq)
    with caplog.at_level(logging.WARNING):
        assert LiveIndex(Embedding, version).seq == 0
    assert "The index is built anew." in caplog.text
