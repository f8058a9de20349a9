"""The queue of work: who gets which stage when."""

import threading
from collections import Counter

import pytest
from django.db import connection, transaction
from django.utils import timezone

from gallery import pauses, stages
from gallery.models import Image, Stage, User
from gallery.pipeline import Step
from tests.gallery.queueing import (
    BACKFILL,
    INTERACTIVE,
    STEPS,
    add_work,
    claim,
    kill,
    states,
    todays_steps,
)

pytestmark = pytest.mark.usefixtures("queue")


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


def test_other_work_goes_on_while_a_poisoned_stage_waits_for_its_lease_to_run_out(user: User) -> None:
    add_work(user)
    kill(claim())
    assert len(claim()) == 1
    (new,) = add_work(user)
    stages.finish(claim())
    stages.finish(claim())
    assert {stage.image for stage in claim()} == {new}


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


@pytest.mark.parametrize("paused", [[], ["renditions", "embedding"]])
def test_the_index_gives_the_order_of_the_queue(user: User, paused: list[str]) -> None:
    """Sorting a backlog of a million stages for each claim would cost more than the work."""
    for step in paused:
        pauses.work_pause(step=step, person=user)
    (part,) = stages._parts(None)
    waiting = part.filter(stages._waiting(timezone.now())).order_by("priority", "due_at", "id")[:64]
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
