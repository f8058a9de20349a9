"""Vectors are written whole, in the order of their numbers, and for pictures that exist."""

import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from django.db import connection, transaction
from PIL import Image as PILImage

from gallery import services as gallery_services
from gallery.models import Image, Tag
from gallery.tags import images_tag
from gallery.trash import images_trash
from ml.errors import ModelError
from search import services, versions
from search.exceptions import BadVector, ModelChanged
from search.models import Embedding, ModelVersion
from search.vectors import unpack
from tests.gallery.test_sharing_races import InBackground, wait_until_blocked
from tests.search.conftest import OtherEncoder

MakeImage = Callable[..., Image]
D = 64


def picture(color: str) -> PILImage.Image:
    return PILImage.new("RGB", (32, 32), color)


def kept(image: Image | int, version: ModelVersion) -> Embedding:
    return Embedding.objects.get(image_id=getattr(image, "pk", image), model_version=version)


class TestWrite:
    def test_each_picture_gets_its_own_vector(
        self, make_image: MakeImage, version: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        blue, red = make_image("blue"), make_image("red")
        services.embeddings_write(
            version=version, image_ids=[red.pk, blue.pk], pictures=[picture("red"), picture("blue")]
        )
        for image, color in ((red, "red"), (blue, "blue")):
            (expected,) = encoders["fake"].encode_images([picture(color)])
            vector = unpack(kept(image, version).vector, dimension=D)
            assert vector == pytest.approx(expected, abs=1e-3)

    def test_an_encoder_that_loses_a_picture_writes_nothing(
        self, make_image: MakeImage, version: ModelVersion, encoders: dict[str, Any], monkeypatch: Any
    ) -> None:
        images = [make_image("red"), make_image("blue")]
        monkeypatch.setattr(
            encoders["fake"], "encode_images", lambda pictures: np.ones((1, D), np.float32), raising=False
        )
        with pytest.raises(ValueError, match="zip"):
            services.embeddings_write(
                version=version, image_ids=[image.pk for image in images], pictures=[picture("red"), picture("blue")]
            )
        assert not Embedding.objects.exists()

    def test_another_model_under_the_same_name_is_noticed(
        self, make_image: MakeImage, version: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        encoders["fake"] = OtherEncoder()
        with pytest.raises(ModelChanged) as caught:
            services.embeddings_write(version=version, image_ids=[make_image().pk], pictures=[picture("red")])
        assert isinstance(caught.value, ModelError)  # so that the worker waits instead of blaming the picture
        assert not Embedding.objects.exists()


class TestRecord:
    def test_vectors_are_normalised_before_they_are_rounded(self, make_image: MakeImage, version: ModelVersion) -> None:
        image = make_image()
        vector = np.linspace(1.0, 1e6, D)  # beyond float16 before it is normalised
        services.embeddings_record(version=version, vectors={image.pk: vector})
        stored = unpack(kept(image, version).vector, dimension=D).astype(np.float32)
        assert np.linalg.norm(stored) == pytest.approx(1.0, abs=1e-3)
        assert stored == pytest.approx(vector / np.linalg.norm(vector), abs=1e-3)
        assert len(kept(image, version).vector) == 2 * D

    @pytest.mark.parametrize(
        "bad",
        [
            np.ones(D + 1),
            np.ones((1, D)),
            np.zeros(D),
            np.full(D, np.nan),
            np.where(np.arange(D) == 3, np.inf, 1.0),
        ],
    )
    def test_one_bad_vector_keeps_all_out(
        self, make_image: MakeImage, version: ModelVersion, bad: np.ndarray[Any, Any]
    ) -> None:
        good, other = make_image("red"), make_image("blue")
        with pytest.raises(BadVector):
            services.embeddings_record(version=version, vectors={good.pk: np.ones(D), other.pk: bad})
        assert not Embedding.objects.exists()

    def test_a_new_vector_takes_the_place_of_the_old_with_a_new_number(
        self, make_image: MakeImage, version: ModelVersion
    ) -> None:
        image = make_image()
        services.embeddings_record(version=version, vectors={image.pk: np.eye(D)[0]})
        first = kept(image, version)
        services.embeddings_record(version=version, vectors={image.pk: np.eye(D)[1]})
        second = kept(image, version)
        assert first.pk == second.pk
        assert second.seq > first.seq
        assert unpack(second.vector, dimension=D)[1] == 1.0

    def test_numbers_are_never_given_twice(self, make_image: MakeImage, version: ModelVersion) -> None:
        images = [make_image(color) for color in ("red", "green", "blue")]
        services.embeddings_record(version=version, vectors={image.pk: np.ones(D) for image in images})
        services.embeddings_touch(image_ids=[images[0].pk])
        services.embeddings_forget(image_ids=[images[1].pk])
        seqs = list(Embedding.objects.values_list("seq", flat=True))
        version.refresh_from_db()
        assert len(set(seqs)) == 3
        assert max(seqs) == version.last_seq

    def test_a_picture_that_was_deleted_meanwhile_leaves_its_tombstone_alone(
        self, make_image: MakeImage, version: ModelVersion
    ) -> None:
        never_embedded, gone, present = make_image("red"), make_image("green"), make_image("blue")
        services.embeddings_record(version=version, vectors={gone.pk: np.ones(D)})
        ids = [never_embedded.pk, gone.pk, present.pk]
        gallery_services.images_delete(images=[never_embedded, gone])
        services.embeddings_record(version=version, vectors=dict.fromkeys(ids, np.ones(D)))
        assert kept(ids[1], version).vector is None
        assert set(Embedding.objects.values_list("image_id", flat=True)) == set(ids[1:])

    def test_more_than_fit_into_one_statement(
        self, make_image: MakeImage, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(services, "CHUNK", 2)
        images = [make_image((shade, 0, 0)) for shade in range(0, 250, 50)]
        services.embeddings_record(version=version, vectors={image.pk: np.ones(D) for image in images})
        services.embeddings_forget(image_ids=[image.pk for image in images[:3]])
        assert Embedding.objects.filter(vector__isnull=True).count() == 3
        assert Embedding.objects.filter(vector__isnull=False).count() == 2


class TestTouchAndForget:
    def test_every_version_hears_of_it(
        self, make_image: MakeImage, version: ModelVersion, encoders: dict[str, Any], settings: Any
    ) -> None:
        image = make_image()
        settings.ENCODER = "other"
        building = versions.model_version_ensure()
        for each in (version, building):
            services.embeddings_record(version=each, vectors={image.pk: np.ones(D)})
        before = [kept(image, each).seq for each in (version, building)]
        services.embeddings_touch(image_ids=[image.pk])
        assert all(kept(image, each).seq > seq for each, seq in zip((version, building), before, strict=True))
        assert all(kept(image, each).vector for each in (version, building))
        services.embeddings_forget(image_ids=[image.pk])
        assert [kept(image, each).vector for each in (version, building)] == [None, None]

    def test_pictures_without_vectors_get_none(self, make_image: MakeImage, version: ModelVersion) -> None:
        image = make_image()
        services.embeddings_touch(image_ids=[image.pk, 404])
        services.embeddings_forget(image_ids=[image.pk, 404])
        assert not Embedding.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_changes_become_visible_in_the_order_of_their_numbers(make_image: MakeImage) -> None:
    """Many writers at once, and a reader that only ever looks past the newest number it has seen: it misses nothing."""
    version = versions.model_version_ensure()
    images = [make_image((shade, shade, 0)) for shade in range(0, 240, 20)]
    seen: set[int] = set()
    problems: list[Exception] = []
    done = threading.Event()

    def write(mine: list[Image]) -> None:
        try:
            for image in mine:
                with transaction.atomic():
                    services.embeddings_record(version=version, vectors={image.pk: np.ones(D)})
                    services.embeddings_touch(image_ids=[image.pk])
        except Exception as error:  # noqa: BLE001  told to the test below
            problems.append(error)
        finally:
            connection.close()

    def read() -> None:
        newest = 0
        try:
            while True:
                last_turn = done.is_set()
                for seq, image_id in (
                    Embedding.objects.filter(seq__gt=newest).order_by("seq").values_list("seq", "image_id")
                ):
                    newest = seq
                    seen.add(image_id)
                if last_turn:
                    return
        finally:
            connection.close()

    writers = [threading.Thread(target=write, args=(images[start::3],)) for start in range(3)]
    reader = threading.Thread(target=read)
    for thread in [reader, *writers]:
        thread.start()
    for thread in writers:
        thread.join()
    done.set()
    reader.join()
    assert problems == []
    assert seen == {image.pk for image in images}


@pytest.mark.django_db(transaction=True)
def test_a_vector_that_arrives_while_its_picture_is_deleted_does_not_outlive_it(make_image: MakeImage) -> None:
    """The deletion is under way when the vector is written: whoever is first, no vector stays behind."""
    version = versions.model_version_ensure()
    image = make_image("red")
    image_id = image.pk
    deleting, writing = threading.Event(), threading.Event()
    problems: list[Exception] = []

    def delete() -> None:
        with transaction.atomic():
            gallery_services.images_delete(images=[image])
            deleting.set()
            writing.wait(timeout=60)
        connection.close()

    def announce(execute: Callable[..., Any], sql: str, *args: Any) -> Any:
        if sql.startswith("UPDATE"):  # about to wait for the deletion
            writing.set()
        return execute(sql, *args)

    def write() -> None:
        deleting.wait(timeout=60)
        if connection.vendor == "sqlite":  # which doesn't even let a second writer begin
            writing.set()
        try:
            with connection.execute_wrapper(announce):
                services.embeddings_record(version=version, vectors={image_id: np.ones(D)})
        except Exception as error:  # noqa: BLE001  told to the test below
            problems.append(error)
        connection.close()

    threads = [threading.Thread(target=work) for work in (delete, write)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert not Image.objects.exists()
    assert not Embedding.objects.filter(vector__isnull=False).exists()


@pytest.mark.django_db(transaction=True)
def test_who_deletes_pictures_waits_for_their_tags_before_their_vectors(make_image: MakeImage) -> None:
    """As who throws some away does: else each would wait for what the other holds."""
    if connection.vendor != "postgresql":
        pytest.skip("SQLite has one writer at a time")
    version = versions.model_version_ensure()
    images = [make_image("red"), make_image("blue")]
    services.embeddings_record(version=version, vectors={image.pk: np.ones(D) for image in images})
    images_tag(owner=images[0].owner, images=Image.objects.all(), names=["Iceland"])
    with transaction.atomic():
        list(Tag.objects.select_for_update())
        deleting = InBackground(lambda: gallery_services.images_delete(images=images[:1]))
        wait_until_blocked(deleting)
        images_trash(images=images[1:])
    assert deleting.join().returned == 1
    assert not Embedding.objects.filter(vector__isnull=False, image_id=images[0].pk).exists()
