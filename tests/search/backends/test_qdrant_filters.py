"""How filters are put to Qdrant; what they then find, the conformance suite tells."""

from typing import Any as AnyType

import pytest

from search.backends.base import All, Any, Filter, HasKey, Match, Not, Range
from search.backends.qdrant_filters import qdrant_filter

NOTHING = {"has_id": []}
EVERYTHING = {"must_not": [NOTHING]}
OWNER = {"key": "owner", "match": {"any": [1]}}
TAG = {"key": "tag", "match": {"any": ["cat"]}}


def test_no_filter_is_none() -> None:
    assert qdrant_filter(None) is None


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (Match("owner", (1,)), {"should": [OWNER]}),
        (Match("tag", ("cat",)), {"should": [TAG]}),
        (
            Match("tag", (1, "cat", 2**62)),
            {"should": [{"key": "tag", "match": {"any": [1, 2**62]}}, {"key": "tag", "match": {"any": ["cat"]}}]},
        ),
        (Match("owner", ()), NOTHING),
        (Range("taken", 5, 7), {"key": "taken", "range": {"gte": 5.0, "lt": 7.0}}),
        (Range("taken", below=-7), {"key": "taken", "range": {"gte": -(2.0**63), "lt": -7.0}}),
        (Range("taken"), {"key": "taken", "range": {"gte": -(2.0**63)}}),
        (HasKey((3, 2**63 - 1)), {"has_id": [3, 2**63 - 1]}),
        (HasKey((-1, 2**63)), NOTHING),
        (HasKey(()), NOTHING),
        (All((Match("owner", (1,)),)), {"must": [{"should": [OWNER]}]}),
        (All(()), EVERYTHING),
        (Any((Match("owner", (1,)), HasKey((1,)))), {"should": [{"should": [OWNER]}, {"has_id": [1]}]}),
        (Any(()), NOTHING),
        (Not(HasKey((1,))), {"must_not": [{"has_id": [1]}]}),
        (Not(All(())), {"must_not": [EVERYTHING]}),
    ],
)
def test_each_kind_of_filter(where: Filter, expected: dict[str, AnyType]) -> None:
    put = qdrant_filter(where)
    assert put is not None
    assert put.model_dump(exclude_none=True) == {"must": [expected]}
