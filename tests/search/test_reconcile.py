"""Index and table, compared in pieces, whatever somebody did to the index behind the table's back."""

from collections.abc import Callable
from typing import Any, cast

import numpy as np
import pytest

from gallery.models import Image, User
from search import services
from search.backends.base import Point, VectorIndex
from search.factory import create_local
from search.models import Embedding, ModelVersion
from search.reconcile import Drift, compare

Embedded = Callable[..., Image]
D = 64


@pytest.fixture
def images(embedded: Embedded) -> list[Image]:
    return [embedded((shade, 0, 0)) for shade in range(0, 250, 25)]


@pytest.fixture
def index(images: list[Image], version: ModelVersion) -> VectorIndex:
    """Level with the table: what an empty one lacks has just been repaired."""
    index = create_local(Embedding, version)
    assert check(index, version) == Drift(compared=10, missing=10)
    return index


def check(index: VectorIndex, version: ModelVersion, *, repair: bool = True, limit: int = 3, **options: Any) -> Drift:
    version.refresh_from_db()
    drift, after = Drift(), -1
    while True:
        seq = options.get("seq", version.last_seq)
        piece = compare(index, Embedding, version, seq=seq, after=after, limit=limit, repair=repair)
        drift += piece.drift
        if piece.after is None:
            return drift
        after = piece.after


def test_level_means_no_drift(index: VectorIndex, version: ModelVersion) -> None:
    assert check(index, version) == Drift(compared=10)


@pytest.mark.parametrize("limit", [1, 2, 3, 10, 100])
def test_every_kind_of_drift_is_found_and_repaired(
    index: VectorIndex, version: ModelVersion, images: list[Image], user: User, limit: int
) -> None:
    keys = [image.pk for image in images]
    fields = {"owner": user.pk, "visibility": "private"}
    whole = {point.key: point for point in index.scroll(limit=100)}
    index.delete([keys[0], keys[4], keys[9]])
    turned = np.roll(whole[keys[2]].vector, 1)
    index.upsert(
        [
            Point(keys[1], whole[keys[1]].vector, {**fields, "visibility": "public"}),
            Point(keys[2], turned, fields),
            Point(10_001, turned, fields),
            Point(10_002, turned, fields),
        ]
    )
    expected = Drift(compared=12, missing=3, extra=2, altered=2)
    assert check(index, version, limit=limit, repair=False) == expected
    assert check(index, version, limit=limit) == expected
    assert check(index, version, limit=limit) == Drift(compared=10)
    assert [(point.key, dict(point.payload)) for point in index.scroll(limit=100)] == [(key, fields) for key in keys]


def test_what_the_table_deleted_is_extra(index: VectorIndex, version: ModelVersion, images: list[Image]) -> None:
    services.embeddings_forget(image_ids=[images[3].pk])
    Image.objects.filter(pk=images[5].pk).delete()  # without a tombstone
    Embedding.objects.filter(image_id=images[7].pk).update(vector=b"damaged")
    assert check(index, version) == Drift(compared=10, extra=3)
    assert index.count() == 7


def test_changes_that_the_index_has_not_followed_yet_are_no_drift(
    index: VectorIndex, version: ModelVersion, images: list[Image], embed: Any
) -> None:
    version.refresh_from_db()
    followed = version.last_seq
    embed(images[0], "blue")
    services.embeddings_forget(image_ids=[images[1].pk])
    assert check(index, version, seq=followed) == Drift(compared=8)


def test_what_is_no_number_is_altered(index: VectorIndex, version: ModelVersion, images: list[Image]) -> None:
    class Broken:
        """Memory or disk gave up on a vector."""

        def scroll(self, *, after: int, limit: int) -> list[Point]:
            points = index.scroll(after=after, limit=limit)
            return [Point(each.key, each.vector * np.float16("nan"), each.payload) for each in points]

    piece = compare(cast(VectorIndex, Broken()), Embedding, version, seq=10**6, after=-1, limit=1, repair=False)
    assert piece.drift == Drift(compared=1, altered=1)


def test_an_empty_table_empties_the_index(index: VectorIndex, version: ModelVersion) -> None:
    Embedding.objects.all().delete()
    assert check(index, version) == Drift(compared=10, extra=10)
    assert index.count() == 0
