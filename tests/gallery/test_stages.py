"""The queue of work: who gets which stage when, and what becomes of it. This module is its own pipeline."""

import threading
from collections import Counter
from collections.abc import Collection
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.db import connection, transaction
from django.utils import timezone

from gallery import stages
from gallery.models import Image, Stage, User
from gallery.pipeline import Step

INTERACTIVE, BACKFILL, LATER = Stage.Priority
STEPS = [Step("renditions"), Step("caption", "fake"), Step("embedding", "fake@1")]

todays_steps: list[Step] = []
wakes: list[None] = []


def steps() -> list[Step]:
    return todays_steps


def wake() -> None:
    wakes.append(None)


@pytest.fixture(autouse=True)
def _pipeline(settings: Any) -> None:
    settings.GALLERY_PIPELINE = __name__
    todays_steps[:] = STEPS
    wakes.clear()


def add_image(owner: User) -> Image:
    number = Image.objects.count()
    return Image.objects.create(
        owner=owner,
        original=f"{number}.jpg",
        sha256=f"{number:064}",
        byte_size=1,
        format="JPEG",
        file_name=f"{number}.jpg",
        width=1,
        height=1,
        sort_date=timezone.now(),
    )


def add_work(owner: User, *, pictures: int = 1, priority: Stage.Priority = INTERACTIVE) -> list[Image]:
    images = [add_image(owner) for _ in range(pictures)]
    stages.open_for(images=images, priority=priority)
    return images


def claim(limit: int = 16, worker: str = "ada") -> list[Stage]:
    return stages.claim(worker=worker, limit=limit)


def kill(claimed: Collection[Stage]) -> None:
    """What a claim looks like some time after its process was killed."""
    Stage.objects.filter(pk__in=[stage.pk for stage in claimed]).update(
        claimed_until=timezone.now() - timedelta(seconds=1)
    )


def let_time_pass() -> None:
    """Nothing is in the future any more, except the live claims."""
    Stage.objects.filter(state="pending").update(due_at=timezone.now())


def states(**lookup: Any) -> Counter[str]:
    return Counter(Stage.objects.filter(**lookup).values_list("state", flat=True))


def test_each_picture_gets_one_stage_for_each_step_however_often_it_is_asked(user: User) -> None:
    images = add_work(user, pictures=2)
    stages.open_for(images=images, priority=BACKFILL)
    assert Counter(Stage.objects.values_list("step", "model")) == {(step.name, step.model): 2 for step in STEPS}


def test_a_claim_takes_all_steps_of_the_oldest_pictures(user: User) -> None:
    first, second, _third = add_work(user, pictures=3)
    claimed = claim(limit=2)
    assert Counter(stage.image for stage in claimed) == {first: 3, second: 3}
    assert {stage.state for stage in claimed} == {"running"}
    assert {stage.attempts for stage in claimed} == {1}, "counted before the work"


def test_what_is_claimed_is_not_claimed_again(user: User) -> None:
    add_work(user, pictures=2)
    assert len(claim()) == 6
    assert claim() == []


def test_interactive_work_goes_before_older_backfill_and_never_with_it(user: User) -> None:
    (old,) = add_work(user, priority=BACKFILL)
    (new,) = add_work(user, priority=INTERACTIVE)
    assert {stage.image for stage in claim()} == {new}
    assert {stage.image for stage in claim()} == {old}


@pytest.mark.django_db(transaction=True)
def test_many_workers_share_the_work_without_doing_any_of_it_twice(user: User) -> None:
    add_work(user, pictures=30)
    taken: list[int] = []
    together = threading.Barrier(4)

    def work(name: str) -> None:
        together.wait()
        try:
            while claimed := claim(limit=3, worker=name):
                taken.extend(stage.pk for stage in claimed)
        finally:
            connection.close()

    threads = [threading.Thread(target=work, args=(f"worker {number}",)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(taken) == len(set(taken)) == 90


def test_a_claim_may_be_for_some_steps_only(user: User) -> None:
    add_work(user, pictures=2)
    first = stages.claim(worker="ada", limit=16, steps=["renditions"])
    assert Counter(stage.step for stage in first) == {"renditions": 2}
    assert stages.claim(worker="ada", limit=16, steps=["renditions"]) == []
    assert not stages.any_due(steps=["renditions"])
    second = stages.claim(worker="grace", limit=16, steps=["caption", "embedding"])
    assert Counter(stage.step for stage in second) == {"caption": 2, "embedding": 2}
    assert not stages.any_due()


@pytest.mark.skipif(not connection.features.has_select_for_update_skip_locked, reason="SQLite has no row locks")
@pytest.mark.django_db(transaction=True)
def test_a_claim_passes_over_what_others_have_locked_and_waits_for_nobody(user: User) -> None:
    locked, free = add_work(user, pictures=2)
    found: list[Image] = []

    def claim_elsewhere() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SET lock_timeout = '1ms'")
            found.extend(stage.image for stage in claim(limit=1))
            assert claim(limit=1) == []
        finally:
            connection.close()

    with transaction.atomic():
        list(Stage.objects.select_for_update().filter(image=locked))
        thread = threading.Thread(target=claim_elsewhere)
        thread.start()
        thread.join()
    assert found == [free] * 3
    assert {stage.image for stage in claim(limit=1)} == {locked}


def test_finished_work_is_done_and_stays_so(user: User) -> None:
    add_work(user)
    assert stages.finish(claim()) == 3
    assert states() == {"done": 3}
    assert Stage.objects.filter(finished_at=None).count() == 0
    assert claim() == []


def test_a_claim_that_was_lost_changes_nothing(user: User) -> None:
    add_work(user)
    lost = claim(worker="slow")
    kill(lost)
    taken_over = claim(worker="quick")
    stale = [stage for stage in lost if stage.pk == taken_over[0].pk]

    assert stages.finish(stale) == 0
    stages.fail(stale[0], "too late")
    stages.postpone(stale, "too late", delay=0)
    stages.release(stale)
    assert stages.renew(stale) == 0
    held = Stage.objects.get(pk=taken_over[0].pk)
    assert (held.state, held.claimed_by, held.error) == ("running", taken_over[0].claimed_by, "")
    assert stages.finish(taken_over) == 1


def test_a_renewed_claim_does_not_run_out(user: User) -> None:
    add_work(user)
    claimed = claim()
    kill(claimed)
    assert stages.renew(claimed) == 3
    assert claim() == []


def test_stages_of_a_process_that_died_are_tried_one_by_one(user: User) -> None:
    add_work(user, pictures=2)
    kill(claim())
    for _ in range(6):
        alone = claim()
        assert len(alone) == 1
        assert alone[0].attempts == 2
        stages.finish(alone)
    assert states() == {"done": 6}


def test_the_stage_that_kills_its_worker_fails_alone_after_three_attempts(user: User) -> None:
    poisoned, _other = add_work(user, pictures=2)
    deaths = 0
    while claimed := claim():
        if any(stage.image_id == poisoned.pk and stage.step == "caption" for stage in claimed):
            kill(claimed)
            deaths += 1
        else:
            stages.finish(claimed)
    assert deaths == 3
    failed = Stage.objects.get(state="failed")
    assert (failed.image, failed.step) == (poisoned, "caption")
    assert failed.error == "The worker stopped while working on this picture, 3 times."
    assert states() == {"done": 5, "failed": 1}


def test_other_work_goes_on_while_a_poisoned_stage_waits_for_its_lease_to_run_out(user: User) -> None:
    add_work(user)
    kill(claim())
    assert len(claim()) == 1
    (new,) = add_work(user)
    stages.finish(claim())
    stages.finish(claim())
    assert {stage.image for stage in claim()} == {new}


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


def test_a_later_step_waits_for_all_other_work_and_is_claimed_alone(user: User) -> None:
    todays_steps.append(Step("text", "reader", later=True))
    first, second = add_work(user, pictures=2, priority=BACKFILL)
    (new,) = add_work(user)
    claims = []
    while claimed := claim(limit=1):
        claims.append([(stage.image, stage.step) for stage in claimed])
    quick = [[(image, step.name) for step in STEPS] for image in (new, first, second)]
    assert claims == [*quick, [(first, "text")], [(second, "text")], [(new, "text")]]


def test_a_later_step_that_kills_its_worker_fails_alone(user: User) -> None:
    todays_steps.append(Step("text", "reader", later=True))
    poisoned, other = add_work(user, pictures=2)
    stages.finish(claim())
    for _ in range(3):
        (killed,) = claim()
        assert killed.image == poisoned
        kill([killed])
    stages.finish(claim())
    assert states(step="text", image=other) == states(step="caption", image=poisoned) == {"done": 1}
    assert states(step="text", image=poisoned) == {"failed": 1}


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


def test_the_sweep_opens_and_revives_a_later_step_as_such(user: User) -> None:
    add_work(user, pictures=2)
    text = Step("text", "reader", later=True)
    for report in ("opened", "skipped", "revived"):
        todays_steps[:] = STEPS if report == "skipped" else [*STEPS, text]
        assert getattr(stages.sweep(), report) == 2
        assert set(Stage.objects.filter(step="text").values_list("priority", flat=True)) == {LATER}


def test_requeue_leaves_alone_what_runs(user: User) -> None:
    (image,) = add_work(user)
    claimed = claim()
    assert stages.requeue(image_ids=[image.pk], step="caption", priority=BACKFILL) == 0
    assert stages.finish(claimed) == 3


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


def test_the_index_gives_the_order_of_the_queue(user: User) -> None:
    """Sorting a backlog of a million stages for each claim would cost more than the work."""
    waiting = Stage.objects.filter(stages._waiting(timezone.now())).order_by("priority", "due_at", "id")[:64]
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # A table of no rows is sorted as cheaply as not: ask whether the index can do it alone.
            cursor.execute(
                "SET LOCAL enable_seqscan = off; SET LOCAL enable_bitmapscan = off; SET LOCAL enable_sort = off"
            )
    plan = waiting.explain().lower()
    assert "stage_next" in plan
    assert "sort" not in plan
    assert "temp b-tree" not in plan
