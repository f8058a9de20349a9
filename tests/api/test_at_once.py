"""Requests that come at the same moment."""

import threading
from typing import Any

import pytest
from django.db import connection

from api import idempotency
from api.models import IdempotencyKey
from gallery import services
from gallery.models import Image
from tests.api.conftest import Api
from tests.api.test_images import upload

PATIENCE = 60  # seconds; nothing takes so long unless it hangs


@pytest.mark.django_db(transaction=True)
def test_two_with_the_same_key_make_one_picture(api: Api, make_jpeg: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that is second is told to come again, and then gets the answer of the first."""
    both, is_answered = threading.Barrier(2, timeout=PATIENCE), threading.Event()
    begin, create = idempotency._begin, services.image_create

    def begin_together(*args: Any) -> Any:
        both.wait()
        return begin(*args)

    def create_slowly(**given: Any) -> Any:
        assert is_answered.wait(PATIENCE)
        return create(**given)

    monkeypatch.setattr(idempotency, "_begin", begin_together)
    monkeypatch.setattr(services, "image_create", create_slowly)
    answers = []

    def ask() -> None:
        answers.append(upload(Api(api.headers["Authorization"].removeprefix("Bearer ")), make_jpeg("red"), key="one"))
        is_answered.set()
        connection.close()

    threads = [threading.Thread(target=ask) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(PATIENCE)
    second, first = answers
    assert (first.status_code, second.status_code) == (201, 409)
    assert int(second["Retry-After"]) > 0
    assert Image.objects.count() == 1
    monkeypatch.setattr(idempotency, "_begin", begin)
    again = upload(api, make_jpeg("red"), key="one")
    assert (again.status_code, again["Idempotent-Replay"]) == (201, "true")
    assert again.json() == first.json()
    assert IdempotencyKey.objects.count() == 1
