"""Work in a thread for as long as a block runs."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def meanwhile(work: Callable[..., None], *arguments: Any, name: str) -> Iterator[None]:
    """Run `work(done, *arguments)` beside the block, at whose end `done`, an Event, is set and the thread awaited."""
    done = threading.Event()
    thread = threading.Thread(target=work, args=(done, *arguments), name=name, daemon=True)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()
