"""Hostile pictures that are only shown, and not kept: to search by, to be described, to be embedded."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from gallery.models import Image
from tests.hostile.doors import Visitor, as_sent, multipart
from tests.hostile.generator import CATEGORIES, LIGHT

pytestmark = [pytest.mark.filterwarnings("ignore"), pytest.mark.usefixtures("fresh_index")]
# Each with the name of its field; programs with a token ask below /api/.
LOOKS = [
    ("/search/", "picture"),
    ("/describe/", "file"),
    ("/api/v1/search/picture/", "picture"),
    ("/api/v1/caption/", "picture"),
    ("/api/v1/embed/picture/", "picture"),
]


def look(visitor: Visitor, path: str, request: dict[str, Any]) -> int:
    if path.startswith("/api/"):
        return Client().post(path, headers={"Authorization": f"Bearer {visitor.secret}"}, **request).status_code
    return visitor.browser.post(path, **request).status_code


@pytest.mark.parametrize("part", range(8))
def test_whatever_is_shown_is_answered(part: int, visitor: Callable[[str], Visitor]) -> None:
    """With what was seen, or a reason: never with an error of ours. Each category takes its turn; of
    animations the first frame is looked at."""
    somebody = visitor("ada")
    for number, name in list(enumerate(LIGHT))[part::8]:
        case = CATEGORIES[name].cases[0]
        path, field = LOOKS[number % len(LOOKS)]
        status = look(somebody, path, multipart(field, case.content, as_sent(case.file_name)))
        assert 200 <= status < 500, (name, path)
    assert not Image.objects.exists()
