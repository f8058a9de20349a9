"""Work in the admin: done again, tried again, and left to the worker."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.urls import reverse

from gallery import stages
from gallery.models import AuditEntry, Image, Stage
from tests.gallery.admin.asking import act, address


@pytest.mark.parametrize(("action", "step"), [("caption_again", "caption"), ("embedding_again", "embedding")])
def test_work_is_done_again(admin_client: Client, image: Image, action: str, step: str) -> None:
    Stage.objects.update(state=Stage.State.DONE, attempts=1)
    page = act(admin_client, Image, action, image)
    assert page.status_code == 200
    assert "1 to do" in page.content.decode()
    again = Stage.objects.get(image=image, step=step)
    assert (again.state, again.attempts, again.priority) == (Stage.State.PENDING, 0, Stage.Priority.BACKFILL)
    assert not Stage.objects.exclude(pk=again.pk).exclude(state=Stage.State.DONE).exists()


def test_the_actions_say_what_they_do(admin_client: Client, image: Image) -> None:
    page = admin_client.get(address(Image, "changelist")).content.decode()
    for label in ("Caption again", "Embed again", "Make thumbnails again"):
        assert label in page


def test_failed_work_is_tried_again(admin_client: Client, image: Image) -> None:
    failed = Stage.objects.get(image=image, step="caption")
    Stage.objects.filter(pk=failed.pk).update(state=Stage.State.FAILED, attempts=3, error="Broken.")
    done = Stage.objects.get(image=image, step="renditions")
    Stage.objects.filter(pk=done.pk).update(state=Stage.State.DONE)
    act(admin_client, Stage, "retry_failed", failed, done)
    failed.refresh_from_db()
    done.refresh_from_db()
    assert (failed.state, failed.attempts) == (Stage.State.PENDING, 0)
    assert done.state == Stage.State.DONE


def test_all_selected_work_is_done_again_and_followed_on_the_page_of_the_work(
    admin_client: Client, image: Image, make_image: Callable[..., Image]
) -> None:
    make_image("blue")
    Stage.objects.update(state=Stage.State.DONE)
    data = {"action": "caption_again", "select_across": "1", "index": "0", "_selected_action": [image.pk]}
    page = admin_client.post(address(Image, "changelist"), data, follow=True)
    assert page.request["PATH_INFO"] == reverse("jobs")
    assert "2 waiting, 0 running, 0 done, 0 failed" in page.content.decode()
    assert AuditEntry.objects.get(action="work.again").details == {"number": 2}


def test_stages_are_claimed_and_finished_by_the_worker_alone(admin_client: Client, image: Image) -> None:
    stage = stages.claim(worker="me", limit=1)[0]
    assert admin_client.post(address(Stage, "change", stage.pk), {"state": "done"}).status_code == 403
    stage.refresh_from_db()
    assert stage.state == Stage.State.RUNNING
