"""The text reader of this process."""

from typing import Any

import pytest

import ml
from ml.errors import ModelNotFound
from reading import engine


def test_it_is_the_one_that_the_settings_name(settings: Any) -> None:
    settings.TEXT_READER = "fake"
    assert engine.get_reader() is ml.load_reader("fake")
    assert engine.describe() == f"fake: {ml.load_reader('fake').info.key}"


def test_there_may_be_none(settings: Any) -> None:
    settings.TEXT_READER = engine.NONE
    assert not engine.is_on()
    assert engine.describe().startswith("none")


def test_a_missing_one_is_said(settings: Any) -> None:
    settings.TEXT_READER = "nobody/has-this"
    assert engine.is_on()
    with pytest.raises(ModelNotFound):
        engine.describe()
