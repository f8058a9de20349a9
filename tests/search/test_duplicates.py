"""Finding pictures that are nearly the same, while pictures come and go."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.files.storage import default_storage
from PIL import Image as PILImage

from gallery import services
from gallery.models import Image, Stage, User
from gallery.trash import images_trash
from mmsite import pipeline, worker
from search import duplicates, pushing
from search import services as search_services
from search.backends.exceptions import IndexUnavailable
from search.duplicates import compare_some, is_behind, near_duplicates_dismiss, progress_of
from search.likeness import greys_of
from search.live import LiveIndex
from search.models import Look, ModelVersion, NearDuplicate
from tests.search.photographs import EDITS, photograph, take_in

Kind = NearDuplicate.Kind
MORNING = datetime(2024, 5, 1, 9, 0, tzinfo=UTC)
Add = Callable[..., Image]


@pytest.fixture
def add(version: ModelVersion, user: User) -> Add:
    """Takes a picture in, with its renditions and its vector: `add(picture, taken_at=…)`."""

    def add(picture: PILImage.Image, owner: User = user, **facts: Any) -> Image:
        image = take_in(picture, owner, **facts)
        search_services.embeddings_write(version=version, image_ids=[image.pk], pictures=[picture])
        return image

    return add


def compare() -> None:
    while compare_some():
        pass


def pairs() -> dict[tuple[int, int], str]:
    return {(pair.first_id, pair.second_id): pair.kind for pair in NearDuplicate.objects.all()}


def test_a_copy_is_found_and_other_pictures_are_not(add: Add) -> None:
    picture = photograph(0)
    original, other, copy = add(picture), add(photograph(1)), add(EDITS["cut"](picture))
    assert is_behind()
    compare()
    assert not is_behind()
    assert pairs() == {(original.pk, copy.pk): Kind.COPY}
    assert Look.objects.filter(is_compared=True).count() == 3
    assert not other.near_duplicates_after.exists()


def test_the_worker_compares_once_nothing_else_is_due(version: ModelVersion, user: User) -> None:
    original, copy = take_in(photograph(0), user), take_in(photograph(0), user, quality=30)
    worker.work_until_idle()
    assert pairs() == {(original.pk, copy.pk): Kind.COPY}


def test_the_workers_of_models_leave_comparing_to_others(add: Add, settings: Any) -> None:
    add(photograph(0))
    settings.GPU_QUEUE = True
    worker.work_until_idle(steps=pipeline.steps_of("models"))
    assert is_behind()
    worker.work_until_idle(steps=pipeline.steps_of("default"))
    assert not is_behind()


def test_pictures_that_come_later_are_compared_with_those_before(add: Add) -> None:
    picture = photograph(0)
    first = add(picture)
    compare()
    second = add(picture, quality=30)
    compare()
    third = add(EDITS["smaller"](picture))
    compare()
    assert pairs().keys() == {(first.pk, second.pk), (first.pk, third.pk), (second.pk, third.pk)}


def test_nobody_hears_of_the_pictures_of_others(add: Add, other_user: User) -> None:
    add(photograph(0))
    add(photograph(0), owner=other_user, quality=30)
    compare()
    assert pairs() == {}


def test_a_pair_that_is_found_from_both_sides_is_one(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    picture = photograph(0)
    original, copy = add(picture), add(picture, quality=30)
    compare_some()
    monkeypatch.setattr(duplicates, "AT_ONCE", 1)
    assert compare_some() == 1
    assert pairs() == {(original.pk, copy.pk): Kind.COPY}
    compare()
    assert pairs() == {(original.pk, copy.pk): Kind.COPY}


def test_a_deleted_picture_takes_its_pairs_along(add: Add) -> None:
    add(photograph(0))
    copy = add(photograph(0), quality=30)
    compare()
    services.images_delete(images=[copy])
    assert pairs() == {}
    assert Look.objects.count() == 1


def test_a_picture_deleted_while_it_is_compared_is_passed_over(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    original, copy = add(photograph(0)), add(photograph(0), quality=30)
    compare_some()
    find = duplicates._nearest

    def delete_meanwhile(*args: Any) -> Any:
        nearest = find(*args)
        services.images_delete(images=[copy])
        return nearest

    monkeypatch.setattr(duplicates, "_nearest", delete_meanwhile)
    compare()
    assert pairs() == {}
    assert Look.objects.get().image == original


def test_a_picture_without_a_vector_is_compared_once_it_has_one(version: ModelVersion, add: Add, user: User) -> None:
    picture = photograph(0)
    original, copy = add(picture), take_in(picture, user, quality=30)
    compare()
    assert not is_behind()
    assert progress_of(user) == duplicates.Progress(waiting=1, pictures=2)
    search_services.embeddings_write(version=version, image_ids=[copy.pk], pictures=[picture])
    compare()
    assert pairs() == {(original.pk, copy.pk): Kind.COPY}
    assert progress_of(user) is None


def test_a_picture_that_failed_is_not_waited_for(add: Add, user: User) -> None:
    add(photograph(0))
    compare()
    failed = take_in(photograph(1), user)
    assert progress_of(user) == duplicates.Progress(waiting=1, pictures=2)
    Stage.objects.filter(image=failed, step="embedding").update(state=Stage.State.FAILED)
    assert progress_of(user) is None


def test_a_picture_whose_text_failed_is_waited_for(user: User) -> None:
    image = take_in(photograph(0), user)
    Stage.objects.create(image=image, step="text", state=Stage.State.FAILED, priority=Stage.Priority.LATER)
    assert progress_of(user) == duplicates.Progress(waiting=1, pictures=1)


def test_the_progress_is_that_of_ones_own_pictures_outside_the_trash(add: Add, user: User, other_user: User) -> None:
    add(photograph(0), owner=other_user)
    trashed = add(photograph(1))
    assert progress_of(user) == duplicates.Progress(waiting=1, pictures=1)
    images_trash(images=[trashed])
    assert progress_of(user) is None


def test_a_thumbnail_that_is_lost_holds_nobody_up(add: Add, user: User) -> None:
    lost = add(photograph(0))
    default_storage.delete(lost.renditions.get(kind="thumbnail").file.name)
    add(photograph(1))
    compare()
    assert not is_behind()
    assert Look.objects.get(image=lost).greys is None


def test_a_thumbnail_that_is_made_anew_is_looked_at(version: ModelVersion, user: User) -> None:
    original, lost = take_in(photograph(0), user), take_in(photograph(0), user, quality=30)
    default_storage.delete(lost.renditions.get(kind="thumbnail").file.name)
    compare()
    assert Look.objects.get(image=lost).greys is None
    worker.work_until_idle()
    assert pairs() == {(original.pk, lost.pk): Kind.COPY}


def test_a_disk_that_fails_is_waited_for(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add(photograph(0))
    with monkeypatch.context() as failing:

        def fail(rendition: Any) -> None:
            raise PermissionError(13, "Not yours")

        failing.setattr(duplicates, "rendition_pixels", fail)
        assert compare_some() == 0
        assert is_behind()
    compare()
    assert not is_behind()


def test_two_that_get_their_vectors_at_the_last_moment_find_each_other(
    version: ModelVersion, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = photograph(0)
    both = [take_in(picture, user), take_in(picture, user, quality=30)]
    assert compare_some() == 2  # looked at
    find = duplicates._uncompared

    def embed_first(*args: Any) -> Any:
        ids = [image.pk for image in both]
        search_services.embeddings_write(version=version, image_ids=ids, pictures=[picture, picture])
        return find(*args)

    monkeypatch.setattr(duplicates, "_uncompared", embed_first)
    assert compare_some() == 2
    assert pairs() == {(both[0].pk, both[1].pk): Kind.COPY}


def test_only_the_server_that_is_searched_has_to_be_level(
    version: ModelVersion, add: Add, monkeypatch: pytest.MonkeyPatch
) -> None:
    building = ModelVersion.objects.create(
        key="next", name="next", revision="1", weights_hash="", preprocessing="", dimension=64
    )
    lags = {version: 1, building: 0}
    monkeypatch.setattr(pushing, "lags", lambda: lags)
    add(photograph(0))
    compare()
    assert is_behind()
    lags |= {version: 0, building: 1}
    compare()
    assert not is_behind()


def test_an_index_that_is_away_is_waited_for(add: Add, monkeypatch: pytest.MonkeyPatch) -> None:
    add(photograph(0))
    add(photograph(0), quality=30)
    with monkeypatch.context() as away:

        def fail(*args: Any, **kwargs: Any) -> None:
            raise IndexUnavailable("Away.")

        away.setattr(LiveIndex, "search", fail)
        compare()
        assert is_behind()
    compare()
    assert len(pairs()) == 1


def test_no_model_version_nothing_to_compare_with(user: User) -> None:
    take_in(photograph(0), user)
    compare()
    assert Look.objects.filter(is_compared=False).count() == 1
    assert not is_behind()


def test_moments_are_told_by_when_pictures_were_taken(add: Add) -> None:
    first = add(photograph(0), taken_at=MORNING)
    second = add(photograph(1), taken_at=MORNING + timedelta(seconds=2))
    later = add(photograph(0), quality=30, taken_at=MORNING + timedelta(hours=1))
    compare()
    assert pairs() == {(first.pk, second.pk): Kind.SHOT, (first.pk, later.pk): Kind.SHOT}


def test_what_is_dismissed_stays_so(add: Add, user: User, other_user: User) -> None:
    picture = photograph(0)
    both = [add(picture).pk, add(picture, quality=30).pk]
    compare()
    assert near_duplicates_dismiss(owner=other_user, image_ids=both) == []
    assert near_duplicates_dismiss(owner=user, image_ids=both) == [NearDuplicate.objects.get().pk]
    Look.objects.update(is_compared=False)
    compare()
    assert NearDuplicate.objects.get().is_dismissed


def test_a_third_copy_is_asked_about_once(add: Add, user: User) -> None:
    """Not again with each of those that were kept before."""
    picture = photograph(0)
    first, second = add(picture), add(picture, quality=60)
    compare()
    near_duplicates_dismiss(owner=user, image_ids=[first.pk, second.pk])
    third = add(picture, quality=30)
    compare()
    asked = NearDuplicate.objects.filter(is_dismissed=False)
    assert {(pair.first_id, pair.second_id) for pair in asked} == {(first.pk, third.pk), (second.pk, third.pk)}
    near_duplicates_dismiss(owner=user, image_ids=[first.pk, third.pk])
    assert not asked.all().exists()


def test_greys_are_kept_as_they_are(add: Add) -> None:
    picture = photograph(0)
    image = add(picture)
    compare()
    kept = Look.objects.get(image=image).greys
    assert kept is not None
    assert max(abs(a - b) for a, b in zip(bytes(kept), greys_of(picture).tobytes(), strict=True)) < 30
