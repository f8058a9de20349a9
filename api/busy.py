"""How many requests of a process may keep a model busy at once: a site of two cores must go on showing pages."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from api.exceptions import Unavailable
from ml.errors import ModelError

AT_ONCE = 2
PATIENCE = 5.0  # seconds that a request waits for its turn

_turns = threading.BoundedSemaphore(AT_ONCE)


class Busy(Unavailable):
    """Raised where others keep the models busy."""

    default_detail = "The models are busy with other requests. Try again in a few seconds."
    default_code = "busy"
    wait = 5  # REST framework's Retry-After


@contextmanager
def model_turn(*, patience: float = PATIENCE) -> Iterator[None]:
    """Runs the block when it is its turn. Raises Busy, or Unavailable where the block finds that there is no model."""
    if not _turns.acquire(timeout=patience):
        raise Busy
    try:
        yield
    except ModelError as error:
        raise NoModel(f"The model can't be used now: {error}") from error
    finally:
        _turns.release()


class NoModel(Unavailable):
    """Raised where a model is missing, damaged, or has changed."""

    default_detail = "The model can't be used now."
    default_code = "no_model"
    wait = 60
