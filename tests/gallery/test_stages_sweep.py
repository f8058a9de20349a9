"""The queue of work: what the sweep puts right."""

import pytest
from django.conf import settings as django_settings

from gallery import stages
from gallery.models import Stage, User
from gallery.pipeline import Step
from gallery.selectors import image_work
from tests.gallery.queueing import BACKFILL, LATER, STEPS, add_work, claim, kill, on_request, over, states, todays_steps

pytestmark = pytest.mark.usefixtures("queue")


def test_the_sweep_opens_and_revives_a_later_step_as_such(user: User) -> None:
    add_work(user, pictures=2)
    text = Step("text", "reader", later=True)
    for report in ("opened", "skipped", "revived"):
        todays_steps[:] = STEPS if report == "skipped" else [*STEPS, text]
        assert getattr(stages.sweep(), report) == 2
        assert set(Stage.objects.filter(step="text").values_list("priority", flat=True)) == {LATER}


def test_the_sweep_opens_what_a_new_model_needs_as_backfill(user: User) -> None:
    images = add_work(user, pictures=3)
    stages.finish(claim())
    todays_steps.append(Step("embedding", "new@1"))
    report = stages.sweep()
    assert report.opened == 3
    assert {stage.image for stage in claim()} == set(images)
    assert set(Stage.objects.filter(model="new@1").values_list("priority", flat=True)) == {BACKFILL}
    assert stages.sweep().opened == 0


def test_the_sweep_drops_what_a_replaced_model_had_to_do_and_revives_it_when_it_returns(user: User) -> None:
    add_work(user, pictures=2)
    todays_steps[:] = [Step("renditions"), Step("caption", "better")]
    assert stages.sweep().skipped == 4
    assert states(model="fake") == {"skipped": 2}
    todays_steps[:] = STEPS
    assert stages.sweep().revived == 4
    assert states(model="fake") == {"pending": 2}


def test_the_sweep_fails_what_has_no_attempts_left(user: User) -> None:
    todays_steps[:] = [Step("renditions")]
    add_work(user)
    for _ in range(django_settings.STAGE_ATTEMPTS):
        kill(claim())
    report = stages.sweep()
    assert (report.failed, report.expired) == (1, 0)
    assert states() == {"failed": 1}


def test_what_somebody_asked_for_is_neither_dropped_nor_opened_for_all(user: User) -> None:
    first, second = add_work(user, pictures=2)
    on_request.append(Step("caption", "other"))
    assert stages.requeue(image_ids=[first.pk], step="caption", model="other", priority=BACKFILL) == 1
    report = stages.sweep()
    assert (report.skipped, report.opened) == (0, 0)
    assert set(Stage.objects.filter(model="other").values_list("image", "state")) == {(first.pk, "pending")}
    on_request.clear()
    assert stages.sweep().skipped == 1, "it can't be asked for any more"
    on_request.append(Step("caption", "other"))
    assert stages.sweep().revived == 0, "nobody asked again"
    assert not second.stages.filter(model="other").exists()


def test_a_picture_is_ready_before_and_after_what_somebody_asked_for(user: User) -> None:
    (image,) = add_work(user)
    on_request.append(Step("caption", "other"))
    stages.requeue(image_ids=[image.pk], step="caption", model="other", priority=BACKFILL)
    stages.finish(claim())
    assert over == [[image.pk]], "told once, though it is still asked for"
    work = image_work(image)
    assert (work.state, work.is_open, [stage.model for stage in work.asked]) == ("ready", True, ["other"])
    stages.finish(claim())
    assert over == [[image.pk]]
    assert not image_work(image).is_open


def test_what_another_one_did_on_request_is_not_what_the_picture_waits_for(user: User) -> None:
    (image,) = add_work(user)
    on_request.append(Step("caption", "other"))
    stages.requeue(image_ids=[image.pk], step="caption", model="other", priority=BACKFILL)
    Stage.objects.filter(model="other").update(state="done")
    assert {step.name: step.state for step in image_work(image).steps}["caption"] == "pending"
    on_request[:] = [Step("caption", "fake")]
    todays_steps[:] = [Step("caption", "better")]
    Stage.objects.filter(model="fake").update(state="done")
    stages.sweep()
    assert image_work(image).state == "ready", "what was today's model once has done it"
