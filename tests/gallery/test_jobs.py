"""The work at a glance: counts, rates, why things failed, and trying again."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gallery import jobs, pauses, stages
from gallery.failures import failures, reason_of, work_retry
from gallery.jobs import Scope
from gallery.models import AuditEntry, Image, Stage, User
from gallery.templatetags.work import step_numbers
from tests.gallery import queueing
from tests.gallery.queueing import add_work, claim

pytestmark = pytest.mark.usefixtures("queue")


def fail(image: Image, step: str, error: str) -> None:
    Stage.objects.filter(image=image, step=step).update(state=Stage.State.FAILED, error=error)


def done_ago(seconds: Sequence[float], step: str = "caption") -> None:
    """That many stages were done so many seconds ago."""
    for stage, ago in zip(Stage.objects.filter(step=step).order_by("pk"), seconds, strict=False):
        finished_at = timezone.now() - timedelta(seconds=ago)
        Stage.objects.filter(pk=stage.pk).update(state=Stage.State.DONE, finished_at=finished_at)


def numbers(scope: Scope) -> dict[str, tuple[int, int, int, int]]:
    return {step.name: (step.waiting, step.running, step.done, step.failed) for step in jobs.jobs(scope).steps}


def test_counts_are_by_step_in_the_order_of_the_work(user: User) -> None:
    images = add_work(user, pictures=3)
    stages.finish(stages.claim(worker="ada", limit=1, steps=["renditions"]))
    stages.claim(worker="ada", limit=1, steps=["renditions"])
    fail(images[0], "embedding", "No.")
    assert numbers(Scope()) == {"renditions": (1, 1, 1, 0), "caption": (3, 0, 0, 0), "embedding": (2, 0, 0, 1)}
    assert list(numbers(Scope())) == ["renditions", "caption", "embedding"]
    assert numbers(Scope(step="caption")) == {"caption": (3, 0, 0, 0)}


def test_a_persons_work_is_that_on_their_pictures_outside_the_trash(user: User, other_user: User) -> None:
    add_work(user, pictures=2)
    (trashed, kept) = add_work(other_user, pictures=2)
    Image.objects.filter(pk=trashed.pk).update(trashed_at=timezone.now())
    fail(kept, "caption", "Theirs.")
    assert numbers(Scope(user))["caption"] == (2, 0, 0, 0)
    assert failures(Scope(user), viewer=user) == []
    assert numbers(Scope(other_user))["caption"] == (0, 0, 0, 1)


def test_of_very_many_done_thousands_are_told(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, number in {"MOST_DONE": 4, "COUNTED_FOR_EACH": 2, "THOUSAND": 3}.items():
        monkeypatch.setattr(jobs, name, number)
    images = add_work(user, pictures=10)
    assert numbers(Scope(user))["caption"] == (10, 0, 0, 0)
    Stage.objects.update(state=Stage.State.DONE)
    (found, *_) = jobs.jobs(Scope(user)).steps
    assert (found.done, found.is_done_exact, step_numbers(found)) == (
        3,
        False,
        "0 waiting, 0 running, 3+ done, 0 failed",
    )
    fail(images[0], "caption", "No.")
    assert numbers(Scope(user)) == {"renditions": (0, 0, 6, 0), "caption": (0, 0, 6, 1), "embedding": (0, 0, 6, 0)}
    fail(images[1], "caption", "No.")
    fail(images[2], "caption", "No.")
    assert numbers(Scope(user))["caption"] == (0, 0, 7, 3), "all are counted for the sake of these"


def test_what_no_picture_needs_any_more_is_told_while_it_is_not_done(user: User) -> None:
    images = add_work(user, pictures=2)
    queueing.todays_steps[:] = [step for step in queueing.STEPS if step.name != "caption"]
    fail(images[0], "caption", "No.")
    assert numbers(Scope(user))["caption"] == (1, 0, 0, 1)
    Stage.objects.update(state=Stage.State.DONE)
    assert list(numbers(Scope(user))) == ["renditions", "embedding"]


def test_the_rate_is_that_of_the_last_minutes_and_none_where_nothing_moves(user: User) -> None:
    add_work(user, pictures=40)
    done_ago([400.0, 500.0])
    assert jobs.jobs(Scope(step="caption")).steps[0].rate is None, "that was long ago"
    done_ago([100.0] * 20)
    found = jobs.jobs(Scope(step="caption")).steps[0]
    assert found.rate == pytest.approx(12, rel=0.05)
    assert found.time_left == "about 2 min"


def test_nobody_promises_an_end_to_what_is_paused_or_stands_still(user: User) -> None:
    add_work(user, pictures=40)
    assert jobs.jobs(Scope()).time_left == ""
    done_ago([100.0] * 20, "caption")
    assert jobs.jobs(Scope()).time_left == "", "the other steps don't move"
    done_ago([100.0] * 20, "renditions")
    done_ago([96.0] * 10, "embedding")
    assert jobs.jobs(Scope()).time_left == "about 5 min"
    pauses.work_pause(step="embedding", person=user)
    assert jobs.jobs(Scope()).time_left == ""


def test_a_worker_is_seen_by_its_sweeps_and_by_its_claims(user: User) -> None:
    add_work(user)
    assert jobs.worker() == jobs.Worker(is_seen=False, last_seen=None)
    queueing.seen[0] = timezone.now() - timedelta(minutes=10)
    assert not jobs.worker().is_seen
    claimed = claim()
    assert jobs.worker().is_seen, "it is at work"
    queueing.kill(claimed)
    assert not jobs.worker().is_seen
    queueing.seen[0] = timezone.now()
    assert jobs.worker().is_seen


@pytest.mark.parametrize(
    ("one", "another"),
    [
        ("The picture has 3 frames.", "The picture has 1,204 frames."),
        ("“a.jpg” is broken.", "“my boat.jpg” is broken."),
        ("Cannot read /var/media/1/a.jpg", "Cannot read /srv/pictures/b.jpg"),
        ("boat.jpg is broken.", "IMG-7.HEIC is broken."),
        ("Lost 0f8fad5b-d9cb-469f-a165-70867728950e.", "Lost 7c9e6679-7425-40de-944b-e07fc1f90ae7."),
    ],
)
def test_sentences_that_differ_in_particulars_are_one_reason(one: str, another: str) -> None:
    assert reason_of(one) == reason_of(another)


def test_other_sentences_are_other_reasons() -> None:
    assert reason_of("The file isn't a picture.") != reason_of("The captioner doesn't answer.")
    assert reason_of("The store doesn't answer; it isn't there.") == "The store doesn't answer; it isn't there."


def test_failures_are_grouped_by_reason_the_most_frequent_first(user: User) -> None:
    images = add_work(user, pictures=4)
    for number, image in enumerate(images[:3]):
        fail(image, "caption", f"It has {number} eyes.")
    fail(images[3], "renditions", "The file is missing.")
    many, one = failures(Scope(), viewer=user)
    assert (many.step, many.reason, many.count) == ("caption", "It has … eyes.", 3)
    assert set(many.examples) == set(images[:3])
    assert (one.step, one.reason, one.count, one.examples) == ("renditions", "The file is missing.", 1, [images[3]])


def test_examples_are_pictures_that_the_viewer_may_see(user: User, other_user: User) -> None:
    private, public = add_work(user, pictures=2)
    Image.objects.filter(pk=public.pk).update(visibility="public")
    for image in (private, public):
        fail(image, "caption", "No.")
    (failure,) = failures(Scope(), viewer=other_user)
    assert (failure.count, failure.examples) == (2, [public])


def test_what_failed_for_a_reason_is_tried_again_and_the_rest_is_not(user: User, other_user: User) -> None:
    first, second = add_work(user, pictures=2)
    (theirs,) = add_work(other_user)
    for image in (first, second, theirs):
        fail(image, "caption", f"It has {image.pk} eyes.")
    fail(first, "embedding", "No.")
    key = failures(Scope(user), viewer=user)[0].key
    assert work_retry(scope=Scope(user), person=user, key=key) == 2
    assert set(Stage.objects.filter(state="failed").values_list("image", "step")) == {
        (first.pk, "embedding"),
        (theirs.pk, "caption"),
    }
    assert work_retry(scope=Scope(), person=user) == 2
    assert not Stage.objects.filter(state="failed").exists()
    assert [entry.details["number"] for entry in AuditEntry.objects.filter(action="work.retry").order_by("pk")] == [
        2,
        2,
    ]


def test_an_unknown_reason_tries_nothing_again(user: User) -> None:
    (image,) = add_work(user)
    fail(image, "caption", "No.")
    assert work_retry(scope=Scope(), person=user, key="nothing") == 0
    assert Stage.objects.filter(state="failed").count() == 1


def test_what_was_begun_anew_can_be_followed_by_itself(user: User) -> None:
    images = add_work(user, pictures=3)
    stages.finish(claim())
    since = timezone.now()
    assert (
        stages.requeue_all(images=Image.objects.filter(pk__in=[image.pk for image in images[:2]]), step="caption") == 2
    )
    add_work(user)  # what is uploaded meanwhile is not of it
    scope = Scope(step="caption", since=since)
    assert numbers(scope) == {"caption": (2, 0, 0, 0)}
    stages.finish(stages.claim(worker="ada", limit=9, steps=["caption"]))
    stages.finish(stages.claim(worker="ada", limit=1, steps=["caption"]))
    assert numbers(scope) == {"caption": (1, 0, 1, 0)}


def test_however_much_work_there_is_it_takes_the_same_number_of_statements(
    user: User, django_assert_max_num_queries: Any
) -> None:
    for image in add_work(user, pictures=12):
        fail(image, "caption", f"It has {'n' * image.pk} eyes.")
    with django_assert_max_num_queries(8):
        jobs.jobs(Scope(user))
        failures(Scope(user), viewer=user)
