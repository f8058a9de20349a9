"""Filters in Qdrant's own terms.

Qdrant takes an empty clause for none at all: `should: []` lets everything through. What matches nothing, or everything,
is therefore said outright.
"""

from qdrant_client import models

from search.backends.base import All, Any, Filter, HasKey, Match, Not, Range

# To be asked about plain ints only: for anything else, a range compares with each of its numbers.
KEYS = range(2**63)

NOTHING = models.HasIdCondition(has_id=[])
EVERYTHING = models.Filter(must_not=[NOTHING])

_SMALLEST = -(2**63)


def qdrant_filter(where: Filter | None) -> models.Filter | None:
    """The filter as Qdrant wants it; None lets everything through."""
    return None if where is None else models.Filter(must=[_condition(where)])


def _condition(where: Filter) -> models.Condition:
    match where:
        case Match():
            return _matching(where)
        case Range():
            return _ranging(where)
        case HasKey(keys):
            return models.HasIdCondition(has_id=[key for key in map(int, keys) if key in KEYS])
        case All(parts):
            return models.Filter(must=[_condition(part) for part in parts]) if parts else EVERYTHING
        case Any(parts):
            return models.Filter(should=[_condition(part) for part in parts]) if parts else NOTHING
        case Not(part):
            return models.Filter(must_not=[_condition(part)])


def _matching(where: Match) -> models.Condition:
    """Qdrant compares with whole numbers or with texts, not with both at once; 1 is never "1"."""
    numbers = [int(value) for value in where.values if isinstance(value, int)]
    texts = [value for value in where.values if isinstance(value, str)]
    some: list[models.Condition] = [
        models.FieldCondition(key=where.field, match=models.MatchAny(any=values))
        for values in (numbers, texts)
        if values
    ]
    return models.Filter(should=some) if some else NOTHING


def _ranging(where: Range) -> models.Condition:
    """Qdrant compares ranges as float64: bounds beyond 2**53 are rounded. The lower one is always given, since the
    field must be there even where both ends are open."""
    at_least = _SMALLEST if where.at_least is None else where.at_least
    return models.FieldCondition(key=where.field, range=models.Range(gte=at_least, lt=where.below))
