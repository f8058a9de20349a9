"""Conditions on pictures that hold for few or for many of them, which a database can't tell beforehand."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Exists, OuterRef, Q, QuerySet

from gallery.models import Image, ImageQuerySet, Viewer

FEW = 500
NONE = Q(pk=0)  # is asked all the same: the number of statements tells nobody what others have


def narrowed(condition: Q, *, among: Sequence[QuerySet[Any]], viewer: Viewer) -> Q:
    """A condition on what is listed for the viewer, which holds for none but those that `among` gives, asked of as few
    as may be. One SQL statement.

    Few are asked one by one, wherever they lie. Where there are many, it is asked of one picture after the other in the
    order of the list: a page of them soon comes along, and nobody sorts all.
    """
    some = few(Image.objects.listed_for(viewer), among=among, most=FEW)
    if some is None:
        return condition
    return condition & (Q(pk__in=some) if some else NONE)


def few(images: ImageQuerySet, *, among: Sequence[QuerySet[Any]] = (), most: int) -> set[int] | None:
    """The ids of these pictures, None where they are more than `most`. One SQL statement.

    `among`: pictures, or what leads to them by its `image`, which together give all that count. Their indexes are read,
    whatever others there are, and no further than it takes to know; what one of them gives twice, counts twice.
    """
    one, *others = [_those(rows, images) for rows in among] or [images.order_by().values_list("pk", flat=True)]
    limit = (1 + len(others)) * most + 1
    found = list((one.union(*others, all=True) if others else one)[:limit])
    return None if len(found) == limit or len(set(found)) > most else set(found)


def _those(rows: QuerySet[Any], images: ImageQuerySet) -> QuerySet[Any, int]:
    field = "pk" if rows.model is Image else "image"
    return rows.filter(Exists(images.filter(pk=OuterRef(field)))).order_by().values_list(field, flat=True)
