"""How pages put pictures into words."""

from collections.abc import Callable
from datetime import date

import pytest
from django.utils import translation

from gallery.models import Image, Stage
from gallery.templatetags.gallery import day, pictures, work_state


def test_days_are_written_in_the_language_of_each_page() -> None:
    found = []
    for language in ("en", "de", "en"):
        with translation.override(language):
            found.append((day(date(2023, 5, 1), "YEAR_MONTH_FORMAT"), day(date(2023, 5, 1), "F")))

    assert found == [("May 2023", "May"), ("Mai 2023", "Mai"), ("May 2023", "May")]


@pytest.mark.parametrize(
    ("number", "language", "words"),
    [(1, "en", "1 picture"), (0, "en", "0 pictures"), (1, "de", "1 Bild"), (1234, "de", "1234 Bilder")],
)
def test_pictures_are_counted_in_words(number: int, language: str, words: str) -> None:
    with translation.override(language):
        assert pictures(number) == words


@pytest.mark.parametrize(
    ("states", "state"),
    [
        ([], "ready"),
        (["done", "skipped"], "ready"),
        (["done", "pending"], "working"),
        (["running", "failed"], "working"),
        (["done", "failed"], "failed"),
    ],
)
def test_the_work_on_a_picture_is_told_by_its_steps(
    make_image: Callable[..., Image], states: list[str], state: str
) -> None:
    image = make_image()
    image.stages.all().delete()
    for step, each in zip(("caption", "embedding"), states, strict=False):
        Stage.objects.create(image=image, step=step, state=each)

    assert work_state(image) == state
