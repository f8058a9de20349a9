"""Versions come and go under a stream of queries, and searches never notice."""

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.db import connection

from gallery.models import Image, User
from mmsite import pipeline, worker
from search import pushing, versions
from search.models import Embedding, ModelVersion
from search.query.answer import search_images
from tests.search.lifecycle import states

MakeImage = Callable[..., Image]
State = ModelVersion.State


COLORS = ("red", "green", "blue")


@pytest.fixture(autouse=True, params=["own index", "server with a reserve", "server alone"])
def _where(request: pytest.FixtureRequest, settings: Any) -> None:
    """What answers."""
    if request.param != "own index":
        request.getfixturevalue("on_qdrant")
    if request.param == "server alone":
        settings.VECTOR_FALLBACK = None


@contextmanager
def stream_of_queries(viewer: User, images: dict[str, Image]) -> Iterator[Callable[[], None]]:
    """Threads that search without pause. Yields a function that waits until each got further answers; in the end,
    every answer that was not the right one fails the test."""
    stop, wrong, answers = threading.Event(), [], Counter[str]()
    heard = threading.Condition()

    def ask(color: str) -> None:
        try:
            while not stop.is_set():
                result = search_images(viewer=viewer, query=f"a {color} thing")
                best = result.hits[0] if result.hits else None
                if result.state != "ok" or best is None or best.image != images[color] or best.score < 0.9:
                    wrong.append((color, result))
                with heard:
                    answers[color] += 1
                    heard.notify_all()
        except Exception as error:  # noqa: BLE001  told to the test below
            wrong.append((color, error))
            stop.set()
            with heard:
                heard.notify_all()
        finally:
            connection.close()

    def listen() -> None:
        with heard:
            before = answers.copy()
            done = heard.wait_for(
                lambda: stop.is_set() or all(answers[color] >= before[color] + 3 for color in images), timeout=240
            )
        assert done
        assert wrong == []

    threads = [threading.Thread(target=ask, args=(color,)) for color in images]
    for thread in threads:
        thread.start()
    try:
        listen()
        yield listen
        listen()
    finally:
        stop.set()
        for thread in threads:
            thread.join()
    assert wrong == []


@pytest.mark.django_db(transaction=True)
def test_searches_never_notice(make_image: MakeImage, user: User, encoders: dict[str, Any], settings: Any) -> None:
    """Not one error, empty answer or wrong picture while versions are built, activated, rolled back and removed."""
    versions.model_version_ensure()
    images = {color: make_image(color) for color in COLORS}
    worker.work_until_idle()
    with stream_of_queries(user, images) as listen:

        def work() -> None:
            while worker.work_batch():
                pushing.push()
                listen()

        def used() -> str:
            listen()
            return ModelVersion.objects.get(state=State.ACTIVE).name

        other = versions.model_version_add(name="other").version
        versions.model_version_build(version=other)
        listen()
        settings.STAGE_BATCH = 1  # so that searches fall between
        make_image("yellow")
        work()
        versions.model_version_activate(version=other)
        assert used() == "other"
        for name in ("fake", "other", "fake", "other"):
            versions.model_version_roll_back()
            assert used() == name
        settings.ENCODER = "other"
        pipeline.sweep()
        versions.model_version_remove(version=versions.version_named("fake"))
        assert used() == "other"
        settings.ENCODER = "fake"  # embedded anew, in the shadow, and then it takes over
        pipeline.sweep()
        listen()
        work()
        pipeline.sweep()
        assert used() == "fake"
    assert states() == {"fake": "active", "other": "retired"}


@pytest.mark.django_db(transaction=True)
def test_searches_never_notice_that_a_half_built_version_is_forced_and_left_again(
    make_image: MakeImage, user: User, encoders: dict[str, Any]
) -> None:
    """Those for pictures that the forced version has vectors of."""
    versions.model_version_ensure()
    images = {color: make_image(color) for color in COLORS}
    late = make_image("yellow")
    worker.work_until_idle()
    other = versions.model_version_add(name="other").version
    versions.model_version_build(version=other)
    worker.work_until_idle()
    Embedding.objects.filter(model_version=other, image=late).delete()
    with stream_of_queries(user, images) as listen:
        versions.model_version_activate(version=other, force=True)
        listen()
        versions.model_version_roll_back()
        listen()
