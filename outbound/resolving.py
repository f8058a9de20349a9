"""The numbers behind a name, and whether they may be asked."""

import socket
import time
from concurrent.futures import Future
from threading import BoundedSemaphore, Thread
from typing import Any

from outbound.addresses import Address, is_public
from outbound.exceptions import Kind, NoAnswer

USUAL_PORTS = {80, 443, 8080, 8443}
_AT_ONCE = 64  # names that are looked up, in a process

_free = BoundedSemaphore(_AT_ONCE)


def public_numbers(address: Address, *, allow_private: bool, seconds: float) -> list[str]:
    """The numbers of a host, all of which may be asked. Raises NoAnswer, and TimeoutError after so many seconds.

    The one seam at which tests, whose servers are on this machine, put an answer of their own.
    """
    try:
        numbers = _look_up(address, seconds)
    except socket.gaierror as error:
        raise NoAnswer(Kind.NO_SUCH_HOST, address.host, again=error.errno == socket.EAI_AGAIN) from error
    except ValueError as error:
        raise NoAnswer(Kind.BAD_ADDRESS, address.host) from error
    if allow_private:
        return numbers
    for number in numbers:
        if not is_public(number):
            raise NoAnswer(Kind.PRIVATE_ADDRESS, f"{address.origin} is {number}")
    if address.port not in USUAL_PORTS:
        raise NoAnswer(Kind.UNUSUAL_PORT, address.origin)
    return numbers


def _look_up(address: Address, seconds: float) -> list[str]:
    """Nothing cuts `getaddrinfo`, so a thread waits for it, one of _AT_ONCE at most. It ends when the system's resolver
    gives up: after half a minute where no server answers."""
    end = time.monotonic() + seconds
    found: Future[list[Any]] = Future()

    def look() -> None:
        try:
            found.set_result(socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM))
        except Exception as error:  # noqa: BLE001  it is raised where it is waited for
            found.set_exception(error)
        finally:
            _free.release()

    if not _free.acquire(timeout=seconds):
        raise TimeoutError
    Thread(target=look, name="resolver", daemon=True).start()
    return list(dict.fromkeys(str(entry[4][0]) for entry in found.result(end - time.monotonic())))
