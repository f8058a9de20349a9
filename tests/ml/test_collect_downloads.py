"""Fetching pictures from hosts that misbehave."""

import base64
import math
import socket
from collections.abc import Iterator
from queue import SimpleQueue
from threading import Condition, Semaphore
from typing import Any

import pytest

from ml.datasets.collect import request, turns
from ml.datasets.collect.downloads import Downloads, Outcome, Wish
from ml.datasets.collect.dropped import Dropped
from ml.datasets.collect.limits import Limits
from ml.datasets.collect.pictures import Picture
from ml.datasets.collect.robots import Robots
from ml.datasets.collect.turns import Turns
from ml.errors import UsageError
from outbound import addresses
from tests.ml.picture_server import PictureServer, picture, serve

QUICK: dict[str, Any] = {
    "workers": 8,
    "timeout": 60.0,
    "total_time": 60.0,
    "retries": 1,
    "backoff": 0.01,
    "per_host": 8,
    "pause": 0.0,
    "max_bytes": 300_000,
    "allow_private": True,
}


@pytest.fixture
def server() -> Iterator[PictureServer]:
    with serve() as running:
        yield running


def fetch(*urls: str, robots: bool = False, **limits: Any) -> list[Outcome]:
    """What becomes of each address, in their order."""
    chosen = Limits(**QUICK | limits)
    with Downloads(chosen, Robots(chosen) if robots else None) as downloads:
        found = dict(downloads.fetch(Wish(str(n), url, ("a caption",), url) for n, url in enumerate(urls)))
    return [outcome for _, outcome in sorted((int(wish.key), outcome) for wish, outcome in found.items())]


def reason(url: str, **limits: Any) -> str:
    (outcome,) = fetch(url, **limits)
    return outcome.reason if isinstance(outcome, Dropped) else "kept"


@pytest.mark.parametrize("kind", ["jpg", "png", "webp", "gif"])
def test_good_pictures_are_kept_as_they_came(server: PictureServer, kind: str) -> None:
    assert fetch(f"{server.url}/5.{kind}") == [Picture(picture(5, kind), kind, (80, 72))]


@pytest.mark.parametrize(
    "path",
    [
        "/chunked",
        "/gzip",
        "/hops?left=5",
        "/first?code=500",
        "/first?code=429&Retry-After=0",
        "/first?code=503&Retry-After=Wed, 21 Oct 2015 07:28:00 GMT",
    ],
)
def test_odd_ways_to_a_good_picture(server: PictureServer, path: str) -> None:
    assert reason(server.url + path) == "kept"


@pytest.mark.parametrize(
    ("path", "why", "asked"),
    [
        ("/status?code=404", "status 404", 1),
        ("/status?code=410", "status 410", 1),
        ("/status?code=403", "status 403", 1),
        ("/status?code=204", "status 204", 1),
        ("/status?code=302", "status 302", 1),  # without saying where
        ("/status?code=500", "status 500", 2),
        ("/status?code=503&Retry-After=0", "status 503", 2),
        ("/status?code=429&Retry-After=99999", "status 429", 1),
        ("/status?code=429&Retry-After=Thu, 31 Dec 2099 00:00:00 GMT", "status 429", 1),
        ("/status?code=429&Retry-After=soon", "status 429", 2),
        ("/reset", "connection broke", 2),
        ("/short", "connection broke", 2),
        ("/garbage", "bad answer", 1),
        ("/cut?kind=jpg", "broken picture", 1),
        ("/cut?kind=png", "broken picture", 1),
        ("/cut?kind=webp", "broken picture", 1),
        ("/cut?kind=gif", "broken picture", 1),
        ("/html", "not a picture", 1),
        ("/empty", "not a picture", 1),
        ("/text", "unknown format", 1),
        ("/loop", "redirect loop", 1),
        ("/hops?left=6", "too many redirects", 6),
        ("/announced", "too many bytes", 1),
        ("/endless", "too many bytes", 1),
        ("/gzip-bomb", "too many bytes", 1),
        ("/gzip-broken", "bad answer", 1),
        ("/pixel-bomb", "too many pixels", 1),
        ("/canvas-bomb", "too many pixels", 1),
        ("/tiny", "too small", 1),
        ("/to?address=ftp://example.org/x.jpg", "bad address", 1),
        ("/to?address=http://%5B::1/x.jpg", "bad address", 1),
    ],
)
def test_each_way_to_misbehave_has_its_reason(server: PictureServer, path: str, why: str, asked: int) -> None:
    assert reason(server.url + path) == why
    assert server.asked[path.partition("?")[0]] == asked


@pytest.mark.parametrize(
    ("path", "limits", "why", "asked"),
    [
        ("/hang", {"timeout": 0.1}, "timeout", 2),
        ("/drip", {"total_time": 1.0}, "too slow", 1),
        ("/drip-headers", {"total_time": 1.0}, "too slow", 1),
    ],
)
def test_each_way_to_be_slow(server: PictureServer, path: str, limits: dict[str, float], why: str, asked: int) -> None:
    assert reason(server.url + path, **limits) == why
    server.wait_for_asked(path, asked)


def test_nobody_listens_or_has_that_name() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        assert reason(f"http://127.0.0.1:{unused.getsockname()[1]}/x.jpg") == "no connection"
    assert reason("http://nobody.invalid/x.jpg") == "no such host"


@pytest.mark.parametrize(
    "url",
    ["", "x.jpg", "ftp://h/x", "file:///etc/passwd", "http:///x", "http://h:99999/", "http://[::1/x", "javascript:0"],
)
def test_what_is_no_address(url: str) -> None:
    assert reason(url) == "bad address"


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "0x7f.1"])
def test_this_machine_is_not_asked_unless_told(server: PictureServer, host: str, monkeypatch: Any) -> None:
    monkeypatch.setattr(addresses, "USUAL_PORTS", {server.server_port})
    assert reason(f"http://{host}:{server.server_port}/1.jpg", allow_private=False) == "private address"
    assert not server.asked


def test_an_unusual_port_is_not_asked_unless_told() -> None:
    assert reason("http://8.8.8.8:22/", allow_private=False) == "unusual port"
    assert reason("http://127.0.0.1:22/", allow_private=False) == "private address"  # the graver reason is told


def test_a_redirect_to_a_private_address_is_not_followed(server: PictureServer, monkeypatch: Any) -> None:
    monkeypatch.setattr(addresses, "USUAL_PORTS", {server.server_port})
    monkeypatch.setattr(addresses, "is_public", lambda number: number == "127.0.0.1")  # this server counts as public
    target = f"http://127.0.0.2:{server.server_port}/1.jpg"
    assert reason(f"{server.url}/to?address={target}", allow_private=False) == "private address"
    assert server.asked["/1.jpg"] == 0


def test_a_host_is_asked_only_so_often_at_once(server: PictureServer) -> None:
    server.hold = Semaphore(0)
    with Downloads(Limits(**QUICK | {"per_host": 2}), None) as downloads:
        for number in range(12):
            downloads.begin(Wish(str(number), f"{server.url}/{number}.jpg", ("x",), ""))
        for left in range(12, 0, -1):
            server.wait_for_held(min(left, 2))
            server.hold.release()
            downloads.next_result()
    assert server.most_held == 2


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> "SimpleQueue[float]":
    """For how long the host was to be left alone after each request; it isn't."""
    told: SimpleQueue[float] = SimpleQueue()
    release = Turns.release

    def remember(these: Turns[Any], host: str, pause: float) -> None:
        told.put(pause)
        release(these, host, 0.0)

    monkeypatch.setattr(Turns, "release", remember)
    return told


def test_a_host_is_left_alone_between_requests(server: PictureServer, pauses: "SimpleQueue[float]") -> None:
    fetch(*(f"{server.url}/{n}.jpg" for n in range(4)), pause=7.0)
    assert [pauses.get(timeout=60) for _ in range(4)] == [7.0] * 4


def test_a_host_that_asks_for_patience_gets_it(server: PictureServer, pauses: "SimpleQueue[float]") -> None:
    assert reason(f"{server.url}/status?code=503&Retry-After=20", retries=0) == "status 503"
    assert pauses.get(timeout=60) == 20.0


class _Time:
    """A clock that goes on as soon as somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def condition(self) -> Condition:
        condition = Condition()

        def wait(seconds: float | None = None) -> bool:
            assert seconds is not None, "it would wait for ever"
            self.now += seconds
            return True

        condition.wait = wait  # type: ignore[method-assign]
        return condition


def test_a_pause_holds_for_every_job_of_a_host_and_for_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    time = _Time()
    monkeypatch.setattr(turns, "time", time)
    monkeypatch.setattr(turns, "Condition", time.condition)
    jobs: Turns[str] = Turns(per_host=2)
    for job, host, wait in (("a", "sea", 0.0), ("b", "sea", 0.0), ("c", "sun", 3.0), ("d", "sea", 0.0)):
        jobs.put(job, host, wait)
    assert [jobs.take(), jobs.take()] == [("a", "sea"), ("b", "sea")]
    assert (jobs.take(), time.now) == (("c", "sun"), 3.0), "d waits for its host"
    jobs.release("sea", 10.0)
    assert (jobs.take(), time.now) == (("d", "sea"), 13.0)


def test_slow_hosts_hold_up_nobody_else(server: PictureServer) -> None:
    """More pictures of a host that hangs than there are threads; those of another come in the meantime."""
    hanging = [f"http://127.0.0.3:{server.server_port}/hang?{n}" for n in range(6)]
    limits = Limits(**QUICK | {"workers": 3, "per_host": 2, "retries": 0})
    with serve(_on("127.0.0.3", server.server_port)), Downloads(limits, None) as downloads:
        wishes = [Wish(str(n), url, ("x",), url) for n, url in enumerate([*hanging, f"{server.url}/1.jpg"])]
        wish, _ = next(downloads.fetch(wishes))
    assert wish.address == f"{server.url}/1.jpg"


def _on(host: str, port: int) -> PictureServer:
    class Elsewhere(PictureServer):
        def server_bind(self) -> None:
            self.server_address = (host, port)
            super().server_bind()

    return Elsewhere()


def test_robots_txt_is_obeyed(server: PictureServer, pauses: "SimpleQueue[float]") -> None:
    server.robots = "User-agent: *\nDisallow: /2\n\nUser-agent: mmsite-workshop\nDisallow: /3\nCrawl-delay: 30\n"
    outcomes = fetch(*(f"{server.url}/{n}.jpg" for n in (1, 2, 3)), robots=True, per_host=1)
    assert [outcome.reason if isinstance(outcome, Dropped) else "kept" for outcome in outcomes] == [
        *("kept", "kept", "robots.txt")
    ]
    assert server.asked["/robots.txt"] == 1
    assert server.asked["/3.jpg"] == 0
    assert sorted(pauses.get(timeout=60) for _ in range(3)) == [0.0, 30.0, 30.0]


@pytest.mark.parametrize(("robots", "why"), [(None, "kept"), ("User-agent: *\nCrawl-delay: 3600", "robots.txt")])
def test_no_robots_txt_allows_all_and_a_long_delay_nothing(server: PictureServer, robots: str | None, why: str) -> None:
    server.robots = robots
    assert reason(f"{server.url}/1.jpg", robots=True) == why


def test_robots_txt_that_cannot_be_had_forbids_all(server: PictureServer, monkeypatch: Any) -> None:
    handler: Any = server.RequestHandlerClass
    monkeypatch.setattr(handler, "do_robots_txt", handler.do_garbage)
    assert reason(f"{server.url}/1.jpg", robots=True) == "robots.txt"
    assert server.asked["/1.jpg"] == 0


def test_an_error_that_nobody_foresaw_costs_one_picture(server: PictureServer, monkeypatch: Any, caplog: Any) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise RuntimeError("a bug")

    monkeypatch.setattr(request.outbound, "ask", failing)
    assert reason(f"{server.url}/1.jpg") == "unforeseen"
    assert "RuntimeError: a bug" in caplog.text


def test_pictures_in_the_page_itself() -> None:
    body = picture(3, "png")
    good = f"data:image/png;base64,{base64.b64encode(body).decode()}"
    bad = ("data:image/png", "data:image/png;base64,AAA", "data:text/html,%3Chtml%3E", f"data:,{'x' * 999_999}")
    outcomes = fetch(good, *bad)
    assert outcomes[0] == Picture(body, "png", (80, 72))
    reasons = [outcome.reason for outcome in outcomes[1:] if isinstance(outcome, Dropped)]
    assert reasons == ["bad address", "bad address", "not a picture", "too many bytes"]


@pytest.mark.parametrize(
    ("name", "value"),
    [("workers", 0), ("timeout", 0.0), ("timeout", math.nan), ("min_side", -1), ("retries", -1), ("pause", math.nan)],
)
def test_limits_that_make_no_sense(name: str, value: float) -> None:
    with pytest.raises(UsageError, match=f"--{name.replace('_', '-')} must"):
        Limits(**{name: value})
