"""What filters alone let through is counted up to a bound, and paged to its end whatever that is."""

from collections.abc import Callable

import pytest

from gallery.models import Image, User
from search.query import answer
from search.query.answer import search_images

NUMBER = 5


@pytest.fixture
def images(make_image: Callable[..., Image], user: User) -> list[Image]:
    return [make_image((40 * number, 0, 0)) for number in range(NUMBER)]


@pytest.mark.parametrize(("most", "total", "is_exact"), [(NUMBER, NUMBER, True), (NUMBER - 2, NUMBER - 2, False)])
@pytest.mark.usefixtures("images")
def test_more_than_the_bound_is_told_as_such(
    user: User, monkeypatch: pytest.MonkeyPatch, most: int, total: int, is_exact: bool
) -> None:
    monkeypatch.setattr(answer, "MOST_COUNTED", most)
    first = search_images(viewer=user, query="by:me", limit=2)
    assert (first.total, first.is_total_exact, first.is_last) == (total, is_exact, False)


def test_pages_lead_to_the_last_and_its_number_is_exact(
    user: User, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answer, "MOST_COUNTED", 1)
    pages = [search_images(viewer=user, query="by:me", limit=2, offset=offset) for offset in (0, 2, 4)]
    assert [page.is_last for page in pages] == [False, False, True]
    assert [hit.image for page in pages for hit in page.hits] == images[::-1]
    assert (pages[-1].total, pages[-1].is_total_exact) == (NUMBER, True)


def test_beyond_the_end_nothing_is_shown_and_all_is_counted(user: User, images: list[Image]) -> None:
    beyond = search_images(viewer=user, query="by:me", limit=2, offset=NUMBER + 1)
    assert (beyond.hits, beyond.total, beyond.is_last) == ([], len(images), True)
