"""What an address says, and which numbers, all of them public, stand behind its host."""

import socket
import time
from concurrent.futures import Future
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from threading import BoundedSemaphore, Thread
from typing import Any

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from outbound.exceptions import Kind, NoAnswer

PORTS = {"http": 80, "https": 443}
USUAL_PORTS = {80, 443, 8080, 8443}
_LONGEST = 4_000
_free = BoundedSemaphore(64)  # of names that are looked up at once

# What is not reachable from everywhere, or deprecated, and multicast:
# https://www.iana.org/assignments/iana-ipv4-special-registry. `IPv4Address.is_global` lacks some of it.
_SPECIAL_4 = [
    ip_network(network)
    for network in (
        *("0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12"),
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24"),
        *("203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4"),
    )
]
# Only this is handed out to networks, but for what https://www.iana.org/assignments/iana-ipv6-special-registry says.
_UNICAST_6 = ip_network("2000::/3")
_SPECIAL_6 = [ip_network(network) for network in ("2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20")]
_NAT64 = ip_network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052


@dataclass(frozen=True)
class Address:
    """An http or https address, normalised; without user, password and fragment."""

    scheme: str
    host: str  #: a name, or a number (an IPv6 one without brackets)
    port: int
    target: str  #: path and query
    had_user: bool = field(default=False, compare=False)  #: a user, who is left out, was named

    @property
    def authority(self) -> str:
        """Host and port, as the header Host has them."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """Scheme, host and port: what robots.txt and politeness are about."""
        return f"{self.scheme}://{self.authority}"

    def __str__(self) -> str:
        return self.origin + self.target


def parse(text: str) -> Address:
    """Read an address. Raises NoAnswer."""
    try:
        url = parse_url(text.strip()[: _LONGEST + 1])
        host = (url.host or "").strip("[]").removesuffix(".")
        host.encode("idna")  # raises for a label that is empty or over 63 characters
    except (LocationParseError, ValueError) as error:
        raise NoAnswer(Kind.BAD_ADDRESS, text[:200]) from error
    if url.scheme not in PORTS or not host or host.endswith(".") or "%" in host or len(text) > _LONGEST:
        raise NoAnswer(Kind.BAD_ADDRESS, text[:200])
    port = PORTS[url.scheme] if url.port is None else url.port
    return Address(url.scheme, host, port, url.request_uri, had_user=url.auth is not None)


def public_numbers(address: Address, *, allow_private: bool, seconds: float) -> list[str]:
    """The numbers of a host, all of which may be asked. Raises NoAnswer, and TimeoutError after so many seconds.

    The one seam at which tests, whose servers are on this machine, put an answer of their own.
    """
    try:
        numbers = _look_up(address, seconds)
    except socket.gaierror as error:
        raise NoAnswer(Kind.NO_SUCH_HOST, address.host, again=error.errno == socket.EAI_AGAIN) from error
    if allow_private:
        return numbers
    for number in numbers:
        if not is_public(number):
            raise NoAnswer(Kind.PRIVATE_ADDRESS, f"{address.origin} is {number}")
    if address.port not in USUAL_PORTS:
        raise NoAnswer(Kind.UNUSUAL_PORT, address.origin)
    return numbers


def _look_up(address: Address, seconds: float) -> list[str]:
    """Nothing cuts `getaddrinfo`, so a thread waits for it; there are only so many. It ends when the system's resolver
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


def is_public(number: str) -> bool:
    """Whether an IP address is one of the public internet, and none that leads elsewhere by what is embedded in it."""
    try:
        ip = ip_address(number)
    except ValueError:
        return False
    if isinstance(ip, IPv6Address):
        if ip not in _NAT64:
            return ip in _UNICAST_6 and not ip.scope_id and not any(ip in network for network in _SPECIAL_6)
        ip = IPv4Address(int(ip) & 0xFFFFFFFF)
    return not any(ip in network for network in _SPECIAL_4)
