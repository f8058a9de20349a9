"""What becomes of a version: added, built, activated, rolled back to, removed."""

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.utils import timezone

from gallery import stages
from gallery.models import Image, Stage
from ml.encoders.fake import FakeEncoder
from ml.errors import ModelNotFound
from ml.interfaces import ModelInfo
from mmsite import pipeline, worker
from search import factory, selectors, versions
from search.backends.exceptions import IndexUnavailable
from search.exceptions import VersionRefused, VersionUnknown
from search.models import Embedding, IndexCursor, ModelVersion
from tests.search.lifecycle import D, ThirdEncoder, go_missing, record, states

MakeImage = Callable[..., Image]
State = ModelVersion.State


class TestAdd:
    def test_nothing_is_embedded(self, library: list[Image], other: ModelVersion) -> None:
        assert (other.state, other.name, other.dimension) == (State.ADDED, "other", D)
        pipeline.sweep()
        assert not Stage.objects.filter(model=other.key).exists()
        assert selectors.versions_to_embed() == [ModelVersion.objects.get(name="fake")]

    def test_again_it_is_the_same(self, version: ModelVersion) -> None:
        assert versions.model_version_add(name="fake") == versions.Added(version, is_new=False)
        assert states() == {"fake": "active"}

    def test_a_folder_is_found_from_everywhere(
        self, db: None, encoders: dict[str, Any], tmp_path: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        class FromFolder(FakeEncoder):
            info = ModelInfo("mine", "local", "3" * 64, "average")

        encoders["./mine"] = FromFolder()
        monkeypatch.chdir(tmp_path)
        assert versions.model_version_add(name="./mine").version.name == str(tmp_path / "mine")

    @pytest.mark.parametrize("name", ["nobody/has-this", "", "/nowhere"])
    def test_what_is_not_there(self, db: None, name: str) -> None:
        with pytest.raises(ModelNotFound):
            versions.model_version_add(name=name)
        assert not ModelVersion.objects.exists()

    def test_a_name_that_fits_no_column(self, db: None, encoders: dict[str, Any]) -> None:
        encoders["x" * 256] = encoders["fake"]
        with pytest.raises(VersionRefused, match="too long"):
            versions.model_version_add(name="x" * 256)


class TestBuild:
    def test_the_work_starts_at_once_as_a_backfill(self, library: list[Image], other: ModelVersion) -> None:
        from django_q.models import OrmQ

        OrmQ.objects.all().delete()
        versions.model_version_build(version=other)
        assert Stage.objects.filter(model=other.key, state="pending", priority=Stage.Priority.BACKFILL).count() == 3
        assert OrmQ.objects.count() == 1

    def test_people_come_first(self, library: list[Image], other: ModelVersion, make_image: MakeImage) -> None:
        versions.model_version_build(version=other)
        new = make_image("yellow")
        assert {stage.image_id for stage in stages.claim(worker="ada", limit=16)} == {new.pk}

    def test_it_goes_on_after_a_stop(self, library: list[Image], other: ModelVersion, settings: Any) -> None:
        settings.STAGE_BATCH = 1
        versions.model_version_build(version=other)
        worker.work_batch()
        assert selectors.coverage(version=other).embedded == 1
        first = Embedding.objects.get(model_version=other)
        versions.model_version_build(version=other)
        worker.work_until_idle()
        assert selectors.coverage(version=other).embedded == 3
        assert Embedding.objects.get(pk=first.pk).seq == first.seq, "nothing is done twice"

    def test_it_does_not_take_over_unless_asked_to(self, library: list[Image], other: ModelVersion) -> None:
        versions.model_version_build(version=other)
        worker.work_until_idle()
        pipeline.sweep()
        assert states() == {"fake": "active", "other": "building"}
        versions.model_version_build(version=other, activates_itself=True)
        pipeline.sweep()
        assert states() == {"fake": "retired", "other": "active"}

    def test_again_without_asking_it_still_takes_over(self, library: list[Image], other: ModelVersion) -> None:
        versions.model_version_build(version=other, activates_itself=True)
        assert versions.model_version_build(version=other).activates_itself

    def test_one_at_most_takes_over(self, other: ModelVersion, encoders: dict[str, Any]) -> None:
        encoders["third"] = ThirdEncoder()
        third = versions.model_version_add(name="third").version
        for each in (other, third):
            versions.model_version_build(version=each, activates_itself=True)
        assert list(ModelVersion.objects.filter(activates_itself=True)) == [third]
        assert states() == {"fake": "active", "other": "building", "third": "building"}

    def test_the_active_one_is_refused(self, version: ModelVersion) -> None:
        with pytest.raises(VersionRefused, match="use fake@1-000000000000 already"):
            versions.model_version_build(version=version)

    def test_one_whose_model_is_gone_is_refused(self, other: ModelVersion, encoders: dict[str, Any]) -> None:
        go_missing(encoders, "other")
        with pytest.raises(VersionRefused, match="can't be used on this machine: other is not on this machine"):
            versions.model_version_build(version=other)
        assert states()["other"] == "added"

    def test_a_model_that_vanishes_before_the_end_does_not_take_over(
        self, library: list[Image], other: ModelVersion, encoders: dict[str, Any], caplog: Any
    ) -> None:
        versions.model_version_build(version=other, activates_itself=True)
        worker.work_until_idle()
        go_missing(encoders, "other")
        assert versions.model_version_activate_when_covered() is None
        assert states() == {"fake": "active", "other": "building"}
        assert "does not take over" in caplog.text


class TestActivate:
    def test_when_it_is_covered(self, library: list[Image], other: ModelVersion) -> None:
        record(other, library)
        before = timezone.now()
        active = versions.model_version_activate(version=other)
        assert states() == {"fake": "retired", "other": "active"}
        assert active.activated_at is not None
        assert active.activated_at >= before

    def test_below_that_it_is_refused_with_numbers(self, library: list[Image], other: ModelVersion) -> None:
        record(other, library[:2])
        with pytest.raises(VersionRefused, match=r"the vectors of 2 of 3 pictures\. Build it first, or force it"):
            versions.model_version_activate(version=other)
        versions.model_version_build(version=other)
        other.refresh_from_db()
        with pytest.raises(VersionRefused, match="Wait until it is built"):
            versions.model_version_activate(version=other)
        assert states() == {"fake": "active", "other": "building"}

    def test_unless_it_is_forced_and_then_the_rest_follows(self, library: list[Image], other: ModelVersion) -> None:
        record(other, library[:1])
        versions.model_version_activate(version=other, force=True)
        assert states() == {"fake": "retired", "other": "active"}
        worker.work_until_idle()
        assert selectors.coverage(version=other).is_complete

    def test_without_its_model_it_is_refused_forced_or_not(
        self, library: list[Image], other: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        record(other, library)
        go_missing(encoders, "other")
        for force in (False, True):
            with pytest.raises(VersionRefused, match="can't be used on this machine"):
                versions.model_version_activate(version=other, force=force)
        assert states() == {"fake": "active", "other": "added"}

    def test_another_model_of_that_name_will_not_do(
        self, library: list[Image], other: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        record(other, library)
        encoders["other"] = FakeEncoder()
        with pytest.raises(VersionRefused, match="these vectors were made by other@2"):
            versions.model_version_activate(version=other, force=True)

    def test_the_active_one_is_refused(self, version: ModelVersion) -> None:
        with pytest.raises(VersionRefused, match="already"):
            versions.model_version_activate(version=version)

    def test_what_was_to_take_over_does_not_any_more(
        self, library: list[Image], other: ModelVersion, encoders: dict[str, Any], settings: Any
    ) -> None:
        encoders["third"] = ThirdEncoder()
        settings.ENCODER = "third"
        versions.model_version_ensure()
        record(other, library)
        versions.model_version_activate(version=other)
        worker.work_until_idle()
        pipeline.sweep()
        assert states() == {"fake": "retired", "other": "active", "third": "building"}

    def test_a_server_must_have_the_vectors_too(
        self, library: list[Image], other: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        versions.model_version_build(version=other, activates_itself=True)
        worker.work_until_idle()
        other.refresh_from_db()
        monkeypatch.setattr(factory, "is_shared", lambda: True)
        assert versions.model_version_activate_when_covered() is None
        with pytest.raises(VersionRefused, match=r"server lacks 3 changes of version other@2.*\. Wait until"):
            versions.model_version_activate(version=other)
        IndexCursor.objects.create(model_version=other, location="a server", seq=other.last_seq)
        assert versions.model_version_activate_when_covered() == other

    def test_one_that_was_removed_meanwhile(self, library: list[Image], other: ModelVersion) -> None:
        ModelVersion.objects.filter(pk=other.pk).delete()
        with pytest.raises(VersionUnknown, match="removed meanwhile"):
            versions.model_version_activate(version=other, force=True)
        assert states() == {"fake": "active"}


class TestRollBack:
    def test_to_and_fro(self, library: list[Image], other: ModelVersion) -> None:
        record(other, library)
        versions.model_version_activate(version=other)
        for name in ("fake", "other", "fake"):
            assert versions.model_version_roll_back().name == name
            assert states()[name] == "active"
            assert Counter(states().values()) == {"active": 1, "retired": 1}

    def test_pictures_that_came_since_are_embedded_after(
        self, library: list[Image], other: ModelVersion, version: ModelVersion, make_image: MakeImage
    ) -> None:
        record(other, library)
        versions.model_version_activate(version=other)
        make_image("yellow")
        worker.work_until_idle()
        versions.model_version_roll_back()
        assert selectors.coverage(version=version) == selectors.Coverage(embedded=3, given_up=0, pictures=4)
        worker.work_until_idle()
        assert selectors.coverage(version=version).is_complete

    def test_with_nowhere_to_go_it_is_refused(self, library: list[Image], other: ModelVersion) -> None:
        record(other, library)  # but searches never used it
        with pytest.raises(VersionRefused, match="nothing to roll back to"):
            versions.model_version_roll_back()
        assert states() == {"fake": "active", "other": "added"}

    def test_without_its_model_it_is_refused(
        self, library: list[Image], other: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        record(other, library)
        versions.model_version_activate(version=other)
        go_missing(encoders, "fake")
        with pytest.raises(VersionRefused, match="can't be used on this machine"):
            versions.model_version_roll_back()
        assert states() == {"fake": "retired", "other": "active"}


class TestRemove:
    @pytest.fixture
    def built(self, library: list[Image], other: ModelVersion) -> ModelVersion:
        versions.model_version_build(version=other)
        worker.work_until_idle()
        other.refresh_from_db()
        return other

    def test_its_vectors_and_its_work_go_the_others_stay(
        self, built: ModelVersion, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(versions, "DELETED_AT_ONCE", 2)
        versions.model_version_remove(version=built)
        assert states() == {"fake": "active"}
        assert Embedding.objects.filter(model_version=version).count() == Embedding.objects.count() == 3
        assert not Stage.objects.filter(model=built.key).exists()
        assert Stage.objects.filter(model=version.key).count() == 3

    def test_added_again_it_can_be_built_again(self, built: ModelVersion) -> None:
        versions.model_version_remove(version=built)
        again = versions.model_version_add(name="other").version
        versions.model_version_build(version=again)
        worker.work_until_idle()
        assert selectors.coverage(version=again).is_complete

    def test_a_build_stops(self, library: list[Image], other: ModelVersion) -> None:
        versions.model_version_build(version=other)
        versions.model_version_remove(version=other)
        worker.work_until_idle()
        pipeline.sweep()
        assert states() == {"fake": "active"}
        assert not Stage.objects.filter(model=other.key).exists()

    def test_the_active_one_is_refused(self, library: list[Image], version: ModelVersion) -> None:
        with pytest.raises(VersionRefused, match="activate another version before"):
            versions.model_version_remove(version=version)
        assert Embedding.objects.count() == 3

    def test_what_the_setting_names_is_refused(self, built: ModelVersion, settings: Any) -> None:
        """The next sweep would build it again and let it take over."""
        settings.ENCODER = "other"
        versions.model_version_ensure()
        versions.model_version_activate_when_covered()
        versions.model_version_roll_back()
        other = versions.version_named("other")
        with pytest.raises(VersionRefused, match="MMSITE_ENCODER names other@2"):
            versions.model_version_remove(version=other)
        settings.ENCODER = "fake"
        versions.model_version_ensure()
        versions.model_version_remove(version=other)
        assert states() == {"fake": "active"}

    def test_interrupted_it_goes_on(self, built: ModelVersion, monkeypatch: pytest.MonkeyPatch) -> None:
        def interrupt(*_: Any) -> None:
            raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(versions, "_drop_index", interrupt)
            with pytest.raises(KeyboardInterrupt):
                versions.model_version_remove(version=built)
        assert states()["other"] == "retired"
        versions.model_version_remove(version=built)
        assert states() == {"fake": "active"}

    @pytest.mark.parametrize("activate", [True, False])
    def test_one_that_is_taken_up_again_meanwhile_stays(
        self, built: ModelVersion, monkeypatch: pytest.MonkeyPatch, activate: bool
    ) -> None:
        def take_up_again(version: ModelVersion) -> None:
            version.refresh_from_db()
            if activate:
                versions.model_version_activate(version=version, force=True)
            else:
                versions.model_version_build(version=version)

        monkeypatch.setattr(versions, "_drop_index", take_up_again)
        with pytest.raises(VersionRefused, match="taken up again"):
            versions.model_version_remove(version=built)
        assert states()["other"] == ("active" if activate else "building")

    def test_a_server_that_does_not_answer_keeps_its_points_and_nothing_else(
        self, built: ModelVersion, monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        class Away:
            def drop(self) -> None:
                raise IndexUnavailable("The server is away.")

        monkeypatch.setattr(factory, "is_shared", lambda: True)
        monkeypatch.setattr(factory, "create", lambda version: Away())
        versions.model_version_remove(version=built)
        assert states() == {"fake": "active"}
        assert "stays on the server" in caplog.text

    def test_a_vector_that_comes_too_late_finds_no_version(self, built: ModelVersion, library: list[Image]) -> None:
        versions.model_version_remove(version=built)
        with pytest.raises(VersionUnknown):
            record(built, library)
        assert not Embedding.objects.filter(model_version_id=built.pk).exists()


@pytest.mark.django_db(transaction=True)
def test_whoever_activates_at_the_same_time_one_is_active_in_the_end(
    make_image: MakeImage, encoders: dict[str, Any]
) -> None:
    encoders["third"] = ThirdEncoder()
    fake = versions.model_version_ensure()
    others = [versions.model_version_add(name=name).version for name in ("other", "third")]
    images = [make_image("red")]
    for each in (fake, *others):
        record(each, images)
    together = threading.Barrier(2)
    problems: list[Exception] = []

    def activate(version: ModelVersion) -> None:
        try:
            for _ in range(5):
                together.wait(timeout=60)
                versions.model_version_activate(version=version)
                versions.model_version_ensure()
        except Exception as error:  # noqa: BLE001  told to the test below
            problems.append(error)
            together.abort()
        finally:
            connection.close()

    threads = [threading.Thread(target=activate, args=(version,)) for version in others]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert problems == []
    assert Counter(states().values()) == {"active": 1, "retired": 2}
