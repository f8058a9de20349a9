"""Pictures from the web: which addresses are fetched, and what becomes of what comes, by a real server."""

import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

from gallery import fetching
from gallery.exceptions import UploadRefused
from gallery.models import AuditEntry, Image, User
from tests.gallery.making import encode, plain

pytestmark = pytest.mark.usefixtures("told")


class Web(BaseHTTPRequestHandler):
    """A machine on the web."""

    asked: list[tuple[str, dict[str, str]]] = []  # noqa: RUF012  of the class: each request has a handler of its own
    hold = threading.Event()

    def do_GET(self) -> None:
        self.asked.append((self.path, dict(self.headers)))
        if self.path.startswith("/to/"):
            self.send_response(302)
            self.send_header("Location", self.path.removeprefix("/to/"))
            self.end_headers()
        elif self.path == "/slow.png":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.hold.wait(20)
        elif self.path == "/short.png":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"not all of it")
        elif self.path == "/page.html":
            self.answer(b"<html>no picture</html>", "image/png")
        elif self.path.startswith("/red"):
            self.answer(encode(plain("red")), "text/html")
        else:
            self.send_error(404)

    def answer(self, body: bytes, kind: str) -> None:
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Set-Cookie", "spy=1")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Tests are quiet."""


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch, settings: Any) -> Iterator[str]:
    """`http://example.org` of these tests: a server on this machine. Its name is not looked up and its port is another,
    which is all that is not as it would be."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Web)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    Web.asked.clear()
    Web.hold.clear()
    look_up = fetching.public_addresses

    def addresses(host: str, port: int) -> list[str]:
        return ["127.0.0.1"] if host == "example.org" else look_up(host, port)

    monkeypatch.setattr(fetching, "public_addresses", addresses)
    monkeypatch.setattr(fetching, "PORTS", {"http": server.server_address[1], "https": 443})
    settings.URL_IMPORT = True
    yield "http://example.org"
    Web.hold.set()
    server.shutdown()
    server.server_close()
    thread.join()


def fetch(user: User, url: str) -> fetching.Outcome:
    return fetching.picture_fetch(owner=user, url=url, visibility="private")


def test_a_picture_is_fetched(web: str, user: User) -> None:
    outcome = fetch(user, f"{web}/red%20boat.png?size=large#top")
    assert outcome.kind == "created"
    image = Image.objects.get()
    assert (image.owner, image.file_name, image.format) == (user, "red boat.png", "PNG")
    [(path, headers)] = Web.asked
    assert path == "/red%20boat.png?size=large"
    assert headers["Host"] == "example.org"
    assert "Cookie" not in headers
    entry = AuditEntry.objects.get()
    assert (entry.action, entry.target) == ("url.import", "example.org")


def test_content_decides_and_not_what_is_said_of_it(web: str, user: User) -> None:
    outcome = fetch(user, f"{web}/page.html")
    assert outcome.kind == "refused"
    assert "not a picture that we know" in outcome.sentence


@pytest.mark.parametrize(
    ("path", "sentence"),
    [
        ("/absent.png", "it answered 404"),
        ("/short.png", "connection broke"),
        ("/to/http://example.org/to/http://example.org/to/http://example.org/to//red.png", "on and on"),
        ("/to/http://127.0.0.1/red.png", "not a public one"),
        ("/to/http://localhost/red.png", "not a public one"),
        ("/to/file:///etc/passwd", "not an address on the web"),
        ("/to/http://ada:secret@example.org/red.png", "password"),
    ],
)
def test_what_is_not_fetched(web: str, user: User, path: str, sentence: str) -> None:
    outcome = fetch(user, web + path)
    assert outcome.kind == "refused"
    assert sentence in outcome.sentence
    assert not Image.objects.exists()


def test_redirects_are_followed_a_little(web: str, user: User) -> None:
    assert fetch(user, f"{web}/to//to/http://example.org/red.png").kind == "created"
    assert Image.objects.get().file_name == "red.png"
    assert "Cookie" not in Web.asked[-1][1]


def test_bytes_are_counted_while_they_come(web: str, user: User, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 50}
    assert "too large" in fetch(user, f"{web}/red.png").sentence


def test_time_is_bounded_in_all(web: str, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.2)
    assert "takes too long" in fetch(user, f"{web}/slow.png").sentence


def test_proxies_of_the_environment_are_not_used(web: str, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert fetch(user, f"{web}/red.png").kind == "created"


def test_a_few_at_once(web: str, user: User) -> None:
    with fetching.fetched(f"{web}/red.png"), fetching.fetched(f"{web}/red.png"):
        assert "Other pictures are being fetched" in fetch(user, f"{web}/red.png").sentence
    assert fetch(user, f"{web}/red.png").kind == "created"


def test_off_unless_somebody_wants_it(client: Client, user: User) -> None:
    client.force_login(user)
    assert "/upload/from-web/" not in client.get("/upload/").content.decode()
    page = client.post("/upload/from-web/", {"url": "http://example.org/red.png"})
    assert page.status_code == 400
    assert "This site fetches no pictures" in page.content.decode()


def test_by_the_page(client: Client, user: User, web: str) -> None:
    client.force_login(user)
    assert "/upload/from-web/" in client.get("/upload/").content.decode()
    page = client.post("/upload/from-web/", {"url": f"{web}/red.png", "visibility": "public"})
    assert page.status_code == 200
    assert Image.objects.get().visibility == "public"
    assert Image.objects.get().get_absolute_url() in page.content.decode()
    assert "Say at which address" in client.post("/upload/from-web/", {}).content.decode()


@pytest.mark.parametrize(
    ("url", "sentence"),
    [
        ("ftp://example.org/a.png", "begins with https://"),
        ("file:///etc/passwd", "begins with https://"),
        ("gopher://example.org/", "begins with https://"),
        ("javascript:alert(1)", "begins with https://"),
        ("//example.org/a.png", "begins with https://"),
        ("http:///a.png", "begins with https://"),
        ("http://[::1", "not an address"),
        ("http://example.org:99999/", "not an address"),
        ("http://ada@example.org/", "password"),
        ("http://ada:secret@example.org/", "password"),
        ("http://@example.org/", "password"),
        ("http://example.org:22/", "port of its own"),
        ("https://example.org:80/", "port of its own"),
        ("http://example.org/ä.png", "not an address"),
        ("http://" + "a" * 70 + ".org/", "not an address"),
    ],
)
def test_addresses_that_are_none(url: str, sentence: str) -> None:
    with pytest.raises(UploadRefused, match=sentence):
        fetching.place_of(url)


def test_parts_of_an_address() -> None:
    assert fetching.place_of(" https://Müller.example:443/a%20b?c=d#e ") == (
        "https",
        "xn--mller-kva.example",
        "/a%20b?c=d",
    )
    assert fetching.place_of("http://[2001:4860:4860::8888]") == ("http", "2001:4860:4860::8888", "/")


@pytest.mark.parametrize(
    ("address", "is_public"),
    [
        ("93.184.216.34", True),
        ("2606:2800:220:1::1", True),
        ("64:ff9b::5db8:d822", True),  # NAT64 of a public one
        ("64:ff9b::7f00:1", False),  # of 127.0.0.1
        ("64:ff9b::a9fe:a9fe", False),  # of 169.254.169.254
        ("64:ff9b:1::1", False),
        ("127.0.0.1", False),
        ("0.0.0.0", False),
        ("10.0.0.1", False),
        ("172.16.0.1", False),
        ("192.168.0.1", False),
        ("169.254.169.254", False),
        ("100.64.0.1", False),
        ("192.0.2.1", False),
        ("198.18.0.1", False),
        ("224.0.0.1", False),
        ("240.0.0.1", False),
        ("255.255.255.255", False),
        ("::", False),
        ("::1", False),
        ("::ffff:127.0.0.1", False),
        ("::ffff:93.184.216.34", False),
        ("::127.0.0.1", False),
        ("2002:7f00:1::", False),
        ("2001:0:7f00:1::", False),
        ("fc00::1", False),
        ("fe80::1", False),
        ("fe80::1%eth0", False),
        ("fec0::1", False),
        ("ff02::1", False),
        ("2001:db8::1", False),
        ("nonsense", False),
    ],
)
def test_which_addresses_are_public(address: str, is_public: bool) -> None:
    assert fetching.is_public(address) == is_public


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "2130706433", "0x7f.1", "0177.0.0.1", "::1", "0"])
def test_this_machine_by_other_names(host: str) -> None:
    """Whatever the system makes of a name is what is judged."""
    with pytest.raises(UploadRefused):
        fetching.public_addresses(host, 80)


def test_one_address_that_is_not_public_is_enough(monkeypatch: pytest.MonkeyPatch) -> None:
    answers = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 80)) for ip in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *args, **options: answers)
    with pytest.raises(UploadRefused, match="not a public one"):
        fetching.public_addresses("example.org", 80)
