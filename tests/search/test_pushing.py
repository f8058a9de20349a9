"""The index on a server follows the table: one process writes to it on behalf of all.

Here the server is qdrant-client's in-memory mode; what happens when one fails is in tests/faults."""

import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.utils import timezone
from qdrant_client import models

from gallery import services as gallery_services
from gallery.models import Image, User
from mmsite import worker
from search import changes, cursors, factory, pushing, services, versions
from search.backends.breaker import CircuitBreaker
from search.backends.exceptions import IndexUnavailable
from search.backends.qdrant import QdrantIndex
from search.cursors import LeaseLost
from search.models import IndexCursor, ModelVersion
from search.query.answer import search_images
from search.reconcile import Drift
from tests.faults.local_qdrant import LocalQdrant

Embedded = Callable[..., Image]

pytestmark = pytest.mark.usefixtures("on_qdrant")


def stored(version: ModelVersion) -> dict[int, str]:
    """What the server holds: the pictures, and who may see them."""
    points = factory.create(version).scroll(limit=1_000)
    return {point.key: str(point.payload[changes.VISIBILITY]) for point in points}


class TestPush:
    def test_new_vectors_and_changes_arrive(self, embedded: Embedded, version: ModelVersion) -> None:
        first, second = embedded("red"), embedded("blue", visibility="public")
        assert pushing.is_behind()
        assert pushing.push() > 0
        assert stored(version) == {first.pk: "private", second.pk: "public"}
        assert not pushing.is_behind()
        gallery_services.image_set_visibility(image=first, visibility="link")
        gallery_services.images_delete(images=[second])
        pushing.push()
        assert stored(version) == {first.pk: "link"}
        assert pushing.push() == 0

    def test_many_changes_go_in_chunks(
        self, version: ModelVersion, make_image: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(changes, "CHUNK", 3)
        images = [make_image((shade, 0, 0)) for shade in range(0, 200, 20)]
        services.embeddings_record(version=version, vectors={image.pk: np.ones(64) for image in images})
        pushing.push()
        assert stored(version).keys() == {image.pk for image in images}

    def test_who_finds_another_at_it_leaves_it_alone(self, embedded: Embedded, version: ModelVersion) -> None:
        embedded("red")
        with cursors.leased(version, location=pushing.server_of(version).location):
            assert pushing.push() == 0
        assert pushing.push() > 0

    def test_a_collection_that_vanished_is_filled_again(
        self, embedded: Embedded, version: ModelVersion, qdrant: LocalQdrant
    ) -> None:
        image = embedded("red")
        pushing.push()
        factory.create(version).drop()
        pushing.sweep()
        assert stored(version) == {image.pk: "private"}

    def test_another_server_is_filled_from_nothing(
        self, embedded: Embedded, version: ModelVersion, settings: Any
    ) -> None:
        image = embedded("red")
        pushing.push()
        other = LocalQdrant()
        settings.VECTOR_INDEX["OPTIONS"] = {"client": other, "parallel": 1, "url": "http://elsewhere:6333"}
        pushing.reset()
        pushing.sweep()
        assert stored(version) == {image.pk: "private"}

    def test_a_table_that_went_back_in_time_is_followed(self, embedded: Embedded, version: ModelVersion) -> None:
        kept, lost = embedded("red"), embedded("blue")
        pushing.push()
        ModelVersion.objects.filter(pk=version.pk).update(last_seq=kept.embeddings.get().seq)
        lost.embeddings.all().delete()
        pushing.push()
        assert stored(version) == {kept.pk: "private"}

    def test_each_version_has_its_collection_and_the_active_one_the_alias(
        self, embedded: Embedded, version: ModelVersion, encoders: Any, embed: Any, qdrant: LocalQdrant
    ) -> None:
        image = embedded("red")
        other = versions.model_version_add(name="other").version
        versions.model_version_build(version=other)
        embed(image, "red", by=other)
        pushing.push()
        assert stored(version) == stored(other) == {image.pk: "private"}
        collections = {each.pk: f"mmsite-{factory.create(each).name}" for each in (version, other)}

        def alias() -> str:
            (alias,) = qdrant.get_aliases().aliases
            assert alias.alias_name == "mmsite-active"
            return alias.collection_name

        assert alias() == collections[version.pk]
        versions.model_version_activate(version=other)
        pushing.push()
        assert alias() == collections[other.pk]

    def test_a_long_push_is_done_in_parts(
        self, version: ModelVersion, make_image: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The worker that pushes has pictures to see to; it goes on as long as something was sent."""
        monkeypatch.setattr(changes, "CHUNK", 3)
        monkeypatch.setattr(pushing, "PUSH_SECONDS", 0.0)
        images = [make_image((shade, 0, 0)) for shade in range(0, 200, 20)]
        services.embeddings_record(version=version, vectors={image.pk: np.ones(64) for image in images})
        assert pushing.push() == 3
        assert pushing.is_behind()
        worker.work_until_idle()
        assert not pushing.is_behind()
        assert stored(version).keys() == {image.pk for image in images}

    def test_what_comes_during_a_push_goes_with_it(
        self, embedded: Embedded, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        first, later = embedded("red"), []
        upsert = QdrantIndex.upsert

        def slow(self: QdrantIndex, points: Any) -> None:
            upsert(self, points)
            if not later:
                later.append(embedded("blue"))
                assert pushing.push() == 0  # as another worker would, which then has nothing more to do

        monkeypatch.setattr(QdrantIndex, "upsert", slow)
        pushing.push()
        assert stored(version).keys() == {first.pk, later[0].pk}

    def test_a_long_write_keeps_the_lease(
        self, version: ModelVersion, make_image: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pushing, "SENT_AT_ONCE", 2)
        images = [make_image((shade, 0, 0)) for shade in range(0, 100, 20)]
        services.embeddings_record(version=version, vectors={image.pk: np.ones(64) for image in images})
        left: list[timedelta] = []
        upsert = QdrantIndex.upsert

        def slow(self: QdrantIndex, points: Any) -> None:
            upsert(self, points)
            held_until = IndexCursor.objects.get().held_until
            assert held_until is not None
            left.append(held_until - timezone.now())
            IndexCursor.objects.update(held_until=timezone.now() + timedelta(seconds=1))

        monkeypatch.setattr(QdrantIndex, "upsert", slow)
        pushing.push()
        assert len(left) == 3
        assert all(each > timedelta(seconds=30) for each in left)

    def test_who_lost_the_lease_stops_writing(
        self, version: ModelVersion, make_image: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(pushing, "SENT_AT_ONCE", 2)
        images = [make_image((shade, 0, 0)) for shade in range(0, 100, 20)]
        services.embeddings_record(version=version, vectors={image.pk: np.ones(64) for image in images})
        upsert = QdrantIndex.upsert

        def slow(self: QdrantIndex, points: Any) -> None:
            upsert(self, points)
            IndexCursor.objects.update(held_by="another", held_until=timezone.now() + timedelta(minutes=1))

        monkeypatch.setattr(QdrantIndex, "upsert", slow)
        pushing.push()
        assert len(stored(version)) == 2

    def test_a_collection_that_was_made_by_halves_is_filled(
        self, embedded: Embedded, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        image = embedded("red")
        pushing.push()
        factory.create(version).drop()

        def fail(*_: Any) -> None:
            raise IndexUnavailable("Gone again.")

        with monkeypatch.context() as patch:
            patch.setattr(QdrantIndex, "_index_field", fail)
            pushing.sweep()
        assert stored(version) == {}
        pushing.reset()  # the breaker would wait for some seconds
        embedded("blue")
        pushing.push()
        assert image.pk in stored(version)

    def test_the_version_that_is_searched_does_not_wait_for_one_that_is_built(
        self, embedded: Embedded, version: ModelVersion, other: ModelVersion, embed: Any, qdrant: LocalQdrant
    ) -> None:
        image = embedded("red")
        versions.model_version_build(version=other)
        embed(image, "red", by=other)
        versions.model_version_activate(version=other, force=True)
        versions.model_version_build(version=version)
        qdrant.create_collection(  # which no push can use
            f"mmsite-{factory.create(version).name}",
            vectors_config=models.VectorParams(size=3, distance=models.Distance.DOT),
        )
        pushing.push()
        assert stored(other) == {image.pk: "private"}

    @pytest.mark.django_db(transaction=True)
    def test_a_version_that_is_removed_meanwhile_leaves_nothing_behind(
        self, embedded: Embedded, version: ModelVersion, other: ModelVersion, embed: Any, qdrant: LocalQdrant
    ) -> None:
        image = embedded("red")
        versions.model_version_build(version=other)
        embed(image, "red", by=other)
        (gone,) = [each for each in pushing._versions() if each == other]
        pushing.push()
        assert len(qdrant.get_collections().collections) == 2
        versions.model_version_remove(version=other)
        with pytest.raises(LeaseLost):
            pushing._sweep(gone)
        assert len(qdrant.get_collections().collections) == 1
        assert pushing.sweep().is_none
        assert pushing._servers.keys() == {version.pk}

    def test_a_version_that_lacks_nothing_does_not_vouch_for_the_server(
        self,
        embedded: Embedded,
        version: ModelVersion,
        other: ModelVersion,
        embed: Any,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        image = embedded("red")
        versions.model_version_build(version=other)
        pushing.push()
        embed(image, "red", by=other)
        now, asked = [0.0], []
        monkeypatch.setattr(pushing, "_writes", CircuitBreaker(failures=1, cooldown=5.0, clock=lambda: now[0]))

        def fail(_self: QdrantIndex) -> bool:
            asked.append(now[0])
            raise IndexUnavailable("Away.")

        monkeypatch.setattr(QdrantIndex, "prepare", fail)
        for now[0] in (0.0, 6.0, 12.0, 17.0):
            pushing.push()
        assert asked == [0.0, 6.0, 17.0]  # the second failure has it left alone for twice as long

    def test_nothing_happens_without_a_server(self, embedded: Embedded, settings: Any) -> None:
        settings.VECTOR_INDEX, settings.VECTOR_FALLBACK = settings.VECTOR_FALLBACK, None
        embedded("red")
        assert pushing.push() == 0
        assert pushing.sweep() == Drift()
        assert not pushing.is_behind()
        assert not IndexCursor.objects.exists()


def test_who_waits_for_a_build_is_told_that_the_server_needs_time(
    version: ModelVersion, other: ModelVersion, make_image: Any
) -> None:
    image = make_image("red")
    services.embeddings_record(version=other, vectors={image.pk: np.ones(64)})
    said = io.StringIO()
    call_command("models", "build", "other", "--activate", "--wait", stdout=said)
    assert "as soon as the search server has its vectors too" in said.getvalue()
    pushing.push()
    assert versions.model_version_activate_when_covered() == other


class TestSearch:
    def test_the_server_answers(self, embedded: Embedded, user: Any, qdrant: LocalQdrant) -> None:
        red, blue = embedded("red"), embedded("blue")
        pushing.push()
        factory.create(versions.version_named("fake")).delete([blue.pk])  # only who asks the server misses it
        result = search_images(viewer=user, query="blue")
        assert [hit.image for hit in result.hits] == [red]
        assert result.notice == ""

    def test_it_costs_no_statement_more(
        self, embedded: Embedded, user: User, django_assert_num_queries: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        embedded("red")
        pushing.push()
        search_images(viewer=user, query="red")
        # the version, words, what others share, what may be listed, the pictures, their renditions, their work
        with django_assert_num_queries(7):
            assert search_images(viewer=user, query="red").hits
        monkeypatch.setattr(cursors, "is_far_behind", lambda version: True)
        with django_assert_num_queries(7):
            assert search_images(viewer=user, query="red").notice

    def test_one_that_is_far_behind_does_not(
        self, embedded: Embedded, user: Any, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = {embedded("red"), embedded("blue")}
        monkeypatch.setattr(cursors, "TOLERATED_LEAST", 1)
        result = search_images(viewer=user, query="blue")
        assert {hit.image for hit in result.hits} == images
        assert "catching up" in result.notice
        assert not any(letter.isdigit() for letter in result.notice)  # which would tell how many pictures there are
        pushing.push()
        assert search_images(viewer=user, query="blue").notice == ""

    def test_filters_are_the_servers_too(self, embedded: Embedded, user: Any, other_user: Any) -> None:
        mine, _theirs = embedded("red"), embedded("red", owner=other_user)
        public = embedded((250, 0, 0), owner=other_user, visibility="public")
        pushing.push()
        assert {hit.image for hit in search_images(viewer=user, query="red").hits} == {mine, public}
