import threading
from collections.abc import Callable

import pytest

from search.backends.exceptions import DimensionMismatch, IndexBusy, IndexRefused, IndexUnavailable
from search.backends.retries import Retries, within


class Watch:
    """A clock that only sleeping moves on."""

    def __init__(self) -> None:
        self.now = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds


@pytest.fixture
def watch() -> Watch:
    return Watch()


def retries(watch: Watch, *, chance: float = 1.0, **options: float) -> Retries:
    return Retries(sleep=watch.sleep, clock=watch, chance=lambda: chance, **options)  # type: ignore[arg-type]


def failing(*errors: Exception) -> Callable[[], str]:
    left = list(errors)

    def function() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return function


def down() -> IndexUnavailable:
    return IndexUnavailable("The server is down.")


def test_what_works_is_done_once(watch: Watch) -> None:
    assert retries(watch).call(failing()) == "done"
    assert watch.slept == []


def test_waits_grow_up_to_the_longest(watch: Watch) -> None:
    assert retries(watch, attempts=7).call(failing(*[down()] * 6)) == "done"
    assert watch.slept == [0.25, 0.5, 1.0, 2.0, 4.0, 5.0]


def test_waits_are_a_random_part_of_that(watch: Watch) -> None:
    retries(watch, chance=0.1).call(failing(down(), down()))
    assert watch.slept == [0.025, 0.05]


def test_the_last_error_is_raised_after_the_last_attempt(watch: Watch) -> None:
    errors = [IndexUnavailable(f"number {number}") for number in range(9)]
    with pytest.raises(IndexUnavailable, match="number 3"):
        retries(watch).call(failing(*errors))
    assert len(watch.slept) == 3


def test_nothing_is_begun_when_patience_has_run_out(watch: Watch) -> None:
    def hangs() -> str:
        watch.now += 30.0
        raise down()

    with pytest.raises(IndexUnavailable):
        retries(watch, attempts=100, patience=60.0).call(hangs)
    assert watch.now == pytest.approx(60.25)


@pytest.mark.parametrize("error", [IndexRefused("The key is wrong."), DimensionMismatch("Too short.")])
def test_what_stays_as_it_is_is_not_tried_again(watch: Watch, error: Exception) -> None:
    with pytest.raises(type(error)):
        retries(watch).call(failing(error))
    assert watch.slept == []


def test_a_server_is_left_alone_as_long_as_it_asks(watch: Watch) -> None:
    busy = [IndexBusy("Too much.", retry_after=7.0), IndexBusy("Too much."), IndexBusy("Too much.", retry_after=0.0)]
    assert retries(watch).call(failing(*busy)) == "done"
    assert watch.slept == [7.0, 0.5, 1.0]


def test_a_server_that_asks_for_too_long_is_given_up(watch: Watch) -> None:
    with pytest.raises(IndexBusy):
        retries(watch).call(failing(IndexBusy("Come back tomorrow.", retry_after=86_400.0)))
    assert watch.slept == []


class TestWithin:
    def test_results_and_errors_come_through(self) -> None:
        assert within(60, failing()) == "done"
        with pytest.raises(IndexUnavailable):
            within(60, failing(down()))

    def test_whoever_takes_too_long_is_left_behind(self) -> None:
        release, left = threading.Event(), threading.Event()

        def hangs() -> None:
            release.wait(60)
            left.set()

        with pytest.raises(TimeoutError):
            within(0.01, hangs)
        release.set()
        assert left.wait(60)
