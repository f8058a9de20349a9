import json
import ssl
from typing import Any

import grpc
import httpx
import pytest
from qdrant_client.common.client_exceptions import QdrantException, ResourceExhaustedResponse
from qdrant_client.http.exceptions import ResponseHandlingException, UnexpectedResponse

from search.backends.exceptions import IndexBusy, IndexRefused, IndexUnavailable
from search.backends.qdrant_errors import plain_errors, translated


def answer(status: int, body: bytes = b"") -> UnexpectedResponse:
    return UnexpectedResponse(status, "", body, httpx.Headers())


class Failed(grpc.RpcError, grpc.Call):  # type: ignore[misc]
    """What a gRPC call raises."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self._code = code

    def code(self) -> grpc.StatusCode:
        return self._code

    def details(self) -> str:
        return "Collection x not found"

    def _unused(self, *_: Any) -> Any:
        raise NotImplementedError

    initial_metadata = trailing_metadata = is_active = time_remaining = cancel = add_callback = _unused


@pytest.mark.parametrize("status", [500, 502, 503, 504, 408, 204])
def test_answers_that_may_change(status: int) -> None:
    assert type(translated(answer(status))) is IndexUnavailable


@pytest.mark.parametrize("status", [301, 400, 401, 403, 404, 409, 413, 422])
def test_answers_that_stay(status: int) -> None:
    assert type(translated(answer(status))) is IndexRefused


def test_only_what_the_server_says_of_itself_is_repeated() -> None:
    said = answer(404, json.dumps({"status": {"error": "Not found: Collection `x` doesn't exist!"}}).encode())
    assert str(translated(said)) == "Qdrant answered 404: Not found: Collection `x` doesn't exist!"
    for page in (b"<html>api-key: secret", b'{"api-key": "secret"}', b'{"status": "secret"}', b"\xff"):
        assert str(translated(answer(404, page))) == "Qdrant answered 404."


def test_a_server_that_takes_no_writes_says_why() -> None:
    locked = answer(403, b'{"status": {"error": "Storage locked: no space left"}}')
    assert str(translated(locked)) == "Qdrant doesn't allow this (403): Storage locked: no space left"


def test_too_much_to_do() -> None:
    error = translated(ResourceExhaustedResponse("", 7))
    assert isinstance(error, IndexBusy)
    assert error.retry_after == 7
    for without_a_number in (answer(429), QdrantException("Retry-After is no number"), Failed(RESOURCE_EXHAUSTED)):
        error = translated(without_a_number)
        assert isinstance(error, IndexBusy)
        assert error.retry_after is None


RESOURCE_EXHAUSTED = grpc.StatusCode.RESOURCE_EXHAUSTED


@pytest.mark.parametrize(
    ("source", "kind"),
    [
        (httpx.ConnectError("[Errno 111] Connection refused"), IndexUnavailable),
        (httpx.ConnectTimeout("timed out"), IndexUnavailable),
        (httpx.ReadTimeout("timed out"), IndexUnavailable),
        (httpx.RemoteProtocolError("incomplete message"), IndexUnavailable),
        (httpx.ReadError(""), IndexUnavailable),
        (httpx.ConnectError("[SSL: CERTIFICATE_VERIFY_FAILED] self-signed certificate"), IndexRefused),
        (ssl.SSLError("broken"), IndexUnavailable),
    ],
)
def test_broken_connections(source: Exception, kind: type[IndexUnavailable]) -> None:
    error = translated(ResponseHandlingException(source))
    assert type(error) is kind
    assert str(error).endswith(".")


@pytest.mark.parametrize(
    "code", ["UNAVAILABLE", "DEADLINE_EXCEEDED", "INTERNAL", "UNKNOWN", "ABORTED", "CANCELLED", "FAILED_PRECONDITION"]
)
def test_grpc_errors_that_may_pass(code: str) -> None:
    assert type(translated(Failed(grpc.StatusCode[code]))) is IndexUnavailable


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "PERMISSION_DENIED", "NOT_FOUND", "INVALID_ARGUMENT"])
def test_grpc_errors_that_stay(code: str) -> None:
    assert type(translated(Failed(grpc.StatusCode[code]))) is IndexRefused


def test_an_error_of_grpc_without_a_code() -> None:
    assert type(translated(grpc.RpcError())) is IndexUnavailable


@pytest.mark.parametrize("text", ["<html>", ""])
def test_an_answer_that_is_no_json(text: str) -> None:
    with pytest.raises(IndexUnavailable, match="makes no sense"), plain_errors():
        json.loads(text)


def test_other_errors_are_not_touched() -> None:
    with pytest.raises(KeyError), plain_errors():
        raise KeyError("a bug of ours")
