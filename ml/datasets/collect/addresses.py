"""What an address says, and whether the machine behind it may be asked.

A list from a stranger can name our own router. So names are resolved here, each result is checked, and the connection
goes to the very result that was checked: a name that resolves otherwise a moment later gains nothing.
"""

import socket
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, IPv6Network, ip_address
from urllib.parse import urljoin

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from ml.datasets.collect.dropped import Dropped

_PORTS = {"http": 80, "https": 443}
_USUAL_PORTS = {80, 443, 8080, 8443}
_NAT64 = IPv6Network("64:ff9b::/96")  # https://www.rfc-editor.org/rfc/rfc6052
_LONGEST = 4_000


@dataclass(frozen=True)
class Address:
    """An http or https address, normalised; without user, password and fragment."""

    scheme: str
    host: str  #: a name, or a number (an IPv6 one without brackets)
    port: int
    target: str  #: path and query

    @property
    def origin(self) -> str:
        """Scheme, host and port: what robots.txt and politeness are about."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{self.scheme}://{host}" + ("" if self.port == _PORTS[self.scheme] else f":{self.port}")

    def __str__(self) -> str:
        return self.origin + self.target

    def join(self, location: str) -> str:
        """Where a redirect from here leads."""
        try:
            return urljoin(str(self), location)
        except ValueError as error:
            raise Dropped("bad address", f"redirect to {location[:200]}") from error


def parse(text: str) -> Address:
    """Read an address. Raises Dropped."""
    try:
        url = parse_url(text.strip()[: _LONGEST + 1])
    except (LocationParseError, ValueError) as error:
        raise Dropped("bad address", text[:200]) from error
    if url.scheme not in _PORTS or not url.host or len(text) > _LONGEST:
        raise Dropped("bad address", text[:200])
    return Address(url.scheme, url.host.strip("[]"), url.port or _PORTS[url.scheme], url.request_uri)


def resolve(address: Address, *, allow_private: bool) -> list[str]:
    """The numbers of a host, all of which may be asked. Raises Dropped.

    The time that it takes is the resolver's own: seconds, and about half a minute where no server answers.
    """
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        raise Dropped("no such host", address.host, again=error.errno == socket.EAI_AGAIN) from error
    except (UnicodeError, ValueError) as error:  # a label over 63 characters, an empty one, a zero byte
        raise Dropped("bad address", address.host) from error
    numbers = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for number in numbers:
        if not allow_private and not is_public(number):
            raise Dropped("private address", f"{address.origin} is {number}")
    if address.port not in _USUAL_PORTS and not allow_private:
        raise Dropped("unusual port", address.origin)
    return numbers


def is_public(number: str) -> bool:
    """Whether an IP address is one of the public internet, also behind the ways to write IPv4 in IPv6."""
    address = ip_address(number)
    if isinstance(address, IPv6Address):
        inner = address.ipv4_mapped or address.sixtofour
        if address in _NAT64:
            inner = IPv4Address(int(address) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
        if address.is_site_local:
            return False
    return address.is_global and not address.is_multicast and not address.is_reserved
