"""One request and its answer, under one deadline for everything: name, connection, certificate, headers, body."""

import http.client
import io
import socket
import ssl
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any, cast
from urllib.parse import urljoin

from urllib3.connection import HTTPConnection
from urllib3.exceptions import HTTPError, ProtocolError, ReadTimeoutError, SSLError
from urllib3.response import HTTPResponse

from outbound import addresses
from outbound.addresses import Address
from outbound.exceptions import Kind, NoAnswer

_PIECE = 64 << 10
_TRIED = 3  # numbers of a host that has several
_REDIRECTS = {301, 302, 303, 307, 308}


class Answer:
    """What a host answered; its body is still to come."""

    def __init__(self, address: Address, response: HTTPResponse, clock: "_Clock") -> None:
        self.status = response.status
        self.headers: Mapping[str, str] = response.headers
        #: the address, not checked yet, to which a redirect leads; empty for any other answer
        self.leads_to = _joined(address, response.headers.get("Location", "")) if self.status in _REDIRECTS else ""
        self._response = response
        self._clock = clock

    def pieces(self, most: int) -> Iterator[bytes]:
        """The body, unpacked, as it comes. Raises NoAnswer, also where it has more than so many bytes."""
        announced = self._response.length_remaining or 0
        if announced > most:
            raise NoAnswer(Kind.TOO_MANY_BYTES, f"{announced:,} bytes are announced")
        size = 0
        with self._clock.watching():
            # read1 unpacks no more than it is asked for, so that a bomb is not unpacked first.
            while piece := self._response.read1(_PIECE, decode_content=True):
                size += len(piece)
                if size > most:
                    raise NoAnswer(Kind.TOO_MANY_BYTES, f"broken off after {size:,} bytes")
                yield piece


@contextmanager
def ask(
    address: Address,
    *,
    method: str = "GET",
    headers: Mapping[str, str],
    body: bytes | None = None,
    within: float,
    patience: float,
    allow_private: bool = False,
) -> Iterator[Answer]:
    """Asks an address once, and no other. Raises NoAnswer.

    `within` is for everything, the body included, `patience` for a connection and for the next bytes; both in seconds.
    """
    clock = _Clock(within, patience)
    with ExitStack() as stack:
        with clock.watching():
            numbers = addresses.public_numbers(address, allow_private=allow_private, seconds=clock.total_left())
            connection = HTTPConnection(address.host, address.port)
            connection.sock = cast(socket.socket, _Wire(_connected(address, numbers[:_TRIED], clock, stack), clock))
            # Pictures are compressed already; some hosts send gzip all the same.
            headers = {"Host": address.authority, "Accept-Encoding": "identity", **headers}
            connection.request(method, address.target, body=body, headers=headers, preload_content=False)
            answer = Answer(address, connection.getresponse(), clock)
        yield answer


def _connected(address: Address, numbers: list[str], clock: "_Clock", stack: ExitStack) -> socket.socket:
    """A connection to the first of a host's numbers that takes one, each of which has its share of the time."""
    for left, number in zip(range(len(numbers), 0, -1), numbers, strict=True):
        sock = stack.enter_context(socket.socket(socket.AF_INET6 if ":" in number else socket.AF_INET))
        sock.settimeout(min(clock.left(), clock.total_left() / left))
        try:
            sock.connect((number, address.port))
            break
        except TimeoutError:
            if left == 1:
                raise
        except OSError as error:
            if left == 1:
                raise NoAnswer(Kind.NO_CONNECTION, _detail(error), again=True) from error
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if address.scheme == "https":
        context = ssl.create_default_context()
        context.set_alpn_protocols(["http/1.1"])
        sock.settimeout(clock.left())
        # The name is still what the certificate must be for.
        sock = stack.enter_context(context.wrap_socket(sock, server_hostname=address.host))
    return sock


def _detail(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _joined(address: Address, location: str) -> str:
    try:
        return urljoin(str(address), location) if location else ""
    except ValueError:
        return location  # which is then found to be no address


class _Clock:
    """How long everything may still take, and the next bytes."""

    def __init__(self, within: float, patience: float) -> None:
        self._within, self._patience = within, patience
        self._end = time.monotonic() + within

    def total_left(self) -> float:
        left = self._end - time.monotonic()
        if left <= 0:
            raise TimeoutError
        return left

    def left(self) -> float:
        return min(self._patience, self.total_left())

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Has exceptions of urllib3, http.client and the socket say why there is no answer."""
        try:
            yield
        except (ReadTimeoutError, TimeoutError) as error:
            if time.monotonic() >= self._end:
                raise NoAnswer(Kind.TOO_SLOW, f"more than {self._within:g} s in all") from error
            raise NoAnswer(Kind.TIMEOUT, f"nothing for {self._patience:g} s", again=True) from error
        except (ssl.SSLError, SSLError) as error:
            raise NoAnswer(Kind.UNSAFE_CONNECTION, _detail(error)) from error
        except (http.client.IncompleteRead, ProtocolError, OSError) as error:
            raise NoAnswer(Kind.CONNECTION_BROKE, _detail(error), again=True) from error
        except (HTTPError, http.client.HTTPException) as error:
            raise NoAnswer(Kind.BAD_ANSWER, _detail(error)) from error


class _Wire(socket.SocketIO):
    """A socket as http.client uses one: every wait is cut to what is left, so that no drip outlasts the deadline."""

    def __init__(self, sock: socket.socket, clock: _Clock) -> None:
        super().__init__(sock, "rb")
        self._socket, self._clock = sock, clock

    def settimeout(self, _: Any) -> None:
        """The clock knows better than urllib3."""

    def sendall(self, data: Any) -> None:
        rest = memoryview(data)
        while rest:
            self._socket.settimeout(self._clock.left())
            rest = rest[self._socket.send(rest) :]

    def makefile(self, *_: Any) -> io.BufferedReader:
        return io.BufferedReader(self)

    def readinto(self, buffer: Any) -> int | None:
        self._socket.settimeout(self._clock.left())
        return super().readinto(buffer)

    def close(self) -> None:
        """Not yet: http.client closes before the body came. `ask` does it."""
