"""The system checks of search."""

from typing import Any

import pytest

from search import checks


def ids(found: list[Any]) -> list[str]:
    return [message.id for message in found]


def test_as_shipped_there_is_nothing_to_say() -> None:
    assert checks.check_vector_index() == []
    assert checks.check_encoder() == []


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"BACKEND": "search.backends.faiss.FaissIndex"}, "search.E001"),
        ({"BACKEND": "search.backends.faiss.FaissIndex", "OPTIONS": {}, "HOST": "here"}, "search.E001"),
        ("search.backends.faiss.FaissIndex", "search.E001"),
        ({"BACKEND": "search.backends.nothing.Index", "OPTIONS": {}}, "search.E002"),
        ({"BACKEND": "nothing.at.all.Index", "OPTIONS": {}}, "search.E002"),
        ({"BACKEND": "FaissIndex", "OPTIONS": {}}, "search.E002"),
    ],
)
def test_an_index_that_cannot_be_made_is_an_error(settings: Any, setting: Any, expected: str) -> None:
    settings.VECTOR_INDEX = setting
    assert ids(checks.check_vector_index()) == [expected]


def test_an_empty_encoder_is_an_error(settings: Any) -> None:
    settings.ENCODER = " "
    assert ids(checks.check_encoder()) == ["search.E003"]
