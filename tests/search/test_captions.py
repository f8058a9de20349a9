"""What people say of pictures gets vectors of its own, and loses them when nobody says it any more."""

from collections.abc import Callable, Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import OrmQ

from captioning import services as captioning_services
from gallery import services as gallery_services
from gallery.models import Image, User, Visibility
from ml.encoders.fake import FakeEncoder
from ml.interfaces import Embeddings
from mmsite import pipeline, worker
from mmsite.checkup import check_index
from search import captions, index, services, versions
from search.backends.base import Match
from search.changes import OWNER, VISIBILITY
from search.models import CaptionEmbedding, ModelVersion
from search.query.answer import search_images
from search.services import EmbeddedCaption
from search.vectors import unpack
from tests.search.conftest import OtherEncoder
from tests.search.lifecycle import go_missing, record, states

MakeImage = Callable[..., Image]

pytestmark = pytest.mark.usefixtures("version")


@pytest.fixture
def say(user: User) -> Callable[[Image, str], None]:
    """Has a person say something of a picture."""

    def say(image: Image, text: str) -> None:
        captioning_services.caption_write_by_person(image_id=image.pk, author=user, text=text)

    return say


@pytest.fixture
def said(make_image: MakeImage, say: Any) -> Image:
    """A picture of which a person said "a blue boat", which is embedded."""
    image = make_image("red")
    say(image, "a blue boat")
    embed_all()
    return image


def embed_all() -> None:
    while captions.embed_due():
        pass


def kept() -> dict[int, str]:
    """The captions that have a vector."""
    return dict(CaptionEmbedding.objects.filter(vector__isnull=False).values_list("image_id", "text"))


def found(where: Any = None) -> list[int]:
    """The pictures that an index of captions finds by "blue"."""
    indexes = index.get_indexes()
    assert indexes is not None
    (vector,) = FakeEncoder().encode_texts(["blue"])
    return [hit.key for hit in indexes.captions.search(vector, limit=10, where=where).hits]


class TestDue:
    def test_what_a_person_says_is_embedded_as_the_encoder_has_it(self, said: Image) -> None:
        vector = unpack(CaptionEmbedding.objects.get().vector, dimension=64)
        (expected,) = FakeEncoder().encode_texts(["a blue boat"])
        assert vector == pytest.approx(expected, abs=1e-3)
        assert not captions.any_due()

    def test_what_a_model_says_is_not(self, make_image: MakeImage) -> None:
        image = make_image()
        gallery_services.image_describe(image_id=image.pk, text="a boat", unsure=False, by_person=False)
        assert not captions.any_due()
        captions.look_again()
        embed_all()
        assert not CaptionEmbedding.objects.exists()

    def test_an_edit_is_embedded_anew(self, said: Image, say: Any) -> None:
        before = CaptionEmbedding.objects.get().seq
        say(said, "a green boat")
        assert captions.any_due()
        embed_all()
        assert kept() == {said.pk: "a green boat"}
        assert CaptionEmbedding.objects.get().seq > before

    def test_what_nobody_says_any_more_is_forgotten(self, said: Image) -> None:
        gallery_services.image_describe(image_id=said.pk, text="a mast", unsure=False, by_person=False)
        assert captions.any_due()
        embed_all()
        assert list(CaptionEmbedding.objects.values_list("vector", "text")) == [(None, "")]
        assert not captions.any_due()

    def test_a_picture_that_vanished_without_a_tombstone_gets_one(self, said: Image) -> None:
        Image.objects.filter(pk=said.pk).delete()
        captions.look_again()
        embed_all()
        assert list(CaptionEmbedding.objects.values_list("vector", "text")) == [(None, "")]

    def test_many_are_embedded_piece_by_piece(
        self, make_image: MakeImage, say: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(captions, "BATCH", 2)
        for shade in range(3):
            say(make_image((shade * 80, 0, 0)), f"number {shade}")
        assert [captions.embed_due() for _ in range(3)] == [2, 1, 0]
        assert sorted(kept().values()) == ["number 0", "number 1", "number 2"]


class TestRecord:
    def test_a_late_worker_does_not_put_an_old_text_over_a_new_one(self, said: Image, version: ModelVersion) -> None:
        services.captions_record(version=version, captions={said.pk: EmbeddedCaption("before", bytes(128))})
        services.captions_record(version=version, captions={said.pk: EmbeddedCaption("", None)})
        assert kept() == {said.pk: "a blue boat"}

    def test_a_picture_deleted_meanwhile_stays_a_tombstone(self, said: Image, version: ModelVersion) -> None:
        late = {said.pk: EmbeddedCaption("a blue boat", bytes(128))}
        gallery_services.images_delete(images=[said])
        services.captions_record(version=version, captions=late)
        (tombstone,) = CaptionEmbedding.objects.all()
        assert (tombstone.vector, tombstone.text) == (None, ""), "nor does its text outlive it"


class TestTrouble:
    def test_a_missing_model_keeps_captions_waiting_and_is_told(
        self, make_image: MakeImage, say: Any, encoders: dict[str, Any], caplog: Any
    ) -> None:
        say(make_image(), "a boat")
        go_missing(encoders, "fake")
        assert captions.embed_due() == 0
        assert "fake is not on this machine" in caplog.text
        assert captions.any_due()

    def test_a_text_that_the_encoder_fails_on_stops_no_other(
        self, make_image: MakeImage, say: Any, encoders: dict[str, Any], caplog: Any
    ) -> None:
        class FailsOnBoats(FakeEncoder):
            def encode_texts(self, texts: Sequence[str]) -> Embeddings:
                if any("boat" in text for text in texts):
                    raise ValueError("no boats, please")
                return super().encode_texts(texts)

        encoders["fake"] = FailsOnBoats()
        boat, car = make_image("red"), make_image("blue")
        say(boat, "a boat")
        say(car, "a car")
        embed_all()
        assert kept() == {car.pk: "a car"}
        assert "no boats, please" in caplog.text
        assert not captions.any_due(), "it would fail again"
        say(boat, "a ship")
        captions.embed_due()
        assert kept()[boat.pk] == "a ship"

    def test_nor_does_it_keep_a_version_from_taking_over(
        self, said: Image, other: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        class FailsOnBoats(OtherEncoder):
            def encode_texts(self, texts: Sequence[str]) -> Embeddings:
                assert "a blue boat" not in texts
                return super().encode_texts(texts)

        encoders["other"] = FailsOnBoats()
        versions.model_version_build(version=other, activates_itself=True)
        record(other, [said])
        captions.look_again()
        embed_all()
        versions.model_version_activate_when_covered()
        assert states() == {"fake": "retired", "other": "active"}

    def test_captions_wait_for_an_encoder_that_fails_on_any_text(
        self, make_image: MakeImage, say: Any, encoders: dict[str, Any], caplog: Any
    ) -> None:
        class Fails(FakeEncoder):
            def encode_texts(self, texts: Sequence[str]) -> Embeddings:
                raise ValueError("out of memory")

        working, encoders["fake"] = encoders["fake"], Fails()
        for color in ("red", "blue"):
            say(make_image(color), f"a {color} boat")
        assert captions.embed_due() == 0
        assert captions.any_due()
        assert caplog.text.count("fails on any text") == 1
        encoders["fake"] = working
        assert captions.embed_due() == 2


class TestIndex:
    def test_it_follows(self, said: Image, say: Any, make_image: MakeImage) -> None:
        assert found() == [said.pk]
        other = make_image("green")
        say(other, "a red boat")
        captions.embed_due()
        assert found() == [said.pk, other.pk]
        gallery_services.images_delete(images=[said])
        assert found() == [other.pk]

    def test_a_table_that_went_back_in_time_is_followed(
        self, said: Image, say: Any, make_image: MakeImage, version: ModelVersion
    ) -> None:
        """As after restoring yesterday's backup below a running process."""
        before = ModelVersion.objects.get().last_seq
        later = make_image("green")
        say(later, "a blue car")
        embed_all()
        assert set(found()) == {said.pk, later.pk}
        CaptionEmbedding.objects.filter(seq__gt=before).delete()
        ModelVersion.objects.update(last_seq=before)
        assert found() == [said.pk]

    def test_a_search_asks_the_database_nothing_more(self, library: list[Image], user: User, say: Any) -> None:
        def statements() -> int:
            search_images(viewer=user, query="a boat")
            with CaptureQueriesContext(connection) as captured:
                search_images(viewer=user, query="a boat")
            return len(captured)

        before = statements()
        for image in library:
            say(image, "a blue boat")
        embed_all()
        assert statements() == before

    def test_it_filters_by_owner_and_visibility(self, said: Image, other_user: User) -> None:
        public = Match(VISIBILITY, ("public",))
        assert found(Match(OWNER, (other_user.pk,))) == found(public) == []
        gallery_services.image_set_visibility(image=said, visibility=Visibility.PUBLIC)
        assert found(public) == [said.pk]

    def test_its_snapshot_spares_reading_the_table(self, said: Image, version: ModelVersion) -> None:
        assert found() == [said.pk]
        assert index.save_snapshots_if_due()
        index.reset()
        CaptionEmbedding.objects.update(seq=0, vector=bytes(128))  # so that only the snapshot knows the right one
        assert found() == [said.pk]

    def test_there_is_no_snapshot_of_nothing(self, version: ModelVersion, settings: Any) -> None:
        index.save_snapshots_if_due()
        assert not settings.INDEX_DIR.exists()

    def test_it_stays_in_the_process_where_pictures_are_on_a_server(self, on_qdrant: None, said: Image) -> None:
        assert found() == [said.pk]


class TestWork:
    def test_an_edit_wakes_the_worker_who_embeds_it(
        self, library: list[Image], say: Any, django_capture_on_commit_callbacks: Any
    ) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            say(library[0], "a boat")
        assert OrmQ.objects.count() == 1
        worker.work_until_idle()
        assert kept() == {library[0].pk: "a boat"}

    def test_it_is_done_while_pictures_keep_the_worker_busy(
        self, make_image: MakeImage, say: Any, settings: Any
    ) -> None:
        settings.WORK_SLICE_SECONDS = 0
        image = make_image()
        say(image, "a boat")
        worker.work_until_idle()
        assert kept() == {image.pk: "a boat"}

    def test_the_sweep_finds_what_nobody_was_told_of(self, library: list[Image]) -> None:
        Image.objects.filter(pk=library[0].pk).update(description="a boat", description_by_person=True)
        pipeline.sweep()
        assert OrmQ.objects.count() == 1

    def test_the_doctor_says_that_some_wait(self, library: list[Image], say: Any) -> None:
        say(library[0], "a boat")
        assert "captions by people wait" in check_index().sentence
        embed_all()
        assert "captions by people wait" not in check_index().sentence

    def test_only_those_who_embed_are_woken(self, library: list[Image], say: Any, settings: Any) -> None:
        settings.GPU_QUEUE = True
        say(library[0], "a boat")
        worker.work_until_idle(steps=pipeline.steps_of("default"))
        assert kept() == {}
        worker.work_until_idle(steps=pipeline.steps_of("models"))
        assert kept() == {library[0].pk: "a boat"}


class TestVersions:
    def test_one_that_is_being_built_takes_over_with_its_captions(
        self, said: Image, version: ModelVersion, other: ModelVersion
    ) -> None:
        versions.model_version_build(version=other, activates_itself=True)
        record(other, [said])
        captions.look_again()
        versions.model_version_activate_when_covered()
        assert states() == {"fake": "active", "other": "building"}
        embed_all()
        versions.model_version_activate_when_covered()
        assert states() == {"fake": "retired", "other": "active"}
        assert found() == [said.pk]

    def test_removed_they_are_gone(self, said: Image, version: ModelVersion, other: ModelVersion) -> None:
        versions.model_version_build(version=other)
        captions.look_again()
        embed_all()
        assert CaptionEmbedding.objects.count() == 2
        versions.model_version_remove(version=other)
        assert CaptionEmbedding.objects.get().model_version == version
