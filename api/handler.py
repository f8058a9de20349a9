"""What becomes of exceptions in the views of the API: problems, each with its status."""

from collections.abc import Callable, Mapping
from typing import Any

from django.core.exceptions import PermissionDenied, RequestDataTooBig, SuspiciousOperation, TooManyFilesSent
from django.http import Http404
from rest_framework import exceptions
from rest_framework.response import Response
from rest_framework.views import exception_handler, set_rollback

from api import problems
from api.exceptions import TooLarge, Unavailable, Unprocessable
from gallery.exceptions import UploadRefused
from gallery.storage import StoreUnavailable


def handle(exception: Exception, context: dict[str, Any]) -> Response | None:
    """REST framework's EXCEPTION_HANDLER. None for what nobody foresaw, which becomes a 500 outside."""
    known = _as_api_exception(exception)
    response = exception_handler(known, context)
    if response is None or not isinstance(known, exceptions.APIException):
        return None
    set_rollback()
    detail, errors = _words(known)
    if isinstance(known, exceptions.UnsupportedMediaType):
        taken = " or ".join(parser.media_type for parser in context["view"].get_parsers())
        detail = f"Send the body as {taken}, and say so in Content-Type." if taken else detail
    path = context["request"].path
    response.data = problems.body(response.status_code, _code(known), detail, instance=path, errors=errors)
    response.content_type = problems.MEDIA_TYPE
    # rendered as JSON whatever was asked for: there is no other form of a problem
    response["Cache-Control"] = "no-store"
    return response


_KNOWN: list[tuple[type[Exception], Callable[[Exception], exceptions.APIException]]] = [
    (Http404, lambda _: exceptions.NotFound(problems.NOT_FOUND)),
    (PermissionDenied, lambda _: exceptions.PermissionDenied(problems.FORBIDDEN)),
    (UploadRefused, lambda refusal: Unprocessable(str(refusal), code="refused")),
    (StoreUnavailable, lambda _: Unavailable(problems.STORE)),
    (RequestDataTooBig, lambda _: TooLarge()),
    (TooManyFilesSent, lambda _: TooLarge()),
    (SuspiciousOperation, lambda _: exceptions.ParseError(problems.SENSELESS)),
]


def _as_api_exception(exception: Exception) -> Exception:
    return next((make(exception) for kind, make in _KNOWN if isinstance(exception, kind)), exception)


def _code(exception: exceptions.APIException) -> str:
    if isinstance(exception, exceptions.ValidationError):
        return "invalid"
    code = exception.get_codes()
    return code if isinstance(code, str) else exception.default_code


def _words(exception: exceptions.APIException) -> tuple[str, dict[str, Any] | None]:
    """(detail, errors)"""
    if not isinstance(exception, exceptions.ValidationError):
        return str(exception.detail), None
    given = exception.detail
    errors = dict(given) if isinstance(given, Mapping) else {"non_field_errors": given}
    if len(errors) == 1:
        [(name, said)] = errors.items()
        if isinstance(said, list) and all(isinstance(each, str) for each in said):
            sentence = " ".join(said)
            return (sentence if name == "non_field_errors" else f"{name}: {sentence}"), errors
    return "Something in the request is not as it should be; see errors.", errors
