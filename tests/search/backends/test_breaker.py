import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

import pytest

from search.backends.breaker import CircuitBreaker
from search.backends.exceptions import CircuitOpen, DimensionMismatch, IndexRefused, IndexUnavailable


class Clock:
    """Seconds that pass when the test says so."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> CircuitBreaker:
    return CircuitBreaker(clock=clock, wall_clock=lambda: clock.now + 1_000_000)


def answer() -> str:
    return "fine"


def fail() -> str:
    raise IndexUnavailable("The server is down.")


def refuse() -> str:
    raise IndexRefused("The key is wrong.")


def blunder() -> str:
    raise DimensionMismatch("The vector is too short.")


def calls(breaker: CircuitBreaker, function: Callable[[], str], times: int) -> None:
    for _ in range(times):
        with suppress(IndexUnavailable, DimensionMismatch):
            breaker.call(function)


def is_let_through(breaker: CircuitBreaker, function: Callable[[], str] = fail) -> bool:
    """Whether a call arrives at the server."""
    arrived = []

    def watched() -> str:
        arrived.append(True)
        return function()

    calls(breaker, watched, 1)
    return bool(arrived)


class TestClosed:
    def test_answers_pass_through(self, breaker: CircuitBreaker) -> None:
        assert breaker.call(answer) == "fine"
        assert breaker.state == "closed"
        assert not breaker.is_open

    def test_failures_pass_through_as_they_are(self, breaker: CircuitBreaker) -> None:
        with pytest.raises(IndexUnavailable, match="The server is down"):
            breaker.call(fail)
        assert breaker.state == "closed"

    def test_only_failures_in_a_row_count(self, breaker: CircuitBreaker) -> None:
        for _ in range(5):
            calls(breaker, fail, 2)
            breaker.call(answer)
        assert breaker.state == "closed"

    def test_other_exceptions_count_neither_way(self, breaker: CircuitBreaker) -> None:
        calls(breaker, blunder, 10)
        assert breaker.state == "closed"
        calls(breaker, fail, 2)
        calls(breaker, blunder, 1)
        calls(breaker, fail, 1)
        assert breaker.state == "open"


class TestOpen:
    @pytest.mark.parametrize("failure", [fail, refuse])
    def test_it_opens_after_three_failures_in_a_row(
        self, breaker: CircuitBreaker, clock: Clock, failure: Callable[[], str]
    ) -> None:
        clock.now = 200.0
        calls(breaker, failure, 3)
        assert breaker.state == "open"
        assert breaker.is_open
        assert breaker.since == 1_000_200

    def test_nothing_is_called_until_the_cooldown_is_over(self, breaker: CircuitBreaker, clock: Clock) -> None:
        calls(breaker, fail, 3)
        clock.now += 4.9
        assert not is_let_through(breaker, answer)
        with pytest.raises(CircuitOpen, match=r"isn't asked for 0\.1 s"):
            breaker.call(answer)

    def test_a_call_from_before_says_nothing_about_now(self, breaker: CircuitBreaker) -> None:
        def slow_answer() -> str:
            calls(breaker, fail, 3)
            return "late"

        assert breaker.call(slow_answer) == "late"
        assert breaker.state == "open"

    def test_failures_from_before_do_not_lengthen_the_cooldown(self, breaker: CircuitBreaker, clock: Clock) -> None:
        def slow_failure() -> str:
            calls(breaker, fail, 3)
            clock.now += 4.0
            return fail()

        calls(breaker, slow_failure, 1)
        clock.now += 1.0
        assert is_let_through(breaker)


class TestHalfOpen:
    @pytest.fixture(autouse=True)
    def _half_open(self, breaker: CircuitBreaker, clock: Clock) -> None:
        calls(breaker, fail, 3)
        clock.now += 5.0
        assert breaker.state == "half-open"
        assert breaker.is_open

    def test_a_probe_that_succeeds_closes_it(self, breaker: CircuitBreaker, clock: Clock) -> None:
        assert breaker.call(answer) == "fine"
        assert breaker.state == "closed"
        assert breaker.since == 1_000_000 + clock.now
        calls(breaker, fail, 2)
        assert breaker.state == "closed", "it starts to count afresh"

    def test_each_failed_probe_doubles_the_cooldown_up_to_the_longest(
        self, breaker: CircuitBreaker, clock: Clock
    ) -> None:
        for cooldown in (10, 20, 30, 30):
            assert is_let_through(breaker)
            clock.now += cooldown - 0.5
            assert not is_let_through(breaker)
            clock.now += 0.5
        assert breaker.since == 1_000_100, "it has been down since the first time"

    def test_the_cooldown_is_short_again_after_a_recovery(self, breaker: CircuitBreaker, clock: Clock) -> None:
        calls(breaker, fail, 1)
        clock.now += 10.0
        breaker.call(answer)
        calls(breaker, fail, 3)
        clock.now += 5.0
        assert is_let_through(breaker)

    def test_only_one_probe_at_a_time(self, breaker: CircuitBreaker) -> None:
        def probe() -> str:
            with pytest.raises(CircuitOpen):
                breaker.call(answer)
            assert breaker.state == "half-open"
            return "probed"

        assert breaker.call(probe) == "probed"
        assert breaker.state == "closed"

    def test_a_probe_without_a_verdict_makes_way_for_the_next(self, breaker: CircuitBreaker) -> None:
        with pytest.raises(KeyboardInterrupt):
            breaker.call(interrupt)
        with pytest.raises(DimensionMismatch):
            breaker.call(blunder)
        assert breaker.call(answer) == "fine"
        assert breaker.state == "closed"

    def test_a_probe_that_never_comes_back_makes_way_after_a_while(self, breaker: CircuitBreaker, clock: Clock) -> None:
        def lost() -> str:
            clock.now += 9.9
            assert not is_let_through(breaker, answer)
            clock.now += 0.1
            assert is_let_through(breaker, answer)
            return fail()

        calls(breaker, lost, 1)
        assert breaker.state == "closed", "what the first one found out doesn't count any more"


def interrupt() -> str:
    raise KeyboardInterrupt


def test_of_many_threads_one_makes_the_probe(clock: Clock) -> None:
    breaker = CircuitBreaker(failures=1, clock=clock)
    calls(breaker, fail, 1)
    clock.now += 5.0
    start = threading.Barrier(8)
    refused = threading.Semaphore(0)
    outcomes: SimpleQueue[str] = SimpleQueue()

    def probe() -> str:
        for _ in range(7):
            assert refused.acquire(timeout=60), "the others are refused while the probe is under way"
        return "probed"

    def visitor() -> None:
        start.wait()
        try:
            outcomes.put(breaker.call(probe))
        except CircuitOpen:
            outcomes.put("refused")
            refused.release()

    threads = [threading.Thread(target=visitor) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes.get() for _ in range(8)) == ["probed"] + 7 * ["refused"]
    assert breaker.state == "closed"
