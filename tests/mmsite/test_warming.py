"""What a web process loads before its first request, by a search that leaves nothing behind."""

from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.db import DatabaseError, connection
from django.template import engines
from django.test import Client
from django.test.utils import CaptureQueriesContext
from prometheus_client import generate_latest

from gallery.models import Image, PersonSession, User
from mmsite import gunicorn_conf, warming, worker
from search.models import SavedSearch
from search.versions import model_version_ensure

pytestmark = pytest.mark.usefixtures("fresh_index")


@pytest.fixture
def picture(db: None, make_image: Callable[..., Image]) -> Image:
    """One that can be found."""
    model_version_ensure()
    image = make_image("red")
    worker.work_until_idle()
    return image


@pytest.fixture
def templates() -> Any:
    """Those that are compiled, by the template engine; none at first."""
    (loader,) = engines["django"].engine.template_loaders  # type: ignore[attr-defined]
    loader.reset()
    return loader.get_template_cache


def counted() -> list[str]:
    lines = generate_latest().decode().splitlines()
    return [line for line in lines if line.startswith("mmsite_") and "_created" not in line]


def test_the_first_search_compiles_no_template(
    client: Client, user: User, picture: Image, templates: dict[str, Any]
) -> None:
    warming.warm()
    known = set(templates)
    assert "search/search.html" in known
    client.force_login(user)
    answer = client.get("/search/", {"q": "red"})
    assert str(picture.uuid) in answer.content.decode()
    assert set(templates) - known == set()


def test_nothing_tells_of_it_afterwards(picture: Image, caplog: pytest.LogCaptureFixture) -> None:
    warming.warm()  # what encoders make of the background queries is kept, once
    before = counted()
    with CaptureQueriesContext(connection) as statements:
        warming.warm()
    assert len(statements) > 0
    assert {each["sql"].split()[0] for each in statements} <= {"SELECT", "WITH"}
    assert counted() == before
    assert not any(model.objects.exists() for model in (SavedSearch, Session, PersonSession))
    assert caplog.text == ""


def test_an_empty_library_is_searched_too(db: None, templates: dict[str, Any]) -> None:
    warming.warm()
    assert "search/search.html" in templates


@pytest.mark.parametrize("error", [DatabaseError("database is locked"), RuntimeError("a fault of ours")])
def test_the_site_starts_whatever_becomes_of_it(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    def fail() -> None:
        raise error

    monkeypatch.setattr(warming, "warm", fail)
    monkeypatch.setattr("gc.freeze", lambda: None)
    gunicorn_conf.post_worker_init(None)
    assert "Search is not ready" in caplog.text
    assert str(error) in caplog.text
