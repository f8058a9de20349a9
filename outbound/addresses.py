"""What an address says, and which numbers are public."""

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

from urllib3.exceptions import LocationParseError
from urllib3.util import parse_url

from outbound.exceptions import Kind, NoAnswer

PORTS = {"http": 80, "https": 443}
_LONGEST = 4_000

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
