"""What the tests of faults share: who is signed in, ways in for pictures, a small disk,
and pictures that have been embedded."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from tests.faults.doors import Doors
from tests.faults.small_disk import disk
from tests.search.conftest import _fresh, embed, embedded, version

__all__ = ["_fresh", "disk", "embed", "embedded", "version"]


@pytest.fixture
def signed_in(user: Any) -> Client:
    """The browser of `user`."""
    client = Client(raise_request_exception=False)
    client.force_login(user)
    return client


@pytest.fixture
def bearer(user: Any) -> dict[str, str]:
    """The header by which programs of `user` sign in."""
    from api.tokens import token_create

    return {"Authorization": f"Bearer {token_create(owner=user, name='test', scopes=['read', 'write']).secret}"}


@pytest.fixture
def doors(signed_in: Client, bearer: dict[str, str], make_jpeg: Callable[..., bytes]) -> Doors:
    """Ways in for one picture, red."""
    return Doors(signed_in, bearer, make_jpeg("red"))
