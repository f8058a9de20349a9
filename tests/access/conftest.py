"""One world for all of these tests: making it takes longer than asking it a hundred times."""

import logging
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.db import transaction
from django.test import override_settings

from gallery import sessions
from search import engine, index
from tests.access.world import World


@pytest.fixture(autouse=True, scope="package")
def _media(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In the place of that of all tests, which gives each its own folder."""
    folder = tmp_path_factory.mktemp("access")
    with override_settings(
        MEDIA_ROOT=folder / "media",
        INDEX_DIR=folder / "index",
        UPLOADS_DIR=folder / "uploads",
        API_RATES=dict.fromkeys(settings.API_RATES),
    ):
        yield


@pytest.fixture(autouse=True, scope="package")
def _unhurried() -> Iterator[None]:
    """Nobody's session is noted anew midway, however slow the machine: it makes two answers differ."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sessions, "SEEN_EVERY", timedelta(days=1))
        yield


@pytest.fixture(autouse=True, scope="package")
def _quiet() -> Iterator[None]:
    """Thousands of refusals are nothing to tell of."""
    loggers = [logging.getLogger(name) for name in ("django.request", "django.security")]
    for logger in loggers:
        logger.disabled = True
    yield
    for logger in loggers:
        logger.disabled = False


@pytest.fixture(scope="package")
def db(_media: None, django_db_setup: None, django_db_blocker: Any) -> Iterator[None]:
    """In the place of pytest-django's, which takes back what was done after each test."""
    with django_db_blocker.unblock(), transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture(scope="package")
def world(db: None) -> Iterator[World]:
    yield World()
    index.reset()
    engine.forget_queries()
