"""Requests that may come twice, since the caller never heard of the answer: `Idempotency-Key`.

The key is written down before the work, so that two at once don't both do it, and the answer with it, for a day.
"""

import hashlib
import json
import logging
from collections.abc import Callable, Iterable
from contextlib import suppress
from datetime import timedelta
from typing import Any

from django.core.files import File
from django.db import DatabaseError, IntegrityError, OperationalError, transaction
from django.utils import timezone
from drf_spectacular.utils import OpenApiParameter
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import person_of
from api.exceptions import InTheWorks, Unprocessable
from api.models import IdempotencyKey
from gallery.outages import is_database_away

logger = logging.getLogger(__name__)

HEADER = "Idempotency-Key"
PARAMETER = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="Of your own making, one a request: sent again within a day, it gets the same answer.",
)
KEPT = timedelta(hours=24)
BUSY = timedelta(minutes=5)  # after so long, a request that was never answered has died
# Of requests that failed in this process while the database was locked. Another process answers theirs with InTheWorks
# for as long as BUSY.
_to_free: set[int] = set()


def once(request: Request, said: Iterable[Any], do: Callable[[], Response]) -> Response:
    """Does what was asked, unless a request with the same key did: then its answer, with Idempotent-Replay.

    `said` is what makes two requests the same: texts, and files, whose bytes count. An error is no answer: the same key
    may be tried again. Raises ValidationError for no such key, InTheWorks where the first is still being answered,
    Unprocessable where the key was used for something else.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return do()
    if not key.isascii() or not key.isprintable() or not 1 <= len(key) <= IdempotencyKey.LONGEST_KEY:
        raise ValidationError({HEADER: ["At most 255 printable characters of ASCII."]})
    fingerprint = _fingerprint([request.method, request.path, *said])
    row, is_new = _begin(request, key, fingerprint)
    if not is_new:
        return _replay(row, fingerprint)
    try:
        response = do()
    except BaseException as error:
        _free(row, error)
        raise
    headers = {name: response[name] for name in ("Location",) if name in response}
    answer = json.loads(json.dumps({"data": response.data, "headers": headers}, default=str))
    try:
        IdempotencyKey.objects.filter(pk=row.pk).update(status=response.status_code, answer=answer)
    except OperationalError:  # it was done all the same, and whoever asked is here to hear it
        logger.warning("What a request with a key was answered could not be kept", exc_info=True)
    return response


def _free(row: IdempotencyKey, error: BaseException) -> None:
    """Lets the key be tried again; where the database can't be written to now, at the next request with any key."""
    if not is_database_away(error):  # else one would wait for the same lock once more
        with suppress(DatabaseError):
            IdempotencyKey.objects.filter(pk=row.pk).delete()
            return
    _to_free.add(row.pk)


def _begin(request: Request, key: str, fingerprint: str) -> tuple[IdempotencyKey, bool]:
    if failed := set(_to_free):
        IdempotencyKey.objects.filter(pk__in=failed, status=None).delete()
        _to_free.difference_update(failed)
    owner, now = person_of(request), timezone.now()
    IdempotencyKey.objects.filter(owner=owner, created_at__lt=now - KEPT).delete()
    IdempotencyKey.objects.filter(owner=owner, key=key, status=None, created_at__lt=now - BUSY).delete()
    try:
        with transaction.atomic():
            return IdempotencyKey.objects.create(owner=owner, key=key, fingerprint=fingerprint), True
    except IntegrityError:
        row = IdempotencyKey.objects.filter(owner=owner, key=key).first()
        if row is None:  # the first failed just now
            raise InTheWorks("A request with this key failed just now. Try again.") from None
        return row, False


def _replay(row: IdempotencyKey, fingerprint: str) -> Response:
    if row.fingerprint != fingerprint:
        raise Unprocessable("This Idempotency-Key was used for another request.", code="key_reused")
    if row.status is None:
        raise InTheWorks
    headers = {**row.answer["headers"], "Idempotent-Replay": "true"}
    return Response(row.answer["data"], status=row.status, headers=headers)


def _fingerprint(said: Iterable[Any]) -> str:
    digest = hashlib.sha256()
    for part in said:
        if isinstance(part, File):
            of_file = hashlib.sha256()
            for chunk in part.chunks():
                of_file.update(chunk)
            part.seek(0)
            digest.update(of_file.digest())
        else:
            digest.update(hashlib.sha256(str(part).encode("utf-8", "surrogatepass")).digest())
    return digest.hexdigest()
