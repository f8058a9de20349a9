"""Pages of long lists, found by key: nothing is skipped or repeated when rows come and go meanwhile, and the thousandth
page costs no more than the first. There is no total, which would cost a count of everything each time."""

import base64
import binascii
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeVar

from django.core.exceptions import FieldDoesNotExist, ValidationError
from django.db.models import Model, Q, QuerySet
from rest_framework.exceptions import NotFound
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.utils.urls import replace_query_param

Row = TypeVar("Row", bound=Model)

SIZE = 50
MOST = 200
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Order:
    """By a column of the rows (never null), and then by their key, the same way round."""

    field: str
    descending: bool = True

    def columns(self, *, backwards: bool = False) -> list[str]:
        mark = "-" if self.descending != backwards else ""
        return list(dict.fromkeys([f"{mark}{self.field}", f"{mark}pk"]))


NEWEST = Order("pk")


@dataclass(frozen=True)
class _Place:
    """Between two rows: behind the one with this value and key, or before it."""

    value: Any
    pk: int
    backwards: bool


def page(
    request: Request, rows: "QuerySet[Row]", *, order: Order = NEWEST, size: int, represent: Callable[[list[Row]], Any]
) -> Response:
    """One page of `rows`: `{"next", "previous", "results"}`, by `?cursor=` and `?limit=`, which gave `size`.

    Raises NotFound for a cursor that isn't one of this list.
    """
    place = _read(request.query_params.get("cursor", ""), rows, order)
    backwards = place is not None and place.backwards
    found = list(_beyond(rows, order, place).order_by(*order.columns(backwards=backwards))[: size + 1])
    shown, is_more = found[:size], len(found) > size
    if backwards:
        shown.reverse()
    has_next = is_more if not backwards else True
    has_previous = is_more if backwards else place is not None
    return Response(
        {
            "next": _link(request, order, shown[-1], backwards=False) if shown and has_next else None,
            "previous": _link(request, order, shown[0], backwards=True) if shown and has_previous else None,
            "results": represent(shown),
        }
    )


def _beyond(rows: "QuerySet[Row]", order: Order, place: _Place | None) -> "QuerySet[Row]":
    if place is None:
        return rows
    is_down = order.descending != place.backwards
    near, far = ("lte", "gte") if is_down else ("gte", "lte")
    if order.field == "pk":
        return rows.filter(**{f"pk__{'lt' if is_down else 'gt'}": place.pk})
    # not an OR, which makes SQLite scan: see gallery.selectors
    same = Q(**{order.field: place.value, f"pk__{far}": place.pk})
    return rows.filter(Q(**{f"{order.field}__{near}": place.value}) & ~same)


def _link(request: Request, order: Order, row: Model, *, backwards: bool) -> str:
    value: Any = row
    for part in order.field.split("__"):
        value = getattr(value, part)
    text = value.isoformat() if isinstance(value, datetime) else value
    told = json.dumps([order.field, text, row.pk, int(backwards)], separators=(",", ":"))
    cursor = base64.urlsafe_b64encode(told.encode()).decode().rstrip("=")
    return replace_query_param(request.build_absolute_uri(), "cursor", cursor)


def _read(cursor: str, rows: "QuerySet[Row]", order: Order) -> _Place | None:
    if not cursor:
        return None
    try:
        told = base64.urlsafe_b64decode(cursor.encode("ascii") + b"=" * (-len(cursor) % 4))
        field, text, pk, backwards = json.loads(told)
        value = _field(rows, order).to_python(text)
        is_ours = field == order.field and isinstance(pk, int) and 0 <= pk <= _LARGEST_ID and backwards in (0, 1)
    except (ValueError, TypeError, binascii.Error, RecursionError, ValidationError, FieldDoesNotExist):
        is_ours = False
    if not is_ours or value is None or "\0" in str(value):
        raise NotFound("This page is not one of this list: follow next and previous.")
    return _Place(value, pk, bool(backwards))


def _field(rows: "QuerySet[Row]", order: Order) -> Any:
    options: Any = rows.model._meta
    *relations, last = order.field.split("__")
    for relation in relations:
        options = options.get_field(relation).related_model._meta
    return options.pk if last == "pk" else options.get_field(last)
