"""What those who watch over the site are told, and that nobody else is."""

from typing import Any

import pytest
from django.test import Client

from gallery.models import User
from search import index
from search.versions import model_version_ensure


@pytest.fixture(autouse=True)
def _fresh() -> None:
    index.reset()


@pytest.fixture
def version(db: None) -> Any:
    return model_version_ensure()


def test_the_token_opens_it(client: Client, version: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret"
    answer = client.get("/metrics", headers={"authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.content.decode().splitlines()
    assert "mmsite_index_breaker_open 0.0" in lines
    assert 'mmsite_steps{state="waiting"} 0.0' in lines
    assert any(line.startswith("mmsite_search_fallback_total ") for line in lines)


@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong", "s3cretly"])
def test_strangers_find_nothing(client: Client, version: Any, settings: Any, shown: str) -> None:
    for token in ("", "s3cret"):
        settings.METRICS_TOKEN = token
        assert client.get("/metrics", headers={"authorization": shown}).status_code == 404


def test_administrators_may_look(client: Client, version: Any, user: User) -> None:
    client.force_login(user)
    assert client.get("/metrics").status_code == 404
    user.is_superuser = True
    user.save()
    assert client.get("/metrics").status_code == 200
