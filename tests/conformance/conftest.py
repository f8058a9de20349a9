"""The index under test: each backend of tests.conformance.backends in turn."""

from collections.abc import Callable, Iterator

import pytest

from search.backends.base import VectorIndex
from tests.conformance.backends import BACKENDS
from tests.conformance.points import FIELDS, D

Make = Callable[[], VectorIndex]


@pytest.fixture(params=BACKENDS)
def make(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Makes indexes that are ready for points, and removes what they hold in the end."""
    made: list[VectorIndex] = []

    def new() -> VectorIndex:
        index = BACKENDS[request.param](dimension=D, fields=FIELDS)
        index.prepare()
        made.append(index)
        return index

    yield new
    for index in made:
        index.drop()


@pytest.fixture
def index(make: Make) -> VectorIndex:
    return make()
