"""Each category of hostile pictures, through every door and the worker: a reason, or a correct rendition."""

import logging
from collections.abc import Callable

import pytest

from tests.hostile.doors import DOORS, Visitor
from tests.hostile.generator import CATEGORIES, LIGHT
from tests.hostile.judging import judge, judge_renditions, work

# What Pillow and Python say of strangers' files within this process, in which the cases are made.
pytestmark = pytest.mark.filterwarnings("ignore")


def test_there_are_enough_of_them() -> None:
    assert len(CATEGORIES) >= 75


@pytest.mark.parametrize("name", LIGHT)
def test_it_ends_in_a_reason_or_a_correct_rendition(
    name: str, visitor: Callable[[str], Visitor], caplog: pytest.LogCaptureFixture
) -> None:
    """The first case of a category comes through all doors, the others take turns with them."""
    doors = [(visitor(door), enter) for door, enter in DOORS.items()]
    taken = []
    for number, case in enumerate(CATEGORIES[name].cases):
        for somebody, enter in doors if number == 0 else [doors[number % len(doors)]]:
            result = enter(somebody, case.content, case.file_name)
            judge(case, result)
            if result.image:
                taken.append((case, result.image))
    work()
    for case, image in taken:
        judge_renditions(case, image)
    assert not [record for record in caplog.records if record.levelno >= logging.ERROR]
