"""One HTTP request to an address that was checked, under a deadline that no drip outlasts."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO, Any, cast

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import (
    ConnectTimeoutError,
    HTTPError,
    NewConnectionError,
    ProtocolError,
    ReadTimeoutError,
    SSLError,
)
from urllib3.response import HTTPResponse

from ml.datasets.collect.addresses import Address, resolve
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import AGENT, Limits

_CHUNK = 64 * 1024
_HEADERS = {
    "User-Agent": f"{AGENT}/1.0 (collects pictures and captions for a data set)",
    "Accept": "image/webp,image/png,image/jpeg,image/gif;q=0.9,*/*;q=0.1",
    "Accept-Encoding": "identity",  # pictures are compressed already; some hosts send gzip all the same
}
_SILENT = (ConnectTimeoutError, ReadTimeoutError, TimeoutError)
_UNSAFE = (ssl.SSLError, SSLError)
_BROKE = (http.client.IncompleteRead, ProtocolError, OSError)
_TRIED_ADDRESSES = 3  # of a host that has several


@dataclass(frozen=True)
class Answer:
    """What a host answered; the body only of a 200."""

    status: int
    headers: Mapping[str, str]
    body: bytes


def get(address: Address, limits: Limits, *, max_bytes: int) -> Answer:
    """Ask for an address once: no redirect is followed, no error tried again. Raises Dropped."""
    with _answer(address, limits, "GET", headers=_HEADERS) as response:
        body = _body(response, max_bytes) if response.status == http.HTTPStatus.OK else b""
        return Answer(response.status, response.headers, body)


def post(address: Address, limits: Limits, *, body: bytes, headers: Mapping[str, str]) -> int:
    """Send a body once, likewise; the status of the answer, of which no more is read. Raises Dropped."""
    with _answer(address, limits, "POST", headers=headers, body=body) as response:
        return response.status


@contextmanager
def _answer(
    address: Address, limits: Limits, method: str, *, headers: Mapping[str, str], body: bytes | None = None
) -> Iterator[HTTPResponse]:
    numbers = resolve(address, allow_private=limits.allow_private)
    deadline = time.monotonic() + limits.total_time
    try:
        connection = _connect(address, numbers[:_TRIED_ADDRESSES], limits, deadline)
        try:
            host = address.origin.partition("://")[2]
            connection.request(
                method, address.target, body=body, headers={"Host": host, **headers}, preload_content=False
            )
            response = connection.getresponse()
            try:
                yield response
            finally:
                response.close()
        finally:
            connection.close()
    except (HTTPError, http.client.HTTPException, OSError) as error:
        raise _reason(error, time.monotonic() >= deadline, limits) from error


def _connect(address: Address, numbers: list[str], limits: Limits, deadline: float) -> HTTPConnection:
    """A connection to the first of a host's numbers that takes one."""
    for number in numbers:
        timeout = max(min(limits.timeout, deadline - time.monotonic()), 0.001)
        if address.scheme == "https":
            # The name is still what the certificate must be for.
            connection: HTTPConnection = HTTPSConnection(
                number, address.port, timeout=timeout, cert_reqs="CERT_REQUIRED", server_hostname=address.host
            )
        else:
            connection = HTTPConnection(number, address.port, timeout=timeout)
        try:
            connection.connect()
        except (NewConnectionError, ConnectTimeoutError):
            connection.close()
            if number == numbers[-1]:
                raise
        except BaseException:
            connection.close()
            raise
        else:
            connection.sock = cast(Any, _Deadlined(connection.sock, limits.timeout, deadline))
            return connection
    raise AssertionError("a host that resolves has a number")


def _body(response: HTTPResponse, max_bytes: int) -> bytes:
    """The body, unpacked. `read1` unpacks no more than it is asked for, so that a bomb is not unpacked first."""
    if (response.length_remaining or 0) > max_bytes:
        raise Dropped("too many bytes", f"{response.length_remaining:,} bytes are announced")
    body = bytearray()
    while chunk := response.read1(_CHUNK, decode_content=True):
        body += chunk
        if len(body) > max_bytes:
            raise Dropped("too many bytes", f"broken off after {len(body):,} bytes")
    return bytes(body)


def _reason(error: Exception, late: bool, limits: Limits) -> Dropped:
    """Why an exception of urllib3, http.client or the socket means that there is no picture."""
    detail = f"{type(error).__name__}: {error}"[:200]
    if isinstance(error, NewConnectionError):  # a kind of ConnectTimeoutError in urllib3
        return Dropped("no connection", detail, again=True)
    if isinstance(error, _SILENT) and late:
        return Dropped("too slow", f"more than {limits.total_time:g} s in all")
    if isinstance(error, _SILENT):
        return Dropped("timeout", f"nothing for {limits.timeout:g} s", again=True)
    if isinstance(error, _UNSAFE):
        return Dropped("unsafe connection", detail)
    return Dropped(
        "connection broke" if isinstance(error, _BROKE) else "bad answer", detail, again=isinstance(error, _BROKE)
    )


class _Deadlined:
    """A socket, of which http.client reads no longer than to a deadline, headers included."""

    def __init__(self, sock: socket.socket, patience: float, deadline: float) -> None:
        self._sock = sock
        self._patience = patience
        self._deadline = deadline

    def __getattr__(self, name: str) -> Any:
        return getattr(self._sock, name)

    def makefile(self, mode: str, *_: Any) -> IO[bytes]:
        return io.BufferedReader(_Reader(self._sock, self._patience, self._deadline))


class _Reader(io.RawIOBase):
    """The reading side of such a socket: every wait is cut to what is left."""

    def __init__(self, sock: socket.socket, patience: float, deadline: float) -> None:
        self._sock = sock
        self._raw = sock.makefile("rb", buffering=0)
        self._patience = patience
        self._deadline = deadline

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int | None:
        left = self._deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        self._sock.settimeout(min(self._patience, left))
        return self._raw.readinto(buffer)

    def close(self) -> None:
        self._raw.close()
        super().close()
