"""Searches go on whatever becomes of the server, and the server is level again soon after it is back."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

import pytest
from django.test import Client

from gallery import services as gallery_services
from gallery.models import Image, User
from mmsite.describe import describe
from search import factory, index, metrics, pushing
from search.backends.breaker import CircuitBreaker
from search.backends.retries import Retries
from search.models import ModelVersion
from search.query.answer import SearchResult, search_images
from search.reconcile import Drift
from tests.faults.qdrant_server import Answer, CutShort, Fault, QdrantServer, Refused, Slow

Hurry = Callable[[], AbstractContextManager[None]]
Broken = Callable[[Fault], AbstractContextManager[None]]
# Slow by more than these tests may take: whoever waits for the server's answer is found out without a clock. How long
# people do wait is measured by bench.fallback.
FAULTS: list[Fault] = [Refused(), Slow(3_600.0), Answer(500), Answer(401), CutShort()]


@pytest.fixture
def server() -> Iterator[QdrantServer]:
    with QdrantServer() as server:
        yield server


@pytest.fixture(autouse=True)
def _on_qdrant(settings: Any, server: QdrantServer) -> Iterator[None]:
    settings.VECTOR_FALLBACK = settings.VECTOR_INDEX
    settings.VECTOR_INDEX = {
        "BACKEND": "search.backends.qdrant.QdrantIndex",
        # Patient: on a busy machine a server that is well may take its time.
        "OPTIONS": {
            "url": server.url,
            "timeout": 30.0,
            "search_timeout": 30.0,
            "retries": Retries(attempts=2, first_wait=0.01),
        },
    }
    settings.METRICS_TOKEN = "s3cret"
    index.reset()
    pushing.reset()
    yield
    index.reset()
    pushing.reset()


@pytest.fixture
def hurry(settings: Any) -> Hurry:
    """For the length of a block nobody waits long, as with a server that never answers: `with hurry(): …`."""

    @contextmanager
    def hurry() -> Iterator[None]:
        patient = settings.VECTOR_INDEX
        settings.VECTOR_INDEX = patient | {"OPTIONS": patient["OPTIONS"] | {"timeout": 1.0, "search_timeout": 1.0}}
        index.reset()
        pushing.reset()
        yield
        settings.VECTOR_INDEX = patient
        index.reset()
        pushing.reset()

    return hurry


@pytest.fixture
def broken(server: QdrantServer, hurry: Hurry) -> Broken:
    """A fault for the length of a block, after which no breaker remembers it: `with broken(fault): …`."""

    @contextmanager
    def broken(fault: Fault) -> Iterator[None]:
        with hurry() if isinstance(fault, Slow) else nullcontext():
            server.fault = fault
            yield
            server.fault = None
        index.reset()
        pushing.reset()

    return broken


@pytest.fixture
def images(embedded: Callable[..., Image]) -> dict[str, Image]:
    images = {color: embedded(color, visibility="public") for color in ("red", "green", "blue")}
    pushing.push()
    return images


@pytest.fixture
def client(images: dict[str, Image]) -> Client:
    return Client()


def ask(user: User, color: str) -> SearchResult:
    return search_images(viewer=user, query=color)


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__ + str(getattr(fault, "status", "")))
def test_every_query_is_answered_and_says_by_whom(
    broken: Broken, images: dict[str, Image], user: User, fault: Fault
) -> None:
    assert ask(user, "red").notice == ""
    with broken(fault):
        for color in ("red", "green", "blue", "red", "green"):
            result = ask(user, color)
            assert result.hits[0].image == images[color]
            assert len(result.hits) == 3
            assert "doesn't answer" in result.notice
    assert ask(user, "red").notice == ""


def test_page_api_and_metric_say_so(server: QdrantServer, images: dict[str, Image], client: Client) -> None:
    def told() -> tuple[bool, str, bool]:
        page = client.get("/search/", {"q": "red"}).content.decode()
        health = client.get("/healthz").json()["search"]
        assert health["ready"]
        metrics = client.get("/metrics", headers={"authorization": "Bearer s3cret"}).content.decode()
        return "The search server doesn&#x27;t answer" in page, health["notice"], "breaker_open 1.0" in metrics

    assert told() == (False, "", False)
    server.fault = Answer(503)
    before = metrics.FALLBACKS._value.get()
    for _ in range(3):
        client.get("/search/", {"q": "red"})
    banner, notice, metric = told()
    assert (banner, metric) == (True, True)
    assert "doesn't answer" in notice
    assert metrics.FALLBACKS._value.get() >= before + 4


def test_who_has_a_picture_described_is_told_too(server: QdrantServer, images: dict[str, Image], user: User) -> None:
    server.fault = Answer(500)
    with images["red"].original.open("rb") as file:
        description = describe(viewer=user, file=file)
    assert description.hits[0].image == images["red"]
    assert "doesn't answer" in " ".join(description.problems)


def test_a_server_that_is_down_is_left_alone_and_found_again(
    server: QdrantServer, images: dict[str, Image], user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(index, "_breaker", CircuitBreaker(clock=lambda: now))
    index._current = None
    server.fault = Answer(500)
    for _ in range(10):
        ask(user, "red")
    assert server.calls["query"] == 3
    server.fault = None
    assert ask(user, "red").notice != ""
    now = 6.0  # past the first cooldown
    assert ask(user, "red").notice == ""
    assert server.calls["query"] == 4


def test_without_a_fallback_it_is_said_and_nothing_breaks(
    server: QdrantServer, images: dict[str, Image], client: Client, user: User, settings: Any
) -> None:
    settings.VECTOR_FALLBACK = None
    index.reset()
    server.fault = Answer(500)
    result = ask(user, "red")
    assert result.state == "not_ready"
    assert "doesn't answer" in result.sentence
    for _ in range(3):  # which opens the breaker
        assert client.get("/search/", {"q": "red"}).status_code == 200
    health = client.get("/healthz").json()["search"]
    assert not health["ready"]
    assert health["notice"] == ""  # nothing stands in
    server.fault = None
    index.reset()  # the breaker would wait for some seconds
    assert ask(user, "red").state == "ok"


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: type(fault).__name__ + str(getattr(fault, "status", "")))
def test_what_is_written_meanwhile_is_sent_later(
    broken: Broken, images: dict[str, Image], embedded: Callable[..., Image], user: User, fault: Fault
) -> None:
    with broken(fault):
        later = embedded("yellow")
        gallery_services.images_delete(images=[images["red"]])
        pushing.push()
        assert ask(user, "yellow").hits[0].image == later
    pushing.push()
    assert held() == {later.pk, images["green"].pk, images["blue"].pk}
    assert pushing.sweep().is_none


def held() -> set[int]:
    """The pictures that the server knows."""
    return {point.key for point in factory.create(ModelVersion.objects.get()).scroll(limit=1_000)}


def test_flapping_leaves_no_drift(
    server: QdrantServer,
    images: dict[str, Image],
    embedded: Callable[..., Image],
    user: User,
    hurry: Hurry,
) -> None:
    """Twenty times down, each time in another way, while pictures come, change and go, and people search."""
    with hurry():
        for turn in range(20):
            server.fault = FAULTS[turn % len(FAULTS)]
            image = embedded((turn * 12, 40, 80))
            if turn % 3 == 0:
                gallery_services.images_delete(images=[image])
            elif turn % 3 == 1:
                gallery_services.image_set_visibility(image=image, visibility="public")
            pushing.push()
            assert ask(user, "red").hits[0].image == images["red"]
            server.fault = None
            pushing.push()
            assert ask(user, "green").hits[0].image == images["green"]
    end = time.monotonic() + 240
    while pushing.is_behind():
        assert time.monotonic() < end
        pushing.push()
        time.sleep(0.5)
    assert held() == set(Image.objects.values_list("pk", flat=True))
    assert pushing.sweep() == Drift(compared=Image.objects.count())
