"""Few pictures are told by their ids, and many as such."""

from typing import Any

import pytest

from gallery.models import Image
from gallery.narrowing import few

NUMBER = 4


@pytest.fixture
def ids(make_image: Any) -> set[int]:
    return {make_image((40 * number, 0, 0)).pk for number in range(NUMBER)}


@pytest.mark.parametrize("times", [0, 1, 2])
def test_up_to_the_bound_all_are_told(ids: set[int], times: int) -> None:
    among = [Image.objects.all()] * times
    assert few(Image.objects.all(), among=among, most=NUMBER) == ids
    assert few(Image.objects.all(), among=among, most=NUMBER - 1) is None


def test_those_alone_that_are_asked_for(ids: set[int]) -> None:
    first, *others = sorted(ids)
    assert few(Image.objects.exclude(pk=first), among=[Image.objects.filter(pk__in=[first, others[0]])], most=9) == {
        others[0]
    }


def test_of_several_each_may_have_some_of_its_own(ids: set[int]) -> None:
    first, second, *_ = sorted(ids)
    among = [Image.objects.filter(pk=first), Image.objects.filter(pk__in=[first, second])]
    assert few(Image.objects.all(), among=among, most=2) == {first, second}
