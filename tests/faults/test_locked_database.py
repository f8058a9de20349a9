"""Somebody else has locked the database: who reads goes on, who writes is told to wait, and then work goes on."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.db import DatabaseError, connection, connections
from django.test import Client
from django.urls import reverse

from api.models import Token
from api.serializers.images import represent_image
from captioning import services as captioning_services
from captioning.models import Caption
from gallery import services, sessions
from gallery.models import Image, PersonSession, Stage, Upload, User
from mmsite import batch, worker
from tests.faults.doors import Doors
from tests.gallery.queueing import let_time_pass

pytestmark = pytest.mark.django_db(transaction=True)

Locked = Callable[[], AbstractContextManager[None]]
WRITTEN = (
    "gallery_image, gallery_stage, gallery_upload, gallery_tries, gallery_favourite, gallery_personsession, api_token"
)


@pytest.fixture
def locked() -> Iterator[Locked]:
    """Another connection writes, for the length of a block, for longer than this one waits: `with locked(): …`."""
    is_sqlite = connection.vendor == "sqlite"
    with connection.cursor() as cursor:
        cursor.execute("PRAGMA busy_timeout = 50" if is_sqlite else "SET lock_timeout = '50ms'")
    other = connections.create_connection("default")

    @contextmanager
    def locked() -> Iterator[None]:
        with other.cursor() as cursor:
            cursor.execute("BEGIN IMMEDIATE" if is_sqlite else f"BEGIN; LOCK TABLE {WRITTEN} IN EXCLUSIVE MODE")
            try:
                yield
            finally:
                cursor.execute("ROLLBACK")

    yield locked
    other.close()
    connection.close()  # with what was set for it


def waits_for_locks() -> str:
    other = connections.create_connection("default")
    try:
        with other.cursor() as cursor:
            cursor.execute("PRAGMA busy_timeout" if other.vendor == "sqlite" else "SHOW lock_timeout")
            return str(cursor.fetchone()[0])
    finally:
        other.close()


def test_nobody_waits_for_a_lock_without_end() -> None:
    assert waits_for_locks() in ("20000", "20s")


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has one lock, which migrations wait for as well")
def test_migrations_wait_as_long_as_it_takes() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SET lock_timeout = '50ms'")
    call_command("migrate", verbosity=0)
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchone()[0] == "0"
    connection.close()  # with what was set for it


def test_pages_are_shown_and_searched_meanwhile(
    locked: Locked,
    signed_in: Client,
    bearer: dict[str, str],
    make_image: Callable[..., Image],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    image = make_image("red")
    worker.work_until_idle()
    PersonSession.objects.all().delete()
    monkeypatch.setattr(sessions, "SEEN_EVERY", timedelta(seconds=-1))  # each page is to note where they are
    with locked():
        for path in ("/", image.get_absolute_url(), "/search/?q=red", reverse("upload"), "/healthz"):
            assert signed_in.get(path).status_code == 200, path
        assert Client().get("/api/v1/images/", headers=bearer).status_code == 200
    assert not PersonSession.objects.exists()
    assert Token.objects.get().last_used_at is None
    signed_in.get("/")
    assert PersonSession.objects.exists()


@pytest.mark.parametrize("door", ["form", "script", "api", "announced", "piece"])
def test_uploads_are_asked_to_come_again(locked: Locked, doors: Doors, settings: Any, door: str) -> None:
    come = getattr(doors, door)
    with locked():
        answer = come()
        assert answer.status_code == 503
        assert int(answer["Retry-After"]) > 0
        assert "try again in a minute" in answer.content.decode()
    assert not Image.objects.exists()
    assert [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []
    assert come().status_code in (200, 201, 204)
    assert Image.objects.count() == (door != "announced")
    assert not Upload.objects.filter(state=Upload.State.REFUSED).exists()


def test_whatever_else_is_written_is_refused_by_a_sentence(
    locked: Locked, signed_in: Client, bearer: dict[str, str], make_image: Callable[..., Image], user: User
) -> None:
    image = make_image("red")
    sign_in = {"username": "ada", "password": "analytical engine"}
    with locked():
        for answer in (
            signed_in.post(reverse("image-favourite", args=[image.uuid])),
            Client(raise_request_exception=False).post(reverse("sign-in"), sign_in),
        ):
            assert answer.status_code == 503
            assert int(answer["Retry-After"]) > 0
            assert "Nothing is lost" in answer.content.decode()
        problem = Client().patch(
            f"/api/v1/images/{image.uuid}/", {"favourite": True}, content_type="application/json", headers=bearer
        )
        assert (problem.status_code, problem.json()["type"]) == (503, "urn:mmsite:problem:unavailable")
        assert int(problem["Retry-After"]) > 0


def test_a_key_of_a_request_that_failed_may_be_tried_again_at_once(
    locked: Locked, bearer: dict[str, str], make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    create = services.image_create

    def create_while_locked(**options: Any) -> Any:
        with locked():
            return create(**options)

    def ask() -> Any:
        sent = {"file": SimpleUploadedFile("a.jpg", make_jpeg("red"))}
        return Client().post("/api/v1/images/", sent, headers={**bearer, "Idempotency-Key": "one"})

    with monkeypatch.context() as patch:
        patch.setattr(services, "image_create", create_while_locked)
        assert [ask().status_code, ask().status_code] == [503, 503]
    assert ask().status_code == 201
    assert ask()["Idempotent-Replay"] == "true"


def test_what_was_done_is_answered_though_it_could_not_be_noted(
    locked: Locked, bearer: dict[str, str], make_jpeg: Callable[..., bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    with ExitStack() as until_answered:

        def represent(*args: Any) -> Any:
            data = represent_image(*args)
            until_answered.enter_context(locked())
            return data

        monkeypatch.setattr("api.views.images.represent_image", represent)
        sent = {"file": SimpleUploadedFile("a.jpg", make_jpeg("red"))}
        answer = Client().post("/api/v1/images/", sent, headers={**bearer, "Idempotency-Key": "one"})
    assert answer.status_code == 201
    assert Image.objects.get().get_absolute_url() in answer.content.decode()


def test_the_worker_goes_on_afterwards(locked: Locked, make_image: Callable[..., Image]) -> None:
    make_image("red")
    with locked(), pytest.raises(DatabaseError):
        worker.work_until_idle()
    worker.work_until_idle()
    assert set(Stage.objects.values_list("state", "attempts")) == {("done", 1)}


def test_a_step_that_could_not_be_written_down_waits_and_counts_no_attempt(
    locked: Locked, make_image: Callable[..., Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = list[int]()
    write = captioning_services.captions_write

    def write_while_locked(*, image_ids: list[int], **options: Any) -> Any:
        calls.append(len(image_ids))
        with locked():
            return write(image_ids=image_ids, **options)

    for color in ("red", "green", "blue"):
        make_image(color)
    with monkeypatch.context() as patch:
        patch.setattr(captioning_services, "captions_write", write_while_locked)
        for _ in range(4):
            worker.work_until_idle()
            let_time_pass()
    assert calls == [3, 3, 3, 3]  # all at once each time: no picture is to blame
    assert set(Stage.objects.filter(step="caption").values_list("state", "attempts", "error")) == {
        ("pending", 0, batch.DATABASE_AWAY)
    }
    assert set(Stage.objects.exclude(step="caption").values_list("state", flat=True)) == {"done"}
    worker.work_until_idle()
    assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
    assert Caption.objects.count() == 3
