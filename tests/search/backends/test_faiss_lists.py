"""The conformance suite on a FAISS index that has lists from its tenth point on, and looks after them at each write."""

from collections.abc import Callable, Sequence

import pytest

from search.backends import ivf
from search.backends.base import Point
from search.backends.faiss import FaissIndex
from tests.conformance.points import FIELDS, D
from tests.conformance.test_filters import *  # noqa: F403
from tests.conformance.test_pages import *  # noqa: F403
from tests.conformance.test_vector_index import *  # noqa: F403


class Eager(FaissIndex):
    def upsert(self, points: Sequence[Point]) -> None:
        super().upsert(points)
        self.maintain()


@pytest.fixture
def make(monkeypatch: pytest.MonkeyPatch) -> Callable[[], FaissIndex]:
    """The suite asks for exact answers: these indexes look into as many lists as that takes."""
    monkeypatch.setattr(ivf, "MOST_LISTS", 1)
    monkeypatch.setattr(ivf, "TARGET_RECALL", 1)
    return lambda: Eager(dimension=D, fields=FIELDS, ivf_threshold=10)


@pytest.fixture
def index(make: Callable[[], FaissIndex]) -> FaissIndex:
    return make()
