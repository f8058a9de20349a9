from collections.abc import Callable
from resource import RUSAGE_SELF, getrusage
from typing import Any

from django.conf import settings
from django.http import HttpResponse
from django.test import RequestFactory

from mmsite.frames import in_one_piece

CALLS = 500


def nothing() -> None:
    pass


def call_often() -> int:
    """How many pages of memory are taken anew by calls that need none."""
    before = getrusage(RUSAGE_SELF).ru_minflt
    for _ in range(CALLS):
        nothing()
    return getrusage(RUSAGE_SELF).ru_minflt - before


def deep(frames: int, ask: Callable[[], int]) -> int:
    return deep(frames - 1, ask) if frames else ask()


def most_taken(_: Any = None) -> HttpResponse:
    """The most, however deep the calls are."""
    return HttpResponse(str(max(deep(frames, call_often) for frames in range(400))))


def test_no_call_of_a_request_takes_a_new_piece_of_the_stack() -> None:
    assert int(most_taken().content) >= CALLS  # what it is for: some depth is at the border of two
    request = RequestFactory().get("/")
    assert int(in_one_piece(most_taken)(request).content) < CALLS // 2


def test_it_is_around_all_other_middleware() -> None:
    assert settings.MIDDLEWARE[0] == "mmsite.frames.in_one_piece"
