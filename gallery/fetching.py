"""Pictures from addresses on the web, where the site is set to fetch them (settings.URL_IMPORT).

The site then calls machines that strangers name, so it calls none but public ones: the name is looked up once, every
address that it has must be public, and the connection goes to one of those very addresses. No cookies, no proxies, no
passwords; sizes, redirects and time are bounded; what came is judged as any upload is.
"""

import ipaddress
import logging
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from http.client import HTTPException
from pathlib import PurePosixPath
from time import monotonic
from typing import IO, NamedTuple
from urllib.parse import unquote, urljoin, urlsplit

import urllib3
from django.conf import settings
from django.core.files import File
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from urllib3.connection import HTTPConnection, HTTPSConnection

from gallery import audit
from gallery.exceptions import UploadRefused
from gallery.intake import Outcome, picture_take
from gallery.models import User
from gallery.wording import grouped

logger = logging.getLogger(__name__)

PORTS = {"http": 80, "https": 443}  # others belong to services that are no business of a picture's
MOST_REDIRECTS = 3
SECONDS = 30.0
CONNECT_SECONDS, READ_SECONDS = 5.0, 10.0
AT_ONCE = 2  # in each process: a fetch holds a thread
_PIECE = 64 << 10
_NAT64 = ipaddress.ip_network("64:ff9b::/96")
_REDIRECTS = (301, 302, 303, 307, 308)
_OK = 200

_slots = threading.BoundedSemaphore(AT_ONCE)

UNREACHABLE = gettext_lazy("The machine at this address could not be reached.")
NOT_PUBLIC = gettext_lazy("This address is not a public one on the web.")


class Place(NamedTuple):
    """An address on the web, in the parts that a request needs."""

    scheme: str
    host: str
    target: str


def picture_fetch(*, owner: User, url: str, visibility: str) -> Outcome:
    """Takes in the picture at an address. What became of it, or why it is not fetched."""
    try:
        if not settings.URL_IMPORT:
            raise UploadRefused(_("This site fetches no pictures from the web."))
        with fetched(url) as (file, name):
            outcome = picture_take(owner=owner, file=File(file), file_name=name, visibility=visibility)
    except UploadRefused as refusal:
        return Outcome(url[:200], "refused", str(refusal))
    audit.record(owner, "url.import", urlsplit(url).hostname or "", outcome=outcome.kind)
    return outcome


@contextmanager
def fetched(url: str) -> Iterator[tuple[IO[bytes], str]]:
    """What lies at an address, in a temporary file, and what it is called there. Raises UploadRefused."""
    if not _slots.acquire(blocking=False):
        raise UploadRefused(_("Other pictures are being fetched just now. Try again in a moment."))
    try:
        with tempfile.TemporaryFile() as file:
            name = _fetch(url, file)
            file.seek(0)
            yield file, name
    finally:
        _slots.release()


def place_of(url: str) -> Place:
    """The parts of an address that may be fetched. Raises UploadRefused for one that may not."""
    try:
        parts = urlsplit(url.strip())
        port = parts.port
    except ValueError:
        raise UploadRefused(_("This is not an address on the web.")) from None
    if parts.scheme not in PORTS or not parts.hostname:
        raise UploadRefused(_("This is not an address on the web: it begins with https:// or http://."))
    if parts.username is not None or parts.password is not None:
        raise UploadRefused(_("An address with a password in it is not fetched."))
    if port not in (None, PORTS[parts.scheme]):
        raise UploadRefused(_("An address with a port of its own is not fetched."))
    try:
        host = parts.hostname if ":" in parts.hostname else parts.hostname.encode("idna").decode()
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        target.encode("ascii")
    except UnicodeError:
        raise UploadRefused(_("This is not an address on the web.")) from None
    return Place(parts.scheme, host, target)


def public_addresses(host: str, port: int) -> list[str]:
    """The IP addresses of a machine, all of them public. Raises UploadRefused.

    The one seam at which tests, whose servers are on this machine, put an answer of their own.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError):
        raise UploadRefused(str(UNREACHABLE)) from None
    addresses = [str(sockaddr[0]) for *_, sockaddr in found]
    if not addresses or not all(is_public(address) for address in addresses):
        raise UploadRefused(str(NOT_PUBLIC))
    return addresses


def is_public(address: str) -> bool:
    """Whether an IP address is anybody's on the internet, and none that leads elsewhere by what is embedded in it."""
    try:
        ip = ipaddress.ip_address(address)
    except ValueError:  # with a scope: a link's own
        return False
    if isinstance(ip, ipaddress.IPv6Address):
        if ip in _NAT64:
            return is_public(str(ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)))
        if ip.ipv4_mapped or ip.sixtofour or ip.teredo or ip.is_site_local:
            return False
    return ip.is_global and not (ip.is_multicast or ip.is_reserved or ip.is_unspecified)


def _fetch(url: str, file: IO[bytes]) -> str:
    end = monotonic() + SECONDS
    for __ in range(MOST_REDIRECTS + 1):
        place = place_of(url)
        with _asked(place, end) as response:
            if response.status in _REDIRECTS and (location := response.headers.get("Location")):
                url = urljoin(url, location)
                continue
            if response.status != _OK:
                raise UploadRefused(
                    _("There is nothing to fetch at this address (it answered %(status)s).")
                    % {"status": response.status}
                )
            _save(response, file)
            return unquote(PurePosixPath(urlsplit(url).path).name) or place.host
    raise UploadRefused(_("This address leads on and on to others."))


@contextmanager
def _asked(place: Place, end: float) -> Iterator[urllib3.BaseHTTPResponse]:
    """The answer of a machine, its bytes still to come. Past `end`, whatever is under way is cut."""
    connection = _connect(place)
    timer = threading.Timer(max(0.0, end - monotonic()), _cut, [connection])
    timer.daemon = True
    timer.start()
    try:
        host = f"[{place.host}]" if ":" in place.host else place.host
        headers = {"Host": host, "User-Agent": "mmsite", "Accept": "image/*", "Accept-Encoding": "identity"}
        connection.request("GET", place.target, headers=headers, preload_content=False, decode_content=False)
        yield connection.getresponse()
    except (urllib3.exceptions.HTTPError, HTTPException, OSError) as error:
        if monotonic() >= end:
            raise UploadRefused(_("The machine at this address takes too long.")) from error
        raise UploadRefused(_("The connection broke before the picture was here. Try again.")) from error
    finally:
        timer.cancel()
        connection.close()


def _connect(place: Place) -> HTTPConnection:
    """A connection to one address after the other of those that a machine has, each found public."""
    port = PORTS[place.scheme]
    for address in public_addresses(place.host, port):
        if place.scheme == "https":
            name = place.host
            connection: HTTPConnection = HTTPSConnection(
                address, port, timeout=CONNECT_SECONDS, server_hostname=name, assert_hostname=name
            )
        else:
            connection = HTTPConnection(address, port, timeout=CONNECT_SECONDS)
        try:
            connection.connect()
        except (urllib3.exceptions.HTTPError, OSError) as error:
            logger.info("%s at %s could not be reached: %s", place.host, address, error)
            connection.close()
            continue
        connection.sock.settimeout(READ_SECONDS)
        return connection
    raise UploadRefused(str(UNREACHABLE))


def _cut(connection: HTTPConnection) -> None:
    with suppress(OSError, AttributeError):  # it is closed already
        connection.sock.shutdown(socket.SHUT_RDWR)


def _save(response: urllib3.BaseHTTPResponse, file: IO[bytes]) -> None:
    limit: int = settings.GALLERY_LIMITS["bytes"]
    size = 0
    while piece := response.read(_PIECE):
        size += len(piece)
        if size > limit:
            raise UploadRefused(
                _("The file at this address is too large: the limit is %(limit)s MB.")
                % {"limit": grouped(limit // 1_000_000)}
            )
        file.write(piece)
