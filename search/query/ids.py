"""Long lists of pictures' ids, to SQL and back, each as one value: that saves one for each picture."""

import json
from collections.abc import Collection, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from django.core.exceptions import EmptyResultSet
from django.db import connection
from django.db.models import BooleanField, F, Func, Q
from django.db.models.expressions import RawSQL

from gallery.models import ImageQuerySet

Ids = npt.NDArray[np.int64]


def one_of(ids: Collection[int], field: str = "pk") -> Q:
    """The pictures with these ids, as a condition on Image; or on what has a picture in its `field`."""
    if connection.vendor == "postgresql":
        # Not IN (SELECT unnest(…)), for which PostgreSQL may read every picture there is.
        sides = F(field), RawSQL("%s::bigint[]", [list(ids)])
        return Q(Func(*sides, template="%(expressions)s", arg_joiner=" = ANY ", output_field=BooleanField()))
    return Q(**{f"{field}__in": RawSQL("SELECT value FROM json_each(%s)", [json.dumps(list(ids))])})


def ids_of(images: ImageQuerySet) -> Ids:
    """The pictures' ids, ascending. One statement."""
    try:
        return ids_selected(*images.values("pk").query.sql_with_params())
    except EmptyResultSet:
        return np.empty(0, np.int64)


def ids_selected(sql: str, params: Sequence[Any]) -> Ids:
    """The ids that a statement selects, ascending. As text, which numpy reads in a third of the time that JSON takes,
    or an array in psycopg."""
    text = "string_agg(id::text, ',')" if connection.vendor == "postgresql" else "group_concat(id)"
    with connection.cursor() as cursor:
        cursor.execute(f"WITH found (id) AS ({sql}) SELECT {text} FROM found", params)  # noqa: S608  a constant
        (found,) = cursor.fetchone()
    return np.sort(np.fromstring(found or "", np.int64, sep=","))


def columns(images: ImageQuerySet, *fields: str) -> list[list[Any]]:
    """The values of each of the fields, in one and the same order, which may be any. One statement."""
    names = [f"column_{number}" for number in range(len(fields))]
    aggregate = "array_agg" if connection.vendor == "postgresql" else "json_group_array"
    aggregates = ", ".join(f"{aggregate}({name})" for name in names)
    try:
        sql, params = images.values(*fields).query.sql_with_params()
    except EmptyResultSet:
        return [[] for _ in fields]
    with connection.cursor() as cursor:
        cursor.execute(f"WITH found ({', '.join(names)}) AS ({sql}) SELECT {aggregates} FROM found", params)  # noqa: S608
        return [json.loads(values) if isinstance(values, str) else values or [] for values in cursor.fetchone()]
