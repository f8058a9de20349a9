"""The captioner of this process."""

from typing import Any

import pytest

import ml
from captioning import engine
from ml.errors import ModelNotFound


def test_it_is_the_one_that_the_settings_name() -> None:
    assert engine.get_captioner() is ml.load_captioner("fake")


def test_warming_up_runs_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []
    fake = ml.load_captioner("fake")
    caption = fake.caption
    monkeypatch.setattr(
        fake,
        "caption",
        lambda pictures, begin="": seen.append(len(pictures)) or caption(pictures),
        raising=False,
    )
    engine.warm()
    assert seen == [1]


def test_the_doctor_is_told_what_it_is() -> None:
    assert engine.describe() == f"fake: {ml.load_captioner('fake').info.key}"


def test_a_missing_one_is_said(settings: Any) -> None:
    settings.CAPTIONER = "nobody/has-this"
    with pytest.raises(ModelNotFound):
        engine.describe()
