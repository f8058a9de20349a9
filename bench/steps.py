"""Where the time of a call goes: functions of the product are wrapped while it is measured, and only then."""

import importlib
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import wraps
from typing import Any
from unittest import mock

# "module:function" or "module:Class.method", as the callers find it
Steps = Mapping[str, Sequence[str]]


class Clock:
    """CPU seconds of each step since `reset`, each without what steps inside it took: of this thread, so that what else
    runs on the machine counts for little."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._inside: list[float] = []

    def reset(self) -> None:
        self.seconds.clear()

    def timed(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            self._inside.append(0.0)
            started = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                whole = time.thread_time() - started
                self.seconds[step] += whole - self._inside.pop()
                if self._inside:
                    self._inside[-1] += whole

        return wrapper


@contextmanager
def watching(steps: Steps) -> Iterator[Clock]:
    """Time the functions of each step. For one thread."""
    clock = Clock()
    with ExitStack() as patches:
        for step, names in steps.items():
            for name in names:
                module, _, path = name.partition(":")
                *outer, attribute = path.split(".")
                owner: Any = importlib.import_module(module)
                for part in outer:
                    owner = getattr(owner, part)
                patches.enter_context(mock.patch.object(owner, attribute, clock.timed(step, getattr(owner, attribute))))
        yield clock
