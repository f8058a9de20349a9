"""Work that somebody paused: workers leave it alone, and go on where they were told to."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gallery import pauses, stages
from gallery.models import AuditEntry, Pause, Stage, User
from gallery.pauses import EVERYTHING
from tests.gallery.queueing import BACKFILL, add_work, claim, states, wakes

pytestmark = pytest.mark.usefixtures("queue")


def let_it_be_old() -> None:
    Stage.objects.update(due_at=timezone.now() - timedelta(minutes=5))


def test_a_paused_step_is_neither_claimed_nor_due_nor_stalled_and_the_others_go_on(user: User) -> None:
    add_work(user, pictures=2)
    assert pauses.work_pause(step="caption", person=user)
    stages.finish(claim())
    assert states(step="caption") == {"pending": 2}
    assert states(state="done") == {"done": 4}
    let_it_be_old()
    assert claim() == []
    assert not stages.any_due()
    assert not stages.any_due(steps=["caption"])
    assert not stages.stalled(for_seconds=0)


def test_with_everything_paused_nothing_is_begun_and_uploads_are_still_taken(user: User) -> None:
    pauses.work_pause(step=EVERYTHING, person=user)
    add_work(user)
    let_it_be_old()
    assert claim() == []
    assert stages.claim(worker="ada", limit=1, steps=["caption"]) == []
    assert not stages.any_due()
    assert not stages.stalled(for_seconds=0)
    assert states() == {"pending": 3}


def test_what_runs_when_work_is_paused_is_finished(user: User) -> None:
    add_work(user)
    claimed = claim()
    pauses.work_pause(step=EVERYTHING, person=user)
    assert stages.renew(claimed) == stages.finish(claimed) == 3


def test_resumed_work_is_done_and_its_workers_are_woken(user: User, django_capture_on_commit_callbacks: Any) -> None:
    add_work(user)
    pauses.work_pause(step=EVERYTHING, person=user)
    with django_capture_on_commit_callbacks(execute=True):
        assert pauses.work_resume(step=EVERYTHING, person=user)
    assert wakes
    assert len(claim()) == 3


def test_what_is_paused_by_itself_stays_so_when_everything_is_resumed(user: User) -> None:
    add_work(user)
    pauses.work_pause(step="embedding", person=user)
    pauses.work_pause(step=EVERYTHING, person=user)
    pauses.work_resume(step=EVERYTHING, person=user)
    assert {stage.step for stage in claim()} == {"renditions", "caption"}


def test_the_order_of_the_queue_is_kept_where_a_step_is_paused(user: User) -> None:
    add_work(user, priority=BACKFILL)
    second, third = add_work(user, pictures=2)
    pauses.work_pause(step="caption", person=user)
    assert {stage.image for stage in claim(limit=1)} == {second}
    assert {stage.image for stage in claim(limit=1)} == {third}


def test_a_pause_says_who_and_since_when_and_the_audit_log_both_ends(user: User, other_user: User) -> None:
    assert pauses.work_pause(step="caption", person=user)
    assert not pauses.work_pause(step="caption", person=other_user), "it was paused already"
    (pause,) = pauses.pauses()
    assert (pause.step, pause.paused_by) == ("caption", user)
    assert pauses.is_paused("caption")
    assert not pauses.is_paused("embedding")
    assert pauses.work_resume(step="caption", person=other_user)
    assert not pauses.work_resume(step="caption", person=other_user)
    assert not Pause.objects.exists()
    assert list(AuditEntry.objects.order_by("pk").values_list("actor", "action", "target")) == [
        (user.pk, "work.pause", "caption"),
        (other_user.pk, "work.resume", "caption"),
    ]
