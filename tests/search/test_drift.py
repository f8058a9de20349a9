"""The sweep and fsck find what differs between an index and the table, and repair it."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta

import numpy as np
import pytest
from django.utils import timezone

from gallery.findings import Finding, NotChecked, Scope
from gallery.models import Image
from search import factory, fsck, index, pushing
from search.backends.base import Point, VectorIndex
from search.backends.exceptions import IndexUnavailable
from search.models import IndexCursor, ModelVersion
from search.reconcile import Drift

Embedded = Callable[..., Image]


@pytest.mark.usefixtures("on_qdrant")
class TestServer:
    @pytest.fixture
    def images(self, embedded: Embedded) -> list[Image]:
        images = [embedded((shade, 0, 0)) for shade in range(0, 250, 25)]
        pushing.push()
        return images

    @pytest.fixture
    def server(self, images: list[Image], version: ModelVersion) -> VectorIndex:
        """Changed behind the table's back: two points gone, one added, one altered."""
        server = factory.create(version)
        server.delete([images[0].pk, images[1].pk])
        (point,) = server.scroll(after=images[2].pk - 1, limit=1)
        server.upsert([Point(999_999, point.vector, point.payload), Point(point.key, -point.vector, point.payload)])
        return server

    DRIFT = Drift(compared=11, missing=2, extra=1, altered=1)

    def test_the_sweep_finds_and_repairs_it(self, server: VectorIndex, version: ModelVersion) -> None:
        assert pushing.sweep() == self.DRIFT
        assert pushing.sweep() == Drift(compared=10)
        assert IndexCursor.objects.get().checked_at is not None

    def test_a_sweep_goes_on_where_the_last_one_stopped(
        self, server: VectorIndex, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pushing, "PIECES_PER_SWEEP", 1)
        monkeypatch.setattr(pushing, "CHECKED_AT_ONCE", 3)
        drifts = [pushing.sweep() for _ in range(5)]
        assert sum(drifts, Drift()).compared >= 11
        assert sum(drifts, Drift()).missing == 2
        monkeypatch.undo()
        assert pushing.sweep().is_none

    def test_fsck_finds_and_repairs_it(self, server: VectorIndex, version: ModelVersion) -> None:
        counted: list[int] = []
        where = pushing.server_of(version).location
        found = Finding("index-differs", where, str(self.DRIFT))
        assert list(fsck.check_index(Scope(progress=counted.append))) == [found]
        assert sum(counted) == 21
        assert list(fsck.check_index(Scope(repair=True))) == [replace(found, repaired=True)]
        assert list(fsck.check_index(Scope())) == []

    def test_fsck_that_repairs_nothing_leaves_the_sweep_where_it_is(self, server: VectorIndex) -> None:
        list(fsck.check_index(Scope()))
        cursor = IndexCursor.objects.get()
        assert (cursor.checked_at, cursor.held_by) == (None, "")

    def test_what_comes_while_fsck_repairs_is_sent(
        self, server: VectorIndex, embedded: Embedded, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pushing, "CHECKED_AT_ONCE", 3)
        later: list[Image] = []

        def meanwhile(_points: int) -> None:
            if len(later) < 2:
                later.append(embedded((0, 0, 100 + len(later))))

        pushing.check(version, repair=True, progress=meanwhile)
        assert {image.pk for image in later} <= {point.key for point in server.scroll(limit=100)}

    def test_fsck_waits_for_nobody(self, server: VectorIndex, version: ModelVersion) -> None:
        IndexCursor.objects.update(held_by="another", held_until=timezone.now() + timedelta(minutes=1))
        with pytest.raises(NotChecked, match="the worker is writing to"):
            list(fsck.check_index(Scope(repair=True)))

    def test_fsck_says_that_the_server_is_away(self, server: VectorIndex, monkeypatch: pytest.MonkeyPatch) -> None:
        def away(*args: object, **kwargs: object) -> None:
            raise IndexUnavailable("It doesn't answer.")

        monkeypatch.setattr(pushing, "_compare", away)
        with pytest.raises(NotChecked, match="It doesn't answer"):
            list(fsck.check_index(Scope()))


def test_fsck_repairs_a_snapshot_too(embedded: Embedded, version: ModelVersion) -> None:
    images = [embedded("red"), embedded("blue")]
    live = index.get_indexes()
    assert live is not None
    live.pictures.points.delete([images[0].pk])
    live.captions.points.upsert([Point(404, np.ones(64), {})])
    assert [(each.kind, each.detail, each.repaired) for each in fsck.check_index(Scope(repair=True))] == [
        ("index-differs", str(Drift(compared=2, missing=1)), True),
        ("index-differs", str(Drift(compared=1, extra=1)), True),
    ]
    index.reset()
    assert list(fsck.check_index(Scope())) == []
