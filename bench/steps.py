"""Where the time of a call goes: functions of the product are wrapped while it is measured, and only then."""

import importlib
import threading
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
    """CPU seconds of each step since `reset`, each without what steps inside it took: of the threads that do it, so
    that what else runs on the machine counts for little."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._lock, self._thread = threading.Lock(), threading.local()

    def reset(self) -> None:
        self.seconds.clear()

    def timed(self, step: str, call: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(call)
        def wrapper(*args: Any, **kwargs: Any) -> Any:
            inside: list[float] = self._thread.__dict__.setdefault("inside", [])
            inside.append(0.0)
            started = time.thread_time()
            try:
                return call(*args, **kwargs)
            finally:
                whole = time.thread_time() - started
                own = whole - inside.pop()
                if inside:
                    inside[-1] += whole
                with self._lock:
                    self.seconds[step] += own

        return wrapper


@contextmanager
def watching(steps: Steps) -> Iterator[Clock]:
    """Time the functions of each step."""
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
