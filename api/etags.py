"""Entity tags: what a caller has seen of a thing, so that nobody overwrites what they haven't seen."""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from django.db import transaction
from django.db.models import Model
from django.utils.http import parse_etags
from rest_framework.request import Request
from rest_framework.utils.encoders import JSONEncoder

from api.exceptions import Changed


def etag_of(data: Any, fields: Iterable[str] | None = None) -> str:
    """A strong tag of a thing, of which these `fields` alone are answered: the tag of the whole, and which part it is.

    So a part is not taken for another one, while `If-Match` is about the thing, whatever the caller has seen of it.
    """
    part = "" if fields is None else f"-{_digest(sorted(set(fields)))[:8]}"
    return f'"{_digest(data)[:32]}{part}"'


def _digest(data: Any) -> str:
    text = json.dumps(data, cls=JSONEncoder, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _of_whole(etag: str) -> str:
    tag, _, part = etag.partition("-")
    return f'{tag}"' if part else tag


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
        if etag_of(represent()) not in map(_of_whole, given):
            raise Changed
        yield
