"""The index follows the table: through changes, restarts, damaged files, restored backups and changes of model."""

import os
import shutil
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from PIL import Image as PILImage

from gallery import services as gallery_services
from gallery.models import Image, User
from search import changes, engine, factory, index, services, versions
from search.backends.base import Match
from search.live import LiveIndex
from search.models import Embedding, ModelVersion

MakeImage = Callable[..., Image]
Embedded = Callable[..., Image]
D = 64


def live() -> LiveIndex:
    found = index.get_indexes()
    assert found is not None
    assert isinstance(found.pictures, LiveIndex)
    return found.pictures


def ids(where: Any = None) -> set[int]:
    return {hit.key for hit in live().search(np.ones(D), limit=1_000, where=where).hits}


def owned(user: User) -> Match:
    return Match(changes.OWNER, (user.pk,))


class TestFollowing:
    def test_before_there_is_a_version_there_is_no_index(self, db: None) -> None:
        assert index.get_indexes() is None
        versions.model_version_ensure()  # as the worker does, while this process runs
        assert live().count() == 0

    def test_new_vectors_are_found(self, embedded: Embedded) -> None:
        first = embedded("red")
        assert ids() == {first.pk}
        second = embedded("blue")
        assert ids() == {first.pk, second.pk}

    def test_a_changed_vector_takes_the_place_of_the_old(
        self, version: ModelVersion, embedded: Embedded, embed: Any
    ) -> None:
        image, other = embedded("red"), embedded("green")
        (query,) = engine.encode_query(["blue"], version=version)
        live()
        embed(image, "blue")
        assert live().search(query, limit=1).hits[0].key == image.pk
        assert live().count() == 2
        assert other.pk in ids()

    def test_deleted_pictures_go(self, embedded: Embedded) -> None:
        gone, kept = embedded("red"), embedded("blue")
        assert len(ids()) == 2
        gallery_services.images_delete(images=[gone])
        assert ids() == {kept.pk}

    def test_a_picture_that_vanished_without_a_tombstone_is_not_taken_in(self, embedded: Embedded) -> None:
        gone, kept = embedded("red"), embedded("blue")
        Image.objects.filter(pk=gone.pk).delete()
        assert ids() == {kept.pk}

    def test_visibility_is_followed(self, embedded: Embedded) -> None:
        image = embedded("red")
        public = Match(changes.VISIBILITY, ("public",))
        assert ids(public) == set()
        gallery_services.image_set_visibility(image=image, visibility="public")
        assert ids(public) == {image.pk}
        gallery_services.image_set_visibility(image=image, visibility="private")
        assert ids(public) == set()

    def test_each_owner_has_their_own(self, embedded: Embedded, user: User, other_user: User) -> None:
        mine, theirs = embedded("red"), embedded("red", owner=other_user)
        assert ids(owned(user)) == {mine.pk}
        assert ids(owned(other_user)) == {theirs.pk}

    def test_one_statement_when_nothing_changed(self, embedded: Embedded, django_assert_num_queries: Any) -> None:
        embedded("red")
        live()
        with django_assert_num_queries(1):
            live()

    def test_a_statement_for_each_table_for_any_few_changes(
        self, embedded: Embedded, django_assert_num_queries: Any
    ) -> None:
        live()
        images = [embedded("red"), embedded("blue"), embedded("green")]
        gallery_services.images_delete(images=images[:1])
        with django_assert_num_queries(3):
            assert live().count() == 2

    def test_a_thread_that_read_an_older_number_does_no_harm(
        self, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        images = {embedded("red").pk, embedded("blue").pk}
        held = live()
        monkeypatch.setattr(factory, "create_local", None)  # nothing is built anew
        held.follow(1)
        assert ids() == images

    def test_many_changes_are_taken_in_chunks(
        self, version: ModelVersion, make_image: MakeImage, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(changes, "CHUNK", 3)
        images = [make_image((shade, 0, 0)) for shade in range(0, 200, 20)]
        live()
        services.embeddings_record(version=version, vectors={image.pk: np.ones(D) for image in images})
        services.embeddings_forget(image_ids=[image.pk for image in images[::2]])
        assert ids() == {image.pk for image in images[1::2]}

    def test_a_damaged_vector_costs_its_picture_alone(self, embedded: Embedded, caplog: Any) -> None:
        bad, good = embedded("red"), embedded("blue")
        Embedding.objects.filter(image=bad).update(vector=b"\x00\x3c")
        assert ids() == {good.pk}
        assert f"picture {bad.pk}" in caplog.text

    def test_a_table_that_went_back_in_time_is_followed_too(self, embedded: Embedded, version: ModelVersion) -> None:
        """As after restoring yesterday's backup below a running process."""
        kept, lost = embedded("red"), embedded("blue")
        assert len(ids()) == 2
        Embedding.objects.filter(image=lost).delete()
        ModelVersion.objects.filter(pk=version.pk).update(last_seq=Embedding.objects.get(image=kept).seq)
        assert ids() == {kept.pk}


@pytest.mark.django_db(transaction=True)
class TestOtherConnections:
    def test_what_another_process_commits_is_seen_then_and_not_before(self, make_image: MakeImage) -> None:
        version = versions.model_version_ensure()
        image = make_image("red")
        assert live().count() == 0
        written, seen = threading.Event(), threading.Event()

        def write() -> None:
            with transaction.atomic():
                services.embeddings_record(version=version, vectors={image.pk: np.ones(D)})
                written.set()
                seen.wait(timeout=60)
            connection.close()

        writer = threading.Thread(target=write)
        writer.start()
        assert written.wait(timeout=60)
        before = live().count()
        seen.set()
        writer.join()
        assert (before, live().count()) == (0, 1)

    def test_a_rolled_back_change_leaves_no_trace(self, make_image: MakeImage) -> None:
        version = versions.model_version_ensure()
        kept, undone = make_image("red"), make_image("blue")
        services.embeddings_record(version=version, vectors={kept.pk: np.ones(D)})
        with transaction.atomic():
            services.embeddings_record(version=version, vectors={undone.pk: np.ones(D)})
            assert len(ids()) == 2
            transaction.set_rollback(True)
        assert ids() == {kept.pk}

    def test_threads_that_search_while_pictures_arrive(self, make_image: MakeImage) -> None:
        version = versions.model_version_ensure()
        images = [make_image((shade, 0, 0)) for shade in range(0, 240, 12)]

        def search(turn: int) -> int:
            try:
                return live().count()
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            counts = [pool.submit(search, turn) for turn in range(40)]
            for image in images:
                services.embeddings_record(version=version, vectors={image.pk: np.ones(D)})
            assert all(0 <= count.result() <= len(images) for count in counts)
        assert ids() == {image.pk for image in images}

    def test_a_query_never_mixes_two_versions(
        self, make_image: MakeImage, encoders: dict[str, Any], settings: Any
    ) -> None:
        """Threads search without pause while the active version flips: each gets the right picture every time."""
        settings.ENCODER = "other"
        other = versions.model_version_ensure()
        settings.ENCODER = "fake"
        fake = versions.model_version_ensure()
        colors = ("red", "green", "blue")
        images = {color: make_image(color) for color in colors}
        pictures = [PILImage.new("RGB", (8, 8), color) for color in colors]
        for version in (fake, other):
            services.embeddings_write(
                version=version, image_ids=[images[color].pk for color in colors], pictures=pictures
            )
        stop = threading.Event()

        def search(color: str) -> list[object]:
            wrong: list[object] = []
            try:
                while not stop.is_set():
                    held = live()
                    hit = held.search(engine.encode_query([color], version=held.version)[0], limit=1).hits[0]
                    if hit.key != images[color].pk or hit.score < 0.9:
                        wrong.append((held.version, hit))
            finally:
                connection.close()
            return wrong

        used = set()
        with ThreadPoolExecutor(3) as pool:
            searches = [pool.submit(search, color) for color in colors]
            for turn in range(10):
                settings.ENCODER = ("other", "fake")[turn % 2]
                versions.model_version_ensure()
                versions.model_version_activate_when_covered()
                used.add(live().version.name)
            stop.set()
            assert [each.result() for each in searches] == [[], [], []]
        assert used == {"fake", "other"}


class TestSnapshots:
    @pytest.fixture
    def path(self, embedded: Embedded, version: ModelVersion, settings: Any) -> Path:
        """The snapshot of three pictures, as a worker wrote it; this process then starts anew."""
        for color in ("red", "green", "blue"):
            embedded(color)
        assert index.save_snapshots_if_due()
        index.reset()
        return Path(settings.INDEX_DIR) / f"{version.pk}.index"

    @pytest.fixture
    def taken_in(self, monkeypatch: pytest.MonkeyPatch) -> list[int]:
        """Ids of the pictures that were read from the table."""
        read: list[int] = []
        read_changes = changes.read_changes

        def spy(*args: Any, **kwargs: Any) -> changes.Changes:
            change = read_changes(*args, **kwargs)
            read.extend([*(point.key for point in change.points), *change.gone])
            return change

        monkeypatch.setattr(changes, "read_changes", spy)
        return read

    def everything(self) -> set[int]:
        return set(Image.objects.values_list("pk", flat=True))

    def test_a_good_one_spares_reading_the_table(self, path: Path, taken_in: list[int]) -> None:
        assert ids() == self.everything()
        assert taken_in == []

    def test_only_what_came_after_it_is_read(self, path: Path, embedded: Embedded, taken_in: list[int]) -> None:
        later = embedded("yellow")
        gallery_services.images_delete(images=Image.objects.exclude(pk=later.pk)[:1])
        assert ids() == self.everything()
        assert len(taken_in) == 2

    def test_its_filters_work(self, path: Path, user: User, other_user: User, embedded: Embedded) -> None:
        embedded("red", owner=other_user)
        assert len(ids(owned(user))) == 3
        assert len(ids(owned(other_user))) == 1

    @pytest.mark.parametrize("damage", [b"", b"nonsense", None])
    def test_a_damaged_one_is_built_anew(
        self, path: Path, taken_in: list[int], caplog: Any, damage: bytes | None
    ) -> None:
        whole = path.read_bytes()
        flipped = whole[:-200] + bytes([whole[-200] ^ 1]) + whole[-199:]
        path.write_bytes(flipped if damage is None else damage)
        assert ids() == self.everything()
        assert len(taken_in) == 3
        assert "built anew" in caplog.text

    def test_a_damaged_one_is_replaced(self, path: Path) -> None:
        path.write_bytes(b"nonsense")
        os.utime(path, (0, 0))
        assert index.save_snapshots_if_due()
        index.reset()
        assert ids() == self.everything()

    def test_one_from_the_future_is_built_anew(self, path: Path, version: ModelVersion, taken_in: list[int]) -> None:
        """The table was restored from a backup, the index folder was not."""
        lost = Embedding.objects.order_by("seq").last()
        assert lost is not None
        lost.delete()
        newest = Embedding.objects.order_by("-seq").values_list("seq", flat=True)[0]
        ModelVersion.objects.filter(pk=version.pk).update(last_seq=newest)
        assert ids() == self.everything() - {lost.image_id}
        assert len(taken_in) == 2

    def test_one_that_does_not_fit_the_table_is_built_anew(
        self, path: Path, version: ModelVersion, embedded: Embedded, taken_in: list[int]
    ) -> None:
        """A backup was restored, and work went on past the snapshot's number before this process started."""
        lost = Embedding.objects.order_by("seq").last()
        assert lost is not None
        lost.delete()
        later = embedded("yellow")
        assert lost.image_id not in ids()
        assert later.pk in ids()

    def test_another_databases_is_refused(self, path: Path, version: ModelVersion, taken_in: list[int]) -> None:
        ModelVersion.objects.filter(pk=version.pk).update(created_at=version.created_at + timedelta(days=1))
        assert ids() == self.everything()
        assert len(taken_in) == 3

    def test_another_versions_is_refused(
        self, path: Path, version: ModelVersion, encoders: dict[str, Any], settings: Any
    ) -> None:
        settings.ENCODER = "other"
        other = versions.model_version_ensure()
        ModelVersion.objects.filter(pk=version.pk).update(state=ModelVersion.State.RETIRED)
        ModelVersion.objects.filter(pk=other.pk).update(state=ModelVersion.State.ACTIVE)
        shutil.copy(path, path.with_name(f"{other.pk}.index"))
        assert ids() == set()

    def test_it_is_written_when_there_is_something_new_and_the_last_one_is_old(
        self, path: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        assert not index.save_snapshots_if_due()  # nothing new
        embedded("yellow")
        assert not index.save_snapshots_if_due()  # the last one is fresh
        monkeypatch.setattr("search.live.SNAPSHOT_AGE", -1)
        assert index.save_snapshots_if_due()
        assert not index.save_snapshots_if_due()

    def test_those_of_other_versions_are_swept_away(
        self, path: Path, embedded: Embedded, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        old = path.with_name("999999999.index")
        shutil.copy(path, old)
        monkeypatch.setattr("search.live.SNAPSHOT_AGE", -1)
        embedded("yellow")
        index.save_snapshots_if_due()
        assert list(path.parent.iterdir()) == [path]

    def test_without_a_version_there_is_nothing_to_write(self, db: None) -> None:
        assert not index.save_snapshots_if_due()
