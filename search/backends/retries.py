"""Trying again what failed for a reason that may pass."""

import itertools
import random
import time
from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

from search.backends.exceptions import IndexBusy, IndexRefused, IndexUnavailable

Result = TypeVar("Result")


class Retries:
    """Repeats a call that raises IndexUnavailable, at most `attempts` times in all, for calls that are safe to repeat.

    Before the n-th repetition it waits a random part of `first_wait * 2**(n - 1)` seconds, at most `longest_wait`:
    whoever lost the same server at the same moment doesn't come back at the same moment ("Exponential Backoff And
    Jitter", AWS Architecture Blog, 2015). A server that says how long to wait is given that long. No repetition starts
    later than `patience` seconds after the first attempt. IndexRefused is never worth another try.
    """

    def __init__(
        self,
        *,
        attempts: int = 4,
        first_wait: float = 0.25,
        longest_wait: float = 5.0,
        patience: float = 30.0,
        sleep: Callable[[float], None] = time.sleep,
        clock: Callable[[], float] = time.monotonic,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._attempts = attempts
        self._first_wait = first_wait
        self._longest_wait = longest_wait
        self._patience = patience
        self._sleep = sleep
        self._clock = clock
        self._chance = chance

    def call(self, function: Callable[[], Result]) -> Result:
        """What the function returns. Raises what its last attempt raised."""
        give_up = self._clock() + self._patience
        for attempt in itertools.count(1):
            try:
                return function()
            except IndexRefused:
                raise
            except IndexUnavailable as error:
                wait = self._wait(attempt, error)
                if attempt >= self._attempts or self._clock() + wait > give_up:
                    raise
            self._sleep(wait)
        raise AssertionError("the loop ends by returning or raising only")

    def _wait(self, attempt: int, error: IndexUnavailable) -> float:
        wait = self._chance() * min(self._longest_wait, self._first_wait * 2.0 ** (attempt - 1))
        asked_for = error.retry_after if isinstance(error, IndexBusy) else None
        return max(wait, asked_for or 0.0)


def within(seconds: float, function: Callable[[], Result]) -> Result:
    """What the function returns or raises, if it does so in time. Raises TimeoutError otherwise; the function then goes
    on in a thread of its own, and its result is dropped.

    The timeouts of HTTP clients bound each wait for the network, not their sum, nor the look-up of a name.
    """
    outcome: Future[Result] = Future()

    def run() -> None:
        try:
            outcome.set_result(function())
        except BaseException as error:  # noqa: BLE001  raised again by whoever waits
            outcome.set_exception(error)

    Thread(target=run, name="within", daemon=True).start()
    return outcome.result(timeout=seconds)
