"""The page of the work on pictures: whose work it shows, what may be tried again or paused, and by whom."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery import pauses
from gallery.models import AuditEntry, Image, Pause, Stage, User
from tests.gallery import recording

MakeImage = Callable[..., Image]

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def staff(db: None) -> User:
    return User.objects.create_superuser("root", password="of all trees")


@pytest.fixture
def failed(make_image: MakeImage, user: User) -> Image:
    """A picture of ada's that has no caption."""
    image = make_image("red", owner=user, name="boat.jpg")
    Stage.objects.filter(image=image, step="caption").update(state="failed", error="The describer has no words for it.")
    return image


def page(client: Client, query: str = "") -> str:
    response = client.get(reverse("jobs") + query)
    assert response.status_code == 200
    return response.content.decode()


def test_people_see_why_their_pictures_failed_and_nobody_elses(
    client: Client, failed: Image, user: User, other_user: User
) -> None:
    client.force_login(user)
    shown = page(client)
    assert "The describer has no words for it." in shown
    assert failed.get_absolute_url() in shown
    client.force_login(other_user)
    for query in ("", "?whose=everyone"):
        assert "no words" not in page(client, query)
        assert client.get(reverse("jobs-state") + query).json()["summary"] == "All is done."


def test_staff_see_everybodys_reasons_but_no_private_picture(client: Client, failed: Image, staff: User) -> None:
    client.force_login(staff)
    assert "no words" not in page(client), "of their own, nothing failed"
    shown = page(client, "?whose=everyone")
    assert "The describer has no words for it." in shown
    assert failed.get_absolute_url() not in shown
    assert "boat.jpg" not in shown


def test_staff_without_the_right_see_their_own_work(client: Client, failed: Image, other_user: User) -> None:
    User.objects.filter(pk=other_user.pk).update(is_staff=True)
    client.force_login(other_user)
    assert "no words" not in page(client, "?whose=everyone")
    assert client.post(reverse("jobs-pause")).status_code == 403
    retried = client.post(reverse("jobs-retry"), {"whose": "everyone"})
    assert retried.status_code == 302
    assert Stage.objects.filter(state="failed").count() == 1, "of their own, nothing failed"


def test_what_failed_for_a_reason_is_tried_again(client: Client, failed: Image, user: User) -> None:
    client.force_login(user)
    (failure,) = client.get(reverse("jobs")).context["failures"]
    answer = client.post(reverse("jobs-retry"), {"step": failure.step, "reason": failure.key}, follow=True)
    assert "1 to be tried again." in answer.content.decode()
    assert not Stage.objects.filter(state="failed").exists()
    assert AuditEntry.objects.get(action="work.retry").actor == user


def test_retrying_what_is_somebody_elses_does_nothing(client: Client, failed: Image, other_user: User) -> None:
    client.force_login(other_user)
    client.post(reverse("jobs-retry"), {"whose": "everyone"})
    assert Stage.objects.filter(state="failed").count() == 1


def test_staff_pause_and_resume(
    client: Client, staff: User, user: User, django_capture_on_commit_callbacks: Any
) -> None:
    client.force_login(staff)
    assert "Pause all work" in page(client)
    client.post(reverse("jobs-pause"), {"step": "caption", "do": "pause"})
    assert "“Caption” is paused since" in page(client)
    client.post(reverse("jobs-pause"), {"do": "pause"})
    shown = page(client)
    assert "by root" in shown
    assert "Resume all work" in shown
    with django_capture_on_commit_callbacks(execute=True):
        client.post(reverse("jobs-pause"), {"do": "resume"})
    assert ("wake", None) in recording.calls
    assert list(Pause.objects.values_list("step", flat=True)) == ["caption"]


def test_a_step_that_there_is_not_cannot_be_paused(client: Client, staff: User) -> None:
    client.force_login(staff)
    assert client.post(reverse("jobs-pause"), {"step": "dreams"}).status_code == 404
    assert client.post(reverse("jobs-pause"), {"step": "dreams", "do": "resume"}).status_code == 302


def test_steps_that_no_database_knows(client: Client, staff: User) -> None:
    client.force_login(staff)
    page(client, "?step=cap%00tion")
    for address in ("jobs-pause", "jobs-retry"):
        assert client.post(reverse(address), {"step": "\0", "do": "resume"}).status_code == 302


def test_people_are_told_of_the_pause_where_they_wait(client: Client, staff: User, failed: Image, user: User) -> None:
    pauses.work_pause(step="", person=staff)
    client.force_login(user)
    for address in (reverse("upload"), failed.get_absolute_url(), reverse("jobs")):
        assert "All work is paused since" in client.get(address).content.decode(), address
    assert "Resume all work" not in page(client)
    assert client.post(reverse("jobs-pause"), {"do": "resume"}).status_code == 403
    assert client.get(reverse("image-state", args=[failed.uuid])).json()["paused"] is True


def test_the_notice_says_what_its_reader_can_do(client: Client, staff: User, failed: Image, user: User) -> None:
    Image.objects.update(visibility="public")
    pauses.work_pause(step="", person=staff)
    pauses.work_pause(step="caption", person=staff)
    Pause.objects.filter(step="caption").update(paused_by=None)
    places = [reverse("upload"), failed.get_absolute_url()]

    def notice(address: str) -> str:
        return " ".join(client.get(address).content.decode().split())

    for told in map(notice, places[1:]):
        assert told.count("It goes on later.") == 2
        assert "root" not in told, "strangers aren't told who runs the site"
    client.force_login(user)
    for told in map(notice, [*places, reverse("jobs")]):
        assert "resume it; ask root if it can’t wait." in told
        assert "It goes on when those who run this site resume it." in told
        assert "Resume it" not in told
    client.force_login(staff)
    for told in map(notice, places):
        assert told.count('<a href="/jobs/?whose=everyone">Resume it') == 2
        assert "can’t wait" not in told
    assert "Resume it" not in notice(reverse("jobs")), "its buttons do"


def test_a_worker_that_is_missing_is_missed(client: Client, user: User, staff: User) -> None:
    client.force_login(user)
    assert "No worker has been seen yet." in page(client)
    client.force_login(staff)
    assert "manage.py run" in page(client)


def test_the_state_says_what_moves_and_its_mark_changes_with_the_rest_of_the_page(
    client: Client, failed: Image, user: User
) -> None:
    client.force_login(user)
    before = client.get(reverse("jobs-state")).json()
    assert (before["moving"], before["summary"]) == (False, "1 waiting, 0 running, 1 failed.")
    Stage.objects.filter(step="renditions").update(
        state="running", claimed_by="ada", claimed_until=timezone.now() + timedelta(seconds=30)
    )
    running = client.get(reverse("jobs-state")).json()
    assert running["moving"] is True
    Stage.objects.filter(state="failed").update(state="pending")
    assert client.get(reverse("jobs-state")).json()["mark"] != running["mark"]


def test_what_was_begun_anew_is_shown_by_itself(client: Client, failed: Image, user: User) -> None:
    client.force_login(user)
    since = (timezone.now() + timedelta(hours=1)).isoformat().replace("+", "%2B")
    assert "no words" not in page(client, f"?since={since}")
    for time in ("yesterday", "2024-02-31T00:00Z", "0001-01-01T00:00%2B14:00", "9999-12-31T23:59-10:00"):
        assert "no words" in page(client, f"?since={time}"), "what is no time is passed over"


def test_the_page_takes_few_statements_however_much_there_is(
    client: Client, make_image: MakeImage, staff: User, user: User, django_assert_max_num_queries: Any
) -> None:
    for color in ("red", "green", "blue"):
        make_image(color, owner=user)
    Stage.objects.update(state="failed", error="No.")
    for person, query in ((staff, "?whose=everyone"), (user, "")):
        client.force_login(person)
        with django_assert_max_num_queries(12):
            page(client, query)
