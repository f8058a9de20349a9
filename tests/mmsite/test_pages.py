"""What is seen when something is wrong, and what watchers are told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.http import HttpRequest
from django.templatetags.static import static
from django.test import Client, RequestFactory
from django.urls import reverse

from gallery.models import Image, User, Visibility
from gallery.views import library
from mmsite import checkup, errors
from mmsite.middleware import content_security_policy
from search.query.answer import WORDS_ALONE
from search.versions import model_version_ensure

pytestmark = pytest.mark.usefixtures("fresh_index")


@pytest.fixture
def image(make_image: Callable[..., Image]) -> Image:
    return make_image("red")


def test_nothing_here_offers_strangers_to_sign_in_and_come_back(client: Client, user: User) -> None:
    address = "/i/00000000-0000-0000-0000-000000000000/"
    page = client.get(address)
    assert page.status_code == 404
    assert f"{reverse('sign-in')}?next={address}" in page.content.decode()
    client.force_login(user)
    assert reverse("sign-in") not in client.get(address).content.decode()


def test_scripts_are_told_in_json(client: Client, db: None) -> None:
    answer = client.get("/nowhere", headers={"Accept": "application/json"})
    assert answer.status_code == 404
    assert answer.json()["message"].startswith("Nothing here.")


@pytest.mark.parametrize("name", ["sign-out", "image-delete"])
def test_what_only_buttons_send_to_has_a_page_for_whoever_opens_it(client: Client, image: Image, name: str) -> None:
    client.force_login(image.owner)
    address = reverse(name, args=[image.uuid] if name == "image-delete" else [])
    page = client.get(address)
    assert page.status_code == 405
    assert "POST" in page["Allow"]
    assert "This address is for the buttons of other pages." in page.content.decode()
    answer = client.get(address, headers={"Accept": "application/json"})
    assert (answer.status_code, answer.json()["message"][:21]) == (405, "Nothing to open here.")
    of_api = client.delete("/api/v1/images/")
    assert (of_api.status_code, of_api["Content-Type"]) == (405, "application/problem+json")


def test_a_fault_of_ours_has_a_page_that_needs_nothing(
    client: Client, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(**kwargs: Any) -> Any:
        raise RuntimeError("a fault")

    monkeypatch.setattr(library, "images_page", fail)
    client.raise_request_exception = False
    page = client.get("/")
    assert page.status_code == 500
    assert "The fault is ours" in page.content.decode()


@pytest.fixture
def request_of_somebody(rf: RequestFactory, user: User) -> HttpRequest:
    request = rf.get("/")
    request.user = user
    return request


def test_forbidden_and_senseless_requests_have_pages(request_of_somebody: HttpRequest) -> None:
    forbidden = errors.permission_denied(request_of_somebody, PermissionError())
    assert (forbidden.status_code, "This is not for you" in forbidden.content.decode()) == (403, True)
    senseless = errors.bad_request(request_of_somebody, ValueError())
    assert (senseless.status_code, "makes no sense" in senseless.content.decode()) == (400, True)


def test_health_says_whether_search_is_ready(client: Client, db: None) -> None:
    before = client.get("/healthz")
    assert before.status_code == 200
    assert before.json()["status"] == "ok"
    assert before.json()["search"] == {
        "ready": False,
        "sentence": before.json()["search"]["sentence"],
        "notice": "",
    }
    assert before.json()["search"]["sentence"]
    model_version_ensure()
    assert client.get("/healthz").json()["search"] == {"ready": True, "sentence": "", "notice": ""}


def test_health_says_where_captions_answer_alone(client: Client, make_image: Callable[..., Image]) -> None:
    image = make_image("red", visibility=Visibility.PUBLIC)
    Image.objects.filter(pk=image.pk).update(description="a photo of a wall")
    assert client.get("/healthz").json()["search"]["notice"].endswith(str(WORDS_ALONE))


def test_tracebacks_for_developers_may_style_themselves(settings: Any, rf: RequestFactory) -> None:
    def crash(request: HttpRequest) -> Any:
        from django.http import HttpResponse

        return HttpResponse(status=500)

    answer = content_security_policy(crash)
    assert "Content-Security-Policy" in answer(rf.get("/"))
    settings.DEBUG = True
    assert "Content-Security-Policy" not in answer(rf.get("/"))


def test_browsers_find_an_icon_where_a_page_names_none(client: Client) -> None:
    assert client.get("/favicon.ico")["Location"] == static("logo.svg")


@pytest.mark.django_db
def test_a_host_is_ready_when_it_can_keep_pictures(
    client: Client, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checkup, "_seen_ready", set())
    ready = {"status": "ready", "database": True, "pictures": True}
    for _ in range(2):  # the second time, the tables aren't looked for again
        answer = client.get("/readyz")
        assert (answer.status_code, answer.json()) == (200, ready)
        assert "no-store" in answer.headers["Cache-Control"]
    (tmp_path / "full").write_text("")
    settings.MEDIA_ROOT = tmp_path / "full" / "media"
    answer = client.get("/readyz")
    assert (answer.status_code, answer.json()) == (503, {"status": "not ready", "database": True, "pictures": False})


@pytest.mark.django_db
def test_a_host_is_not_ready_without_todays_tables(client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_seen_ready", set())
    newest = MigrationRecorder.Migration.objects.filter(app="gallery").order_by("-name").first()
    assert newest is not None
    newest.delete()
    assert client.get("/readyz").status_code == 503
    MigrationRecorder(connection).record_applied("gallery", newest.name)
    assert client.get("/readyz").status_code == 200
