"""Entity tags: what a caller has seen of a thing, so that nobody overwrites what they haven't seen."""

import hashlib
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from api.exceptions import Changed


def etag_of(data: Any) -> str:
    """A strong tag of what is answered, whole: `?fields=` leaves it as it is, since `If-Match` is about the thing."""
    text = json.dumps(data, cls=JSONEncoder, sort_keys=True, separators=(",", ":"))
    return f'"{hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]}"'


def is_unchanged(request: Request, etag: str) -> bool:
    """Whether the caller has this already: `If-None-Match`, compared weakly."""
    given = parse_etags(request.headers.get("If-None-Match", ""))
    return "*" in given or etag in [each.removeprefix("W/") for each in given]


@contextmanager
def if_match(request: Request, row: Model, represent: Callable[[], Any]) -> Iterator[None]:
    """Does what is inside, unless the caller sent `If-Match` and `row` is not what they saw. Nobody changes the row
    meanwhile. `represent` gives the thing as a read would, read anew. Raises Changed."""
    given = parse_etags(request.headers.get("If-Match", ""))
    if not given or given == ["*"]:
        yield
        return
    with transaction.atomic():
        list(type(row)._base_manager.filter(pk=row.pk).select_for_update().values_list("pk"))
        if etag_of(represent()) not in given:
            raise Changed
        yield
