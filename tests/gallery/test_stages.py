"""The queue of work: what becomes of a stage."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gallery import stages
from gallery.models import Stage, User
from gallery.pipeline import Step
from tests.gallery.queueing import (
    BACKFILL,
    INTERACTIVE,
    LATER,
    STEPS,
    add_work,
    claim,
    let_time_pass,
    over,
    states,
    todays_steps,
    wakes,
)

pytestmark = pytest.mark.usefixtures("queue")


def test_each_picture_gets_one_stage_for_each_step_however_often_it_is_asked(user: User) -> None:
    images = add_work(user, pictures=2)
    stages.open_for(images=images, priority=BACKFILL)
    assert Counter(Stage.objects.values_list("step", "model")) == {(step.name, step.model): 2 for step in STEPS}


def test_finished_work_is_done_and_stays_so(user: User) -> None:
    add_work(user)
    assert stages.finish(claim()) == 3
    assert states() == {"done": 3}
    assert Stage.objects.filter(finished_at=None).count() == 0
    assert claim() == []


def test_a_failed_attempt_is_repeated_later_each_time_and_then_no_more(user: User, settings: Any) -> None:
    todays_steps[:] = [Step("renditions")]
    add_work(user)
    waits = []
    for attempt in (1, 2):
        (stage,) = claim()
        stages.fail(stage, f"attempt {attempt}")
        assert claim() == [], "not at once"
        stage.refresh_from_db()
        assert (stage.state, stage.error) == ("pending", f"attempt {attempt}")
        waits.append(stage.due_at - timezone.now())
        let_time_pass()
    assert timedelta(0) < waits[0] * 2 < waits[1]
    stages.fail(claim()[0], "attempt 3")
    stage.refresh_from_db()
    assert (stage.state, stage.error, stage.attempts) == ("failed", "attempt 3", 3)


def test_what_cannot_be_helped_fails_at_once(user: User) -> None:
    add_work(user)
    stages.fail(claim()[0], "This is no picture.", retryable=False)
    assert Stage.objects.get(state="failed").error == "This is no picture."


def test_postponed_work_says_why_and_does_not_use_up_its_attempts(user: User) -> None:
    add_work(user)
    for _ in range(5):
        stages.postpone(claim(), "The model is not here.", delay=60)
        assert claim() == []
        let_time_pass()
    assert set(Stage.objects.values_list("state", "error", "attempts")) == {("pending", "The model is not here.", 0)}


def test_work_that_waits_for_the_same_model_is_postponed_too(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stages, "POSTPONED_AT_ONCE", 2)
    add_work(user, pictures=4)
    running = stages.claim(worker="ada", limit=1, steps=["caption"])
    stages.postpone_due(step="caption", model="fake", error="The model is not here.", delay=60)
    later = Stage.objects.filter(due_at__gt=timezone.now())
    assert set(later.values_list("step", "state", "error", "attempts")) == {
        ("caption", "pending", "The model is not here.", 0)
    }
    assert later.count() == 2
    assert stages.finish(running) == 1


def test_released_work_is_as_it_was(user: User) -> None:
    add_work(user)
    before = list(Stage.objects.order_by("pk").values())
    stages.release(claim())
    assert list(Stage.objects.order_by("pk").values()) == before


def test_retry_gives_what_failed_a_new_life(user: User, django_capture_on_commit_callbacks: Any) -> None:
    image, other = add_work(user, pictures=2)
    for stage in claim():
        stages.fail(stage, "No.", retryable=False)
    with django_capture_on_commit_callbacks(execute=True):
        assert stages.retry(image=image) == 3
    assert wakes
    assert states(image=image, attempts=0, error="") == {"pending": 3}
    assert states(image=other) == {"failed": 3}
    assert stages.retry_all(step="caption") == 1
    assert {stage.image for stage in claim()} == {image}, "before the backfill"


def test_requeue_does_a_step_again_by_todays_model(user: User) -> None:
    image, other = add_work(user, pictures=2)
    stages.finish(claim())
    assert stages.requeue(image_ids=[image.pk], step="caption", priority=BACKFILL) == 1
    assert states(image=image, step="caption", model="fake") == {"pending": 1}
    todays_steps[1] = Step("caption", "better")
    assert stages.requeue(image_ids=[image.pk, other.pk], step="caption", priority=BACKFILL) == 2
    assert states(model="better") == {"pending": 2}


def test_a_later_step_stays_so_whoever_asks_for_it_again(user: User) -> None:
    todays_steps.append(Step("text", "reader", later=True))
    (image,) = add_work(user)
    for stage in [*claim(), *claim()]:
        stages.fail(stage, "No.", retryable=False)

    def priorities() -> dict[str, int]:
        return dict(Stage.objects.filter(state="pending").values_list("step", "priority"))

    assert stages.retry(image=image) == 4
    assert priorities() == {"renditions": INTERACTIVE, "caption": INTERACTIVE, "embedding": INTERACTIVE, "text": LATER}
    assert stages.requeue(image_ids=[image.pk], step="text", priority=BACKFILL) == 1
    assert priorities()["text"] == LATER


def test_requeue_leaves_alone_what_runs(user: User) -> None:
    (image,) = add_work(user)
    claimed = claim()
    assert stages.requeue(image_ids=[image.pk], step="caption", priority=BACKFILL) == 0
    assert stages.finish(claimed) == 3


def test_work_is_stalled_when_it_is_due_and_nobody_moves(user: User) -> None:
    assert not stages.stalled(for_seconds=60), "nothing to do"
    add_work(user)
    assert not stages.stalled(for_seconds=60), "not for long"
    Stage.objects.update(due_at=timezone.now() - timedelta(minutes=5))
    assert stages.stalled(for_seconds=60)

    claimed = claim()
    assert not stages.stalled(for_seconds=60), "somebody works"
    stages.finish(claimed[:1])
    stages.release(claimed[1:])
    assert not stages.stalled(for_seconds=60), "something was finished just now"
    Stage.objects.filter(state="done").update(finished_at=timezone.now() - timedelta(minutes=5))
    assert stages.stalled(for_seconds=60)


def test_a_claim_that_ran_out_long_ago_is_a_stall_too(user: User) -> None:
    add_work(user)
    claimed = claim()
    Stage.objects.filter(pk__in=[stage.pk for stage in claimed]).update(
        claimed_until=timezone.now() - timedelta(minutes=5)
    )
    assert stages.any_due()
    assert stages.stalled(for_seconds=60)


def test_postponed_work_is_no_stall(user: User) -> None:
    add_work(user)
    stages.postpone(claim(), "The model is not here.", delay=60)
    assert not stages.any_due()
    assert not stages.stalled(for_seconds=0)


def test_counts(user: User) -> None:
    add_work(user, pictures=2)
    first, *_rest = claim(limit=1)
    stages.fail(first, "No.", retryable=False)
    counts = stages.counts()
    assert (counts.waiting, counts.running, counts.failed, counts.open) == (3, 2, 1, 5)


def test_work_on_a_deleted_picture_is_nobodys_concern(user: User) -> None:
    (image,) = add_work(user)
    claimed = claim()
    image.delete()
    assert stages.finish(claimed) == 0
    stages.fail(claimed[0], "gone")
    assert Stage.objects.count() == 0


def test_the_pipeline_is_told_when_nothing_is_open_any_more(user: User) -> None:
    (image, other), (late,) = add_work(user, pictures=2), add_work(user, priority=LATER)
    claimed = claim()
    first = [stage for stage in claimed if stage.step != "embedding"]
    stages.finish(first)
    assert over == []
    last = {stage.image_id: stage for stage in claimed if stage.step == "embedding"}
    stages.finish([last[image.pk]])
    assert over == [[image.pk]]
    stages.fail(last[other.pk], "broken", retryable=False)
    assert over == [[image.pk], [other.pk]]
    stages.finish(claim())
    assert [late.pk] not in over, "nobody waits for what comes later"


def test_of_a_step_that_is_tried_again_the_pipeline_is_not_told(user: User) -> None:
    add_work(user)
    claimed = claim()
    stages.finish(claimed[1:])
    stages.fail(claimed[0], "for now")
    assert over == []
