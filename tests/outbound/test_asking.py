"""Machines that misbehave, and names that lead where they should not, by real servers on this one."""

import shutil
import socket
import ssl
import subprocess
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from outbound import Answer, Kind, NoAnswer, addresses, ask, parse
from tests.ml.picture_server import PictureServer, picture, serve

LOCAL = "127.0.0.1"


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with serve() as running:
        yield running


@contextmanager
def asked(url: str, **how: Any) -> Iterator[Answer]:
    with ask(parse(url), **{"headers": {}, "within": 60.0, "patience": 60.0, "allow_private": True} | how) as answer:
        yield answer


def read(url: str, most: int = 1_000_000, **how: Any) -> bytes:
    with asked(url, **how) as answer:
        return b"".join(answer.pieces(most))


def kind(url: str, most: int = 1_000_000, **how: Any) -> Kind:
    """Why there is no answer."""
    with pytest.raises(NoAnswer) as told:
        read(url, most, **how)
    return told.value.kind


@pytest.fixture
def names(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Has the system's resolver find these numbers behind every name, and others when it is asked again."""

    def lead_to(*numbers: list[str]) -> None:
        found = iter(numbers)

        def getaddrinfo(host: str, port: int, **_: Any) -> list[Any]:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (number, port)) for number in next(found)]

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)

    return lead_to


class TestWhoIsAsked:
    @pytest.mark.parametrize(
        "host",
        [
            *("127.0.0.1", "127.1", "localhost", "localhost.", "LOCALHOST", "0x7f.1", "0177.0.0.1", "2130706433"),
            *("017700000001", "0", "[::1]", "[::ffff:127.0.0.1]", "[::]", "%31%32%37.0.0.1"),
        ],
    )
    def test_this_machine_by_other_names(self, server: PictureServer, host: str, monkeypatch: Any) -> None:
        """Whatever the system makes of a name is what is judged."""
        monkeypatch.setattr(addresses, "USUAL_PORTS", {server.server_port})
        url = f"http://{host}:{server.server_port}/1.jpg"
        assert kind(url, allow_private=False) in (Kind.PRIVATE_ADDRESS, Kind.NO_SUCH_HOST)
        assert not server.asked

    def test_one_number_that_is_not_public_is_enough(self, names: Callable[..., None]) -> None:
        names(["93.184.216.34", "8.8.8.8", "1.1.1.1", "9.9.9.9", "10.0.0.1"])
        assert kind("http://pictures.example/", allow_private=False) == Kind.PRIVATE_ADDRESS

    def test_ports_of_other_services_are_not_asked(self, names: Callable[..., None]) -> None:
        names(["8.8.8.8"], ["127.0.0.1"])
        assert kind("http://pictures.example:22/", allow_private=False) == Kind.UNUSUAL_PORT
        assert kind("http://pictures.example:22/", allow_private=False) == Kind.PRIVATE_ADDRESS  # the graver is told

    def test_a_name_is_resolved_once_and_that_very_number_is_asked(
        self, server: PictureServer, names: Callable[..., None]
    ) -> None:
        """A name that changes its number between the check and the connection gains nothing."""
        names([LOCAL], ["169.254.169.254"])
        assert read(f"http://pictures.test:{server.server_port}/1.jpg") == picture(1)
        assert server.headers[0]["Host"] == f"pictures.test:{server.server_port}"
        assert "Cookie" not in server.headers[0]

    def test_a_redirect_is_told_and_not_followed(self, server: PictureServer) -> None:
        for location, leads_to in (("/1.jpg", f"{server.url}/1.jpg"), ("//h/x", "http://h/x"), ("http://[::1", None)):
            with asked(f"{server.url}/to?address={location}") as answer:
                assert answer.leads_to == (leads_to or location)
        with asked(f"{server.url}/status?code=302") as answer:
            assert (answer.status, answer.leads_to) == (302, "")
        assert server.asked["/1.jpg"] == 0

    def test_proxies_of_the_environment_are_not_used(self, server: PictureServer, monkeypatch: Any) -> None:
        monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
        assert read(f"{server.url}/1.jpg") == picture(1)

    def test_the_next_number_is_tried_where_one_takes_no_connection(
        self, server: PictureServer, names: Callable[..., None]
    ) -> None:
        names(["127.0.0.9", LOCAL])
        assert read(f"http://pictures.test:{server.server_port}/1.jpg") == picture(1)

    def test_nobody_listens_or_has_that_name(self) -> None:
        with socket.socket() as unused:
            unused.bind((LOCAL, 0))
            assert kind(f"http://127.0.0.1:{unused.getsockname()[1]}/") == Kind.NO_CONNECTION
        assert kind("http://nobody.invalid/") == Kind.NO_SUCH_HOST


class TestTime:
    @pytest.mark.parametrize("path", ["/hang", "/drip", "/drip-headers", "/drip-without-length"])
    def test_no_drip_outlasts_the_deadline(self, server: PictureServer, path: str) -> None:
        """The server says `Connection: close`, so that http.client lets go of the socket before the body came."""
        assert kind(server.url + path, within=0.2) == Kind.TOO_SLOW

    def test_silence_is_told_apart(self, server: PictureServer) -> None:
        assert kind(f"{server.url}/hang", patience=0.1) == Kind.TIMEOUT

    def test_a_resolver_that_does_not_answer(self, monkeypatch: pytest.MonkeyPatch) -> None:
        answers = threading.Event()

        def getaddrinfo(*_: Any, **__: Any) -> list[Any]:
            answers.wait(20)
            return []

        monkeypatch.setattr(socket, "getaddrinfo", getaddrinfo)
        monkeypatch.setattr(addresses, "_free", threading.BoundedSemaphore(1))
        try:
            assert kind("http://pictures.test/", within=0.1) == Kind.TOO_SLOW
            assert kind("http://pictures.test/", within=0.1) == Kind.TOO_SLOW, "where too many wait already"
            resolvers = [thread for thread in threading.enumerate() if thread.name == "resolver"]
            assert len(resolvers) == 1
        finally:
            answers.set()
        resolvers[0].join()

    def test_a_number_that_is_silent_leaves_time_for_the_next(
        self, server: PictureServer, names: Callable[..., None]
    ) -> None:
        names(["127.0.0.9", LOCAL])
        with _full("127.0.0.9", server.server_port):
            assert read(f"http://pictures.test:{server.server_port}/1.jpg", within=6.0) == picture(1)

    def test_a_handshake_that_never_ends(self, server: PictureServer) -> None:
        with socket.create_server((LOCAL, 0)) as silent:
            url = f"https://127.0.0.1:{silent.getsockname()[1]}/"
            assert kind(url, within=0.2) == Kind.TOO_SLOW

    def test_a_host_that_reads_nothing(self) -> None:
        with socket.create_server((LOCAL, 0)) as silent:
            url = f"http://127.0.0.1:{silent.getsockname()[1]}/"
            assert kind(url, method="POST", body=bytes(50_000_000), within=0.2) == Kind.TOO_SLOW


@contextmanager
def _full(host: str, port: int) -> Iterator[None]:
    """A machine that leaves connections unanswered: its queue of them is full."""
    with socket.create_server((host, port), backlog=0) as listening:
        waiting = [socket.socket() for _ in range(4)]
        try:
            for each in waiting:
                each.setblocking(False)
                each.connect_ex(listening.getsockname())
            yield
        finally:
            for each in waiting:
                each.close()


class TestWhatComes:
    @pytest.mark.parametrize("path", ["/6.jpg", "/chunked", "/gzip"])
    def test_bodies_are_unpacked(self, server: PictureServer, path: str) -> None:
        assert read(server.url + path) == picture(7 if path == "/gzip" else 6)
        assert server.headers[0]["Accept-Encoding"] == "identity"

    @pytest.mark.parametrize("path", ["/announced", "/endless", "/gzip-bomb"])
    def test_there_is_an_end_to_them(self, server: PictureServer, path: str) -> None:
        assert kind(server.url + path) == Kind.TOO_MANY_BYTES

    def test_a_bomb_is_not_unpacked_first(self, server: PictureServer) -> None:
        tracemalloc.start()
        try:
            assert kind(f"{server.url}/gzip-bomb") == Kind.TOO_MANY_BYTES
            assert tracemalloc.get_traced_memory()[1] < 5_000_000  # of 100 MB
        finally:
            tracemalloc.stop()

    @pytest.mark.parametrize(
        ("path", "why"),
        [
            ("/reset", Kind.CONNECTION_BROKE),
            ("/short", Kind.CONNECTION_BROKE),
            ("/garbage", Kind.BAD_ANSWER),
            ("/gzip-broken", Kind.BAD_ANSWER),
        ],
    )
    def test_what_is_broken(self, server: PictureServer, path: str, why: Kind) -> None:
        assert kind(server.url + path) == why

    def test_errors_of_the_caller_stay_as_they_are(self, server: PictureServer) -> None:
        with pytest.raises(OSError, match="the disk is full"), asked(f"{server.url}/1.jpg"):
            raise OSError("the disk is full")


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[tuple[PictureServer, Path]]:
    """A server that speaks TLS, and the certificate for pictures.test that it shows."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl, which makes the certificate, is not installed here")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    command = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
    ]
    names = ["-subj", "/CN=pictures.test", "-addext", "subjectAltName=DNS:pictures.test"]
    subprocess.run([*command, *names, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server = PictureServer()
    server.socket = context.wrap_socket(server.socket, server_side=True)
    with serve(server):
        yield server, certificate


def test_certificates_are_checked_against_the_name(
    secure: tuple[PictureServer, Path], names: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    server, certificate = secure
    names(*[[LOCAL]] * 4)
    good, other = (f"https://{name}:{server.server_port}/1.jpg" for name in ("pictures.test", "other.test"))
    assert kind(good) == Kind.UNSAFE_CONNECTION  # nobody vouches for the certificate yet
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    assert read(good) == picture(1)
    assert read(good.replace(".test:", ".test.:")) == picture(1)
    assert kind(other) == Kind.UNSAFE_CONNECTION
