"""What searches call a match: texts by the background queries, everything else by the encoder's floor."""

import math
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from gallery.models import Image, User
from search import engine, index
from search.backends.base import Filter, Hit
from search.backends.exceptions import IndexUnavailable
from search.changes import listed_for
from search.live import LiveIndex
from search.models import Embedding, ModelVersion
from search.query import enough
from search.query.answer import search_images
from search.query.parse import parse

Embedded = Callable[..., Image]


def is_judged(text: str, version: ModelVersion) -> bool:
    return enough.background_for(parse(text, today=timezone.localdate()), version=version) is not None


class TestWhichQueriesAreJudged:
    def test_none_before_the_background_is_prepared(self, version: ModelVersion) -> None:
        assert not is_judged("red", version)
        engine.warm()
        assert is_judged("red", version)

    def test_texts_alone(self, version: ModelVersion, embedded: Embedded) -> None:
        engine.warm()
        for text in ("red", '"red sky"', "red | blue^2", "+red camera:fuji"):
            assert is_judged(text, version)
        for text in ("red -boat", f"red ~{embedded().uuid}", f"~{embedded().uuid}", "camera:fuji"):
            assert not is_judged(text, version)

    def test_not_with_an_encoder_that_nobody_measured(
        self, version: ModelVersion, encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        engine.warm()
        monkeypatch.setattr(encoders["fake"], "match_floor", None, raising=False)
        assert not is_judged("red", version)


class TestSearches:
    @pytest.fixture
    def no_floor(self, encoders: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
        """As good as none: whatever doesn't match is not the floor's doing."""
        monkeypatch.setattr(encoders["fake"], "match_floor", -1.0, raising=False)

    def test_what_matches_is_told_from_the_nearest(self, embedded: Embedded, user: User, no_floor: None) -> None:
        reds, blues = (
            [embedded((shade, 0, 0)) for shade in (200, 250)],
            [embedded((0, 0, shade)) for shade in (200, 250)],
        )
        engine.warm()
        result = search_images(viewer=user, query="red")
        assert result.state == "ok"
        assert {hit.image for hit in result.matches} == set(reds)
        assert {hit.image for hit in result.others} == set(blues)

    def test_an_absent_subject_is_said_and_the_nearest_are_listed(
        self, embedded: Embedded, user: User, no_floor: None
    ) -> None:
        images = [embedded("red"), embedded("blue")]
        assert search_images(viewer=user, query="submarine").state == "ok"
        engine.warm()
        result = search_images(viewer=user, query="submarine")
        assert (result.state, result.total) == ("no_match", 0)
        assert {hit.image for hit in result.hits} == set(images)

    def test_no_statement_more_where_the_vectors_lie_in_memory(self, embedded: Embedded, user: User) -> None:
        for color in ("red", "green", "blue"):
            embedded(color)
        search_images(viewer=user, query="red")

        def statements() -> int:
            with CaptureQueriesContext(connection) as captured:
                search_images(viewer=user, query="red")
            return len(captured)

        before = statements()
        engine.warm()
        assert statements() == before

    def test_pictures_that_went_meanwhile_leave_it_to_the_floor(
        self, embedded: Embedded, version: ModelVersion
    ) -> None:
        image = embedded("red")
        engine.warm()
        (looks,) = engine.encode_query(["submarine"], version=version)

        def least() -> float | None:
            return enough.least_cosine(
                looks,
                [Hit(image.pk, -0.5)],
                among=1,
                version=version,
                background=engine.background(version),
                floor=0.4,
            )

        assert least() == math.inf
        Embedding.objects.update(vector=b"damaged")
        assert least() == 0.4
        Embedding.objects.all().delete()
        assert least() == 0.4


class TestHowManyWereSearched:
    @pytest.fixture
    def live(self, embedded: Embedded, other_user: User) -> index.Indexes:
        for color in ("red", "green", "blue"):
            embedded(color)
        embedded("yellow", owner=other_user)
        live = index.get_indexes()
        assert live is not None
        return live

    def test_as_many_as_were_found(self, live: index.Indexes, user: User) -> None:
        assert enough.searched([Hit(1, 0.5)], live, listed_for(user)) == 1

    def test_all_that_may_be_found_where_a_leg_is_full(
        self, live: index.Indexes, user: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(enough, "DEPTH", 2)
        hits = [Hit(1, 0.5), Hit(2, 0.4)]
        assert enough.searched(hits, live, listed_for(user)) == 3, "other people's pictures make no best hit better"

        def count(self: LiveIndex, where: Filter) -> int:
            raise IndexUnavailable("no answer")

        monkeypatch.setattr(LiveIndex, "count", count)
        assert enough.searched(hits, live, listed_for(user)) == 2
