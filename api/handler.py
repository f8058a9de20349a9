"""What becomes of exceptions in the views of the API: problems, each with its status."""

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, cast

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from api import problems
from api.exceptions import DatabaseAway, NoRoom, TooLarge, TryLater, Unavailable, Unprocessable
from api.throttles import throttled
from gallery import exceptions as gallery_exceptions
from gallery.exceptions import NotNow, OverQuota, TooOften, UploadRefused
from gallery.outages import is_database_away, is_full
from gallery.storage import StoreUnavailable

logger = logging.getLogger(__name__)


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. None for what nobody foresaw, which becomes a 500 outside."""
    known = _as_api_exception(exception)
    response = exception_handler(known, context)
    if response is None or not isinstance(known, exceptions.APIException):
        return None
    set_rollback()
    detail, errors = _words(known, context["view"])
    path = context["request"].path
    response.data = problems.body(response.status_code, _code(known), detail, instance=path, errors=errors)
    response.content_type = problems.MEDIA_TYPE
    # rendered as JSON whatever was asked for: there is no other form of a problem
    response["Cache-Control"] = "no-store"
    return response


_KNOWN: list[tuple[type[Exception], Callable[[Exception], exceptions.APIException]]] = [
    (Http404, lambda _: exceptions.NotFound(problems.NOT_FOUND)),
    (PermissionDenied, lambda _: exceptions.PermissionDenied(problems.FORBIDDEN)),
    (gallery_exceptions.NoRoom, lambda refusal: NoRoom(str(refusal))),
    (OverQuota, lambda refusal: Unprocessable(str(refusal), code="refused")),
    (NotNow, lambda refusal: TryLater(str(refusal))),
    (UploadRefused, lambda refusal: Unprocessable(str(refusal), code="refused")),
    (TooOften, lambda refused: throttled(cast(TooOften, refused).seconds)),
    (StoreUnavailable, lambda _: Unavailable(problems.STORE)),
    (RequestDataTooBig, lambda _: TooLarge()),
    (TooManyFilesSent, lambda _: TooLarge()),
    (SuspiciousOperation, lambda _: exceptions.ParseError(problems.SENSELESS)),
]


def _as_api_exception(exception: Exception) -> Exception:
    if is_full(exception) or is_database_away(exception):
        logger.error("%s", exception, exc_info=exception)
        return NoRoom() if is_full(exception) else DatabaseAway()
    return next((make(exception) for kind, make in _KNOWN if isinstance(exception, kind)), exception)


def _code(exception: exceptions.APIException) -> str:
    if isinstance(exception, exceptions.ValidationError):
        return "invalid"
    code = exception.get_codes()
    return code if isinstance(code, str) else exception.default_code


def _words(exception: exceptions.APIException, view: Any) -> tuple[str, dict[str, Any] | None]:
    """(detail, errors)"""
    if isinstance(exception, exceptions.UnsupportedMediaType) and (parsers := view.get_parsers()):
        taken = " or ".join(parser.media_type for parser in parsers)
        return f"Send the body as {taken}, and say so in Content-Type.", None
    if isinstance(exception, exceptions.MethodNotAllowed):
        return f"This address takes {', '.join(view.allowed_methods)}.", None
    if not isinstance(exception, exceptions.ValidationError):
        return str(exception.detail), None
    given = exception.detail
    errors = dict(given) if isinstance(given, Mapping) else {"non_field_errors": given}
    mistakes = list(_mistakes(errors))
    if len({path for path, _ in mistakes}) == 1:
        path, sentence = mistakes[0][0], " ".join(sentence for _, sentence in mistakes)
        return f"{path}: {sentence}" if path else sentence, errors
    return "Something in the request is not as it should be; see errors.", errors


def _mistakes(said: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each as (where, sentence): `words.0.weight`, and "" for what is about all of it."""
    if isinstance(said, Mapping):
        for name, each in said.items():
            yield from _mistakes(each, path if name == "non_field_errors" else f"{path}.{name}".removeprefix("."))
    elif isinstance(said, list):
        for each in said:
            yield from _mistakes(each, path)
    else:
        yield path, str(said)
