"""The configured encoder takes over each time the setting comes to name another; what a hand does then lasts."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gallery.models import Image, Stage
from ml.errors import ModelNotFound
from mmsite import pipeline, worker
from search import selectors, services, versions
from search.models import ModelVersion
from tests.search.conftest import OtherEncoder
from tests.search.lifecycle import D, ThirdEncoder, states

MakeImage = Callable[..., Image]
State = ModelVersion.State


class TestTheSetting:
    def test_the_first_is_active_at_once(self, db: None, encoders: dict[str, Any]) -> None:
        version = versions.model_version_ensure()
        info = encoders["fake"].info
        assert version.state == ModelVersion.State.ACTIVE
        assert (version.key, version.name, version.dimension) == (info.key, "fake", D)
        assert version.weights_hash == info.weights_hash

    def test_ensuring_again_changes_nothing(self, version: ModelVersion) -> None:
        assert versions.model_version_ensure() == version
        assert states() == {"fake": "active"}

    def test_another_is_built_in_the_shadow(
        self, version: ModelVersion, make_image: MakeImage, encoders: dict[str, Any], settings: Any
    ) -> None:
        image = make_image()
        services.embeddings_record(version=version, vectors={image.pk: np.ones(D)})
        settings.ENCODER = "other"
        building = versions.model_version_ensure()
        assert states() == {"fake": "active", "other": "building"}
        assert versions.model_version_activate_when_covered() is None
        services.embeddings_record(version=building, vectors={image.pk: np.ones(D)})
        assert versions.model_version_activate_when_covered() == building
        assert states() == {"fake": "retired", "other": "active"}
        assert versions.model_version_activate_when_covered() is None

    def test_and_flips_back(
        self, version: ModelVersion, make_image: MakeImage, encoders: dict[str, Any], settings: Any
    ) -> None:
        image = make_image()
        services.embeddings_record(version=version, vectors={image.pk: np.ones(D)})
        settings.ENCODER = "other"
        other = versions.model_version_ensure()
        services.embeddings_record(version=other, vectors={image.pk: np.ones(D)})
        versions.model_version_activate_when_covered()
        settings.ENCODER = "fake"
        assert versions.model_version_ensure() == version
        assert versions.model_version_activate_when_covered() == version
        assert states() == {"fake": "active", "other": "retired"}

    def test_one_that_nobody_wants_any_more_is_dropped(
        self, version: ModelVersion, encoders: dict[str, Any], settings: Any
    ) -> None:
        settings.ENCODER = "other"
        versions.model_version_ensure()
        settings.ENCODER = "fake"
        versions.model_version_ensure()
        assert states() == {"fake": "active", "other": "retired"}

    def test_a_missing_encoder_is_said(self, db: None, settings: Any) -> None:
        settings.ENCODER = "nobody/has-this"
        with pytest.raises(ModelNotFound):
            versions.model_version_ensure()
        assert not ModelVersion.objects.exists()

    def test_pictures_that_failed_do_not_hold_a_version_back_for_ever(
        self, version: ModelVersion, make_image: MakeImage, encoders: dict[str, Any], settings: Any
    ) -> None:
        images = [make_image((shade, 0, 0)) for shade in range(0, 200, 10)]
        settings.ENCODER = "other"
        building = versions.model_version_ensure()
        services.embeddings_record(version=building, vectors={image.pk: np.ones(D) for image in images[1:]})
        assert versions.model_version_activate_when_covered() is None
        Stage.objects.update_or_create(
            image=images[0], step="embedding", model=building.key, defaults={"state": Stage.State.FAILED}
        )
        assert selectors.coverage(version=building) == selectors.Coverage(embedded=19, given_up=1, pictures=20)
        assert versions.model_version_activate_when_covered() == building

    def test_a_version_that_fails_on_everything_never_becomes_active(
        self, version: ModelVersion, make_image: MakeImage, encoders: dict[str, Any], settings: Any
    ) -> None:
        image = make_image()
        settings.ENCODER = "other"
        building = versions.model_version_ensure()
        Stage.objects.create(image=image, step="embedding", model=building.key, state=Stage.State.FAILED)
        assert versions.model_version_activate_when_covered() is None
        assert states() == {"fake": "active", "other": "building"}

    def test_both_are_embedded_while_one_is_built(
        self, version: ModelVersion, encoders: dict[str, Any], settings: Any
    ) -> None:
        settings.ENCODER = "other"
        building = versions.model_version_ensure()
        assert selectors.versions_to_embed() == [version, building]

    def test_a_version_whose_model_was_replaced_is_past_embedding(
        self, version: ModelVersion, encoders: dict[str, Any]
    ) -> None:
        encoders["fake"] = OtherEncoder()  # as after an upgrade of the package
        building = versions.model_version_ensure()
        assert building.state == ModelVersion.State.BUILDING
        assert selectors.versions_to_embed() == [building]


class TestTheSettingActsOnce:
    """It has its way each time that it comes to name another model; what a hand does then lasts."""

    def configure(self, name: str, settings: Any) -> None:
        settings.ENCODER = name
        pipeline.sweep()
        worker.work_until_idle()
        pipeline.sweep()

    def test_a_rollback_outlasts_the_sweep(self, library: list[Image], settings: Any) -> None:
        self.configure("other", settings)
        assert states() == {"fake": "retired", "other": "active"}
        versions.model_version_roll_back()
        pipeline.sweep()
        assert states() == {"fake": "active", "other": "retired"}

    def test_so_does_an_activation(self, library: list[Image], other: ModelVersion) -> None:
        versions.model_version_build(version=other)
        worker.work_until_idle()
        versions.model_version_activate(version=other)
        pipeline.sweep()
        assert states() == {"fake": "retired", "other": "active"}

    def test_named_again_after_another_it_acts_again(self, library: list[Image], settings: Any) -> None:
        for name in ("other", "fake", "other"):
            self.configure(name, settings)
            assert states()[name] == "active"

    def test_another_model_of_the_same_name_is_another(self, library: list[Image], encoders: dict[str, Any]) -> None:
        encoders["fake"] = OtherEncoder()
        pipeline.sweep()
        worker.work_until_idle()
        pipeline.sweep()
        assert ModelVersion.objects.get(state=State.ACTIVE).key == OtherEncoder.info.key

    def test_a_build_by_hand_goes_on(self, other: ModelVersion, encoders: dict[str, Any], settings: Any) -> None:
        encoders["third"] = ThirdEncoder()
        versions.model_version_build(version=other)
        settings.ENCODER = "third"
        third = versions.model_version_ensure()
        assert states() == {"fake": "active", "other": "building", "third": "building"}
        assert third.activates_itself
        settings.ENCODER = "fake"
        versions.model_version_ensure()
        assert states() == {"fake": "active", "other": "building", "third": "retired"}

    def test_where_none_is_active_it_becomes_so(self, version: ModelVersion) -> None:
        ModelVersion.objects.update(state=State.RETIRED)
        assert versions.model_version_ensure().state == State.ACTIVE

    def test_a_folder_that_was_moved_is_followed(
        self, version: ModelVersion, encoders: dict[str, Any], settings: Any
    ) -> None:
        encoders["elsewhere"] = encoders["fake"]
        settings.ENCODER = "elsewhere"
        versions.model_version_ensure()
        assert states() == {"elsewhere": "active"}

    def test_nothing_is_written_when_nothing_changed(
        self, version: ModelVersion, django_assert_num_queries: Any
    ) -> None:
        with django_assert_num_queries(2):
            versions.model_version_ensure()

    def test_whether_it_has_been_followed(self, db: None, encoders: dict[str, Any], settings: Any) -> None:
        assert not versions.is_setting_followed()
        versions.model_version_ensure()
        assert versions.is_setting_followed()
        settings.ENCODER = "other"
        assert not versions.is_setting_followed()
        versions.model_version_ensure()
        assert versions.is_setting_followed()
