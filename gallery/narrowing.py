"""Conditions on pictures that hold for few or for many of them, which a database can't tell beforehand."""

from typing import Any

from django.db.models import Q, QuerySet

FEW = 500


def narrowed(condition: Q, ids: "QuerySet[Any, int]") -> Q:
    """A condition on pictures that holds for none but those with these `ids`, each asked of as few as may be. One SQL
    statement.

    Few are asked one by one, wherever they lie. Where there are many, it is asked of one picture after the other in the
    order of the list: a page of them soon comes along, and nobody sorts all.
    """
    few = set(ids.order_by()[: FEW + 1])
    return condition & Q(pk__in=few) if len(few) <= FEW else condition
