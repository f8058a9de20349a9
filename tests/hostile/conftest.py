"""Who comes to the doors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.test import Client

from api.tokens import token_create
from gallery.models import User
from search.versions import model_version_ensure
from tests.hostile.doors import Visitor


@pytest.fixture(autouse=True)
def _no_rates(settings: Any) -> None:
    """How often somebody may come is tested elsewhere."""
    settings.API_RATES = dict.fromkeys(settings.API_RATES)
    settings.RATES = dict.fromkeys(settings.RATES)


@pytest.fixture
def visitor(db: None, tmp_path: Path) -> Callable[[str], Visitor]:
    """Somebody of this name."""
    model_version_ensure()

    def make(name: str) -> Visitor:
        user = User.objects.create_user(name)
        browser = Client()
        browser.force_login(user)
        secret = token_create(owner=user, name="test", scopes=["read", "write"]).secret
        folder = tmp_path / name
        folder.mkdir()
        return Visitor(user, browser, secret, folder)

    return make
