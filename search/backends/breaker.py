"""A circuit breaker: who keeps failing is left alone for a while, and asked by one caller only whether it is back.

Without one, each visitor of a gallery whose vector server hangs would wait out the whole timeout. See M. Nygard,
"Release It!" (2007), chapter 5.
"""

import threading
import time
from collections.abc import Callable
from typing import Literal, TypeVar

from search.backends.exceptions import CircuitOpen, IndexUnavailable

State = Literal["closed", "open", "half-open"]
Result = TypeVar("Result")


class CircuitBreaker:
    """Lets calls through (closed) until `failures` of them in a row raise IndexUnavailable; then refuses all of them
    (open) for `cooldown` seconds, after which one at a time is let through as a probe (half-open). A probe that
    succeeds closes the circuit; each that fails opens it again for twice as long, up to `longest_cooldown` seconds.

    Other exceptions pass through and count neither way: a vector of the wrong length says nothing about the server.
    A probe that hasn't come back after `probe_timeout` seconds (its thread may be dead) makes way for another one.

    Safe to share between threads; each process has its own. `clock` counts seconds and never goes back; `wall_clock`
    gives Unix time.
    """

    def __init__(
        self,
        *,
        failures: int = 3,
        cooldown: float = 5.0,
        longest_cooldown: float = 30.0,
        probe_timeout: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        self._failures_to_open = failures
        self._first_cooldown = cooldown
        self._longest_cooldown = longest_cooldown
        self._probe_timeout = probe_timeout
        self._clock = clock
        self._wall_clock = wall_clock

        self._lock = threading.Lock()
        self._era = 0  # changes whenever the state does; see _admit
        self._failures = 0
        self._closed = True
        self._cooldown = cooldown
        self._probing = False
        self._probe_from = 0.0  # when, by the clock, the next probe may start
        self._since = wall_clock()

    @property
    def state(self) -> State:
        """closed: calls go through; open: none does; half-open: the next one is a probe, or one is under way."""
        with self._lock:
            if self._closed:
                return "closed"
            return "half-open" if self._probing or self._clock() >= self._probe_from else "open"

    @property
    def is_open(self) -> bool:
        """Whether the server counts as down: open or half-open."""
        return self.state != "closed"

    @property
    def since(self) -> float:
        """When the server was last found to be down, or up again, in Unix time."""
        with self._lock:
            return self._since

    def call(self, function: Callable[[], Result]) -> Result:
        """What the function returns. Raises CircuitOpen, without calling it, where the circuit is open."""
        era = self._admit()
        try:
            result = function()
        except IndexUnavailable:
            self._on_failure(era)
            raise
        except BaseException:
            self._on_no_verdict(era)
            raise
        self._on_success(era)
        return result

    def _admit(self) -> int:
        """The era that the call belongs to. What comes of it counts only within that era: a call that began before the
        circuit opened, and ends after, says nothing about the server of now."""
        with self._lock:
            if not self._closed:
                now = self._clock()
                if now < self._probe_from:
                    wait = self._probe_from - now
                    raise CircuitOpen(
                        f"The vector server failed several times in a row; it isn't asked for {wait:.1f} s."
                    )
                self._probing = True
                self._probe_from = now + self._probe_timeout
                self._era += 1
            return self._era

    def _on_failure(self, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            if self._closed:
                self._failures += 1
                if self._failures < self._failures_to_open:
                    return
                self._closed = False
                self._since = self._wall_clock()
                self._cooldown = self._first_cooldown
            else:
                self._cooldown = min(2 * self._cooldown, self._longest_cooldown)
            self._era += 1
            self._probing = False
            self._probe_from = self._clock() + self._cooldown

    def _on_no_verdict(self, era: int) -> None:
        with self._lock:
            if era == self._era and not self._closed:
                self._probing = False
                self._probe_from = self._clock()

    def _on_success(self, era: int) -> None:
        with self._lock:
            if era != self._era:
                return
            self._failures = 0
            if not self._closed:
                self._closed = True
                self._probing = False
                self._era += 1
                self._since = self._wall_clock()
