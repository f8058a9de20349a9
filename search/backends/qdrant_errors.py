"""What goes wrong between a Qdrant client and its server, in our own terms."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import grpc  # type: ignore[import-untyped]
import httpx
from pydantic import ValidationError
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ApiException, ResponseHandlingException, UnexpectedResponse

from search.backends.exceptions import IndexBusy, IndexRefused, IndexUnavailable

# The client parses some answers outside of its own net (JSON that is none), and asserts that others aren't empty.
CLIENT_ERRORS = (ApiException, QdrantException, grpc.RpcError, json.JSONDecodeError, UnicodeDecodeError, AssertionError)

# Answers that may be others next time, besides the 5xx.
_PASSING = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY}
# gRPC's words for the answers that stay. FAILED_PRECONDITION isn't one: Qdrant says so where it says 500 over HTTP.
_LASTING = {
    grpc.StatusCode.INVALID_ARGUMENT,
    grpc.StatusCode.NOT_FOUND,
    grpc.StatusCode.ALREADY_EXISTS,
    grpc.StatusCode.PERMISSION_DENIED,
    grpc.StatusCode.UNAUTHENTICATED,
    grpc.StatusCode.OUT_OF_RANGE,
    grpc.StatusCode.UNIMPLEMENTED,
}
_LONGEST_REASON = 300


@contextmanager
def plain_errors() -> Iterator[None]:
    """Whatever the client raises, as IndexUnavailable or one of its kinds."""
    try:
        yield
    except CLIENT_ERRORS as error:
        raise translated(error) from error


def translated(error: Exception) -> IndexUnavailable:
    """The error in our own terms: IndexRefused or IndexBusy where it is that, else IndexUnavailable. Its message is a
    sentence for an administrator; it never repeats what was sent, so no key is in it."""
    match error:
        case UnexpectedResponse():
            return _of_answer(error)
        case ResourceExhaustedResponse(retry_after_s=seconds):
            return IndexBusy("Qdrant has too much to do.", retry_after=max(0, seconds))
        case QdrantException():  # a Retry-After that is no whole number
            return IndexBusy("Qdrant has too much to do.")
        case ResponseHandlingException():
            return _of_connection(error.source)
        case grpc.RpcError():
            return _of_grpc(error)
    return IndexUnavailable("Qdrant's answer makes no sense. Is another server at that address?")


def _of_answer(answer: UnexpectedResponse) -> IndexUnavailable:
    status = answer.status_code or 0
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return IndexBusy("Qdrant has too much to do.")
    if status == HTTPStatus.UNAUTHORIZED:
        return IndexRefused("Qdrant doesn't accept the API key (401).")
    if status == HTTPStatus.FORBIDDEN:  # also where it takes no writes, as with a full disk
        return IndexRefused("Qdrant doesn't allow this (403)" + _reason(answer.content))
    message = f"Qdrant answered {status} {answer.reason_phrase}".rstrip() + _reason(answer.content)
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status < HTTPStatus.MULTIPLE_CHOICES or status in _PASSING:
        return IndexUnavailable(message)
    return IndexRefused(message)


def _reason(content: bytes) -> str:
    """What Qdrant says about it, with a colon before; whatever else answers (a proxy's page) isn't repeated."""
    try:
        reason = str(json.loads(content)["status"]["error"]).strip()
    except (ValueError, LookupError, TypeError):
        return "."
    return f": {reason[:_LONGEST_REASON]}"


def _of_connection(source: Exception) -> IndexUnavailable:
    match source:
        case httpx.TimeoutException():
            return IndexUnavailable("Qdrant doesn't answer in time.")
        case httpx.ConnectError() if "CERTIFICATE_VERIFY_FAILED" in str(source):
            return IndexRefused("Qdrant's certificate isn't one that is trusted here.")
        case httpx.ConnectError():
            return IndexUnavailable("Qdrant can't be reached.")
        case ValidationError():
            return IndexUnavailable("Qdrant's answer makes no sense. Is another server at that address?")
    return IndexUnavailable(f"The connection to Qdrant broke ({type(source).__name__}).")


def _of_grpc(error: grpc.RpcError) -> IndexUnavailable:
    # What a call raises is also a grpc.Call; not every RpcError is.
    code = error.code() if isinstance(error, grpc.Call) else grpc.StatusCode.UNKNOWN
    if code == grpc.StatusCode.RESOURCE_EXHAUSTED:
        return IndexBusy("Qdrant has too much to do.")
    if code == grpc.StatusCode.UNAUTHENTICATED:
        return IndexRefused(f"Qdrant doesn't accept the API key ({code.name}).")
    if code == grpc.StatusCode.DEADLINE_EXCEEDED:
        return IndexUnavailable("Qdrant doesn't answer in time.")
    if code in _LASTING:
        return IndexRefused(f"Qdrant answered {code.name}: {(error.details() or '')[:_LONGEST_REASON]}")
    return IndexUnavailable(f"Qdrant can't answer ({code.name}).")
