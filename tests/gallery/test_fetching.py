"""Pictures from the web: which addresses are fetched, and what becomes of what comes, by a real server."""

import gzip
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from django.test import Client

import outbound
from gallery import fetching
from gallery.models import AuditEntry, Image, User
from outbound import addresses
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
        elif self.path == "/dripping.png":
            self.send_response(200)
            self.send_header("Connection", "close")
            self.end_headers()
            while not self.hold.wait(0.01):
                self.wfile.write(b".")
        elif self.path == "/bomb.png":
            self.send_response(200)
            self.send_header("Content-Encoding", "gzip")
            self.end_headers()
            self.wfile.write(gzip.compress(bytes(1_000_000)))
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
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    Web.asked.clear()
    Web.hold.clear()
    look_up = addresses.public_numbers

    def numbers(address: outbound.Address, **how: Any) -> list[str]:
        return ["127.0.0.1"] if address.host == "example.org" else look_up(address, **how)

    monkeypatch.setattr(addresses, "public_numbers", numbers)
    monkeypatch.setitem(addresses.PORTS, "http", server.server_address[1])
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
        ("/to/file:///etc/passwd", "no address on the web"),
        ("/to/http://example.org:22/red.png", "port of its own"),
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


@pytest.mark.parametrize(("path", "limit"), [("/red.png", 50), ("/bomb.png", 500_000)])
def test_bytes_are_counted_while_they_come(web: str, user: User, settings: Any, path: str, limit: int) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": limit}
    assert "too large" in fetch(user, web + path).sentence


@pytest.mark.parametrize("path", ["/slow.png", "/dripping.png"])
def test_time_is_bounded_in_all(web: str, user: User, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(fetching, "SECONDS", 0.2)
    assert "takes too long" in fetch(user, web + path).sentence


def test_a_full_disk_here_is_not_called_a_broken_connection(web: str, user: User, monkeypatch: Any) -> None:
    monkeypatch.setattr(fetching.tempfile, "TemporaryFile", lambda: open("/dev/full", "wb", buffering=0))  # noqa: SIM115
    with pytest.raises(OSError, match="No space left"):
        fetch(user, f"{web}/red.png")


def test_whatever_went_wrong_has_its_sentence(web: str, user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in outbound.Kind:

        def fail(url: str, kind: outbound.Kind = kind) -> None:
            raise outbound.NoAnswer(kind)

        monkeypatch.setattr(fetching, "parse", fail)
        assert fetch(user, web).sentence.endswith(".")


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
        ("ftp://example.org/a.png", "no address"),
        ("//example.org/a.png", "no address"),
        ("http://[::1", "no address"),
        ("http://" + "a" * 70 + ".org/", "no address"),
        ("http://ada@example.org/", "password"),
        ("http://ada:secret@example.org/", "password"),
        ("http://example.org:22/", "port of its own"),
        ("https://example.org:80/", "port of its own"),
        ("http://127.0.0.1/", "not a public one"),
        ("http://2130706433/", "not a public one"),
        ("http://localhost./", "not a public one"),
    ],
)
def test_addresses_that_are_not_fetched(user: User, settings: Any, url: str, sentence: str) -> None:
    settings.URL_IMPORT = True
    assert sentence in fetch(user, url).sentence
