"""That entries of the log say which request or which work they belong to, in a line or as JSON."""

import json
import logging
from collections.abc import Callable, Iterator
from io import StringIO
from typing import Any

import pytest
from django.test import Client

from gallery.models import Image
from mmsite import tracing, worker
from mmsite.redaction import Formatter, JsonFormatter
from mmsite.settings import logs

MakeImage = Callable[..., Image]
Log = Callable[[str], str]


@pytest.fixture
def log() -> Iterator[Callable[[logging.Formatter], StringIO]]:
    """Writes all that is logged from now on into the text that it gives, formatted."""
    handlers: list[logging.Handler] = []

    def write(formatter: logging.Formatter) -> StringIO:
        text = StringIO()
        handler = logging.StreamHandler(text)
        handler.setFormatter(formatter)
        handler.addFilter(tracing.Context())
        handlers.append(handler)
        logging.getLogger().addHandler(handler)
        return text

    yield write
    for handler in handlers:
        logging.getLogger().removeHandler(handler)


def as_lines() -> Formatter:
    described = logs.LOGGING["formatters"]["line"]  # type: ignore[index]
    return Formatter(described["format"], style=described["style"])


@pytest.mark.django_db
def test_each_answer_has_an_id_of_its_own(client: Client) -> None:
    first, second = (client.get("/healthz").headers[tracing.HEADER] for _ in range(2))
    assert first != second
    assert len(first) == 32
    assert client.get("/nowhere/").headers[tracing.HEADER]


@pytest.mark.django_db
def test_a_proxy_names_the_request_and_strangers_do_not(client: Client, settings: Any) -> None:
    settings.PROXIES = 1
    assert client.get("/healthz", headers={"x-request-id": "a1b2-c3d4"}).headers[tracing.HEADER] == "a1b2-c3d4"
    for senseless in ("short", "with spaces in it", "x" * 65, "<script>alert</script>"):
        assert client.get("/healthz", headers={"x-request-id": senseless}).headers[tracing.HEADER] != senseless
    settings.PROXIES = 0
    assert client.get("/healthz", headers={"x-request-id": "a1b2-c3d4"}).headers[tracing.HEADER] != "a1b2-c3d4"


@pytest.mark.django_db
def test_what_breaks_is_found_in_the_log_by_what_the_page_says(
    client: Client, log: Callable[..., StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("mmsite.views.search_images", broken)
    client.raise_request_exception = False
    text = log(as_lines())
    answer = client.get("/healthz")
    identity = answer.headers[tracing.HEADER]
    assert answer.status_code == 500
    assert identity in answer.content.decode()
    assert f"Internal Server Error: /healthz [request {identity}]\nTraceback" in text.getvalue()


@pytest.mark.django_db
def test_requests_are_logged_where_asked_for(client: Client, log: Callable[..., StringIO], settings: Any) -> None:
    text = log(JsonFormatter())
    client.get("/favicon.ico")
    assert text.getvalue() == ""
    settings.LOG_REQUESTS = True
    answer = client.get("/favicon.ico")
    entry = json.loads(text.getvalue())
    assert entry["message"].startswith("GET /favicon.ico 30")
    assert entry["request_id"] == answer.headers[tracing.HEADER]


@pytest.mark.django_db(transaction=True)
def test_what_goes_wrong_with_a_picture_is_logged_with_it(
    make_image: MakeImage, log: Callable[..., StringIO], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("no gradient")

    images = [make_image("red"), make_image("blue")]
    monkeypatch.setattr("captioning.services.captions_write", broken)
    text = log(JsonFormatter())
    worker.work_until_idle()
    entries = [json.loads(line) for line in text.getvalue().splitlines()]
    failed = [entry for entry in entries if "no gradient" in entry["message"]]
    assert {entry["work"] for entry in failed} == {f"caption of {image.uuid}" for image in images}
    assert all("ZeroDivisionError: no gradient" in entry["exc_info"] for entry in failed)


def test_json_has_one_line_for_each_entry_without_secrets(log: Callable[..., StringIO]) -> None:
    text = log(JsonFormatter())
    logging.getLogger("somebody").warning("password=hunter2 was tried\nby %s", "Ängström", extra={"tries": 3})
    entry = json.loads(text.getvalue())
    assert entry.pop("time")
    assert entry == {
        "level": "WARNING", "logger": "somebody", "message": "password=… was tried\nby Ängström", "tries": 3,
    }  # fmt: skip
    assert text.getvalue().count("\n") == 1
