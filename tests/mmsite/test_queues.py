"""Who is woken for which work, and what happens where the broker of wake-ups doesn't answer."""

import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import pytest
from django_q.models import OrmQ

from gallery import stages
from gallery.models import Image, Stage
from mmsite import broker, checkup, pipeline, queues, tasks
from mmsite.supervisor import Supervisor, is_healthy
from search import versions
from tests.mmsite.processes import child_groups, members, running, wait_for

MakeImage = Callable[..., Image]


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(queues, "_quiet_until", 0.0)


@pytest.fixture
def split(db: None, settings: Any) -> None:
    """Captions and vectors have a queue of their own."""
    settings.GPU_QUEUE = True
    versions.model_version_ensure()


def waiting() -> Counter[str]:
    return Counter(OrmQ.objects.values_list("key", flat=True))


def states() -> dict[str, str]:
    return dict(Stage.objects.values_list("step", "state"))


def test_each_queue_with_due_work_is_woken_once(split: None, make_image: MakeImage) -> None:
    make_image()
    for _ in range(2):
        pipeline.wake()
    assert waiting() == {"mmsite": 1, "mmsite-models": 1}


def test_a_queue_without_due_work_is_left_asleep(split: None, make_image: MakeImage) -> None:
    make_image()
    Stage.objects.filter(step=pipeline.RENDITIONS).update(state=Stage.State.DONE)
    pipeline.wake()
    assert waiting() == {"mmsite-models": 1}


def test_one_queue_does_all_unless_told_otherwise(user: Any) -> None:
    pipeline.wake()
    assert waiting() == {"mmsite": 1}
    assert queues.names() == ("default",)
    assert pipeline.steps_of("default") is None


def test_a_worker_does_the_steps_of_its_queue_and_no_others(split: None, make_image: MakeImage) -> None:
    make_image()
    tasks.work("default")
    assert states() == {"renditions": "done", "caption": "pending", "embedding": "pending"}
    make_image("blue")
    tasks.work("models")
    assert Counter(Stage.objects.values_list("step", "state")) == {
        ("renditions", "done"): 1,
        ("renditions", "pending"): 1,
        ("caption", "done"): 2,
        ("embedding", "done"): 2,
    }


def test_text_is_read_where_there_is_no_gpu(split: None, make_image: MakeImage, settings: Any) -> None:
    settings.TEXT_READER = "fake"
    make_image()
    tasks.work("default")
    assert states() == {"renditions": "done", "caption": "pending", "embedding": "pending", "text": "done"}


def test_a_queue_stalls_for_itself(split: None, make_image: MakeImage) -> None:
    """Renditions that are made don't hide that nobody captions."""
    make_image()
    Stage.objects.update(due_at="2020-01-01T00:00:00Z")
    tasks.work("default")
    assert stages.stalled(for_seconds=60, steps=pipeline.steps_of("models"))
    assert not stages.stalled(for_seconds=60, steps=pipeline.steps_of("default"))
    assert "nothing moves in the queue models" in checkup.check_work().sentence


def started(settings: Any, monkeypatch: pytest.MonkeyPatch, **options: Any) -> list[str]:
    """What a supervisor would start: the last words of each command."""
    supervisor = Supervisor(say=lambda _: None, **options)
    supervisor._lifeline.close()
    return [child.name for child in supervisor._children]


def test_a_machine_runs_all_of_it_or_its_part(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert started(settings, monkeypatch) == ["web", "worker"]
    settings.GPU_QUEUE, settings.QUEUES = True, ["default", "models"]
    assert started(settings, monkeypatch) == ["web", "worker", "worker of models"]
    assert started(settings, monkeypatch, only="web") == ["web"]
    settings.QUEUES = ["models"]
    assert started(settings, monkeypatch, only="worker") == ["worker of models"]


@pytest.fixture
def deaf_redis(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], int]]:
    """A server that takes connections and never answers; tells how many there were since it was asked last."""
    from django_q.conf import Conf

    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        server.setblocking(False)

        def connections() -> int:
            number = 0
            with suppress(BlockingIOError):
                while True:
                    server.accept()[0].close()
                    number += 1
            return number

        settings.REDIS_URL = f"redis://127.0.0.1:{server.getsockname()[1]}/0"
        monkeypatch.setattr(Conf, "BROKER_CLASS", "mmsite.broker.RedisBroker")
        monkeypatch.setattr(broker, "ANSWER_SECONDS", 0.1)
        monkeypatch.setattr(queues, "QUIET_SECONDS", 3_600.0)
        broker.client.cache_clear()
        yield connections
        broker.client().close()
        broker.client.cache_clear()


def test_an_upload_is_safe_where_the_broker_is_deaf(
    deaf_redis: Callable[[], int], make_image: MakeImage, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        make_image("red")
    assert deaf_redis() == 1
    with django_capture_on_commit_callbacks(execute=True):
        for shade in range(10):
            make_image((25 * shade, 0, 200))
    assert deaf_redis() == 0, "the other ten don't wait for it too"
    assert Image.objects.count() == 11
    assert stages.any_due()


@pytest.mark.usefixtures("deaf_redis")
def test_the_doctor_misses_the_broker(user: Any) -> None:
    finding = {each.subject: each for each in checkup.examine()}["broker"]
    assert "does not answer" in finding.sentence
    assert "MMSITE_REDIS_URL" in finding.advice


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_two_workers_of_two_queues_share_a_picture(environment: dict[str, str], make_image: MakeImage) -> None:
    make_image()
    split = environment | {"MMSITE_GPU_QUEUE": "1"}
    queues.sweep_soon()
    with running(split, "qcluster", "--queue", "default"):
        wait_for(lambda: "done" in states().values(), "the renditions are made")
        assert states() == {"renditions": "done", "caption": "pending", "embedding": "pending"}
        wait_for(lambda: waiting()["mmsite-models"] == 1, "the sweep has woken the other queue")
        with running(split, "qcluster", "--queue", "models"):
            wait_for(lambda: set(states().values()) == {"done"}, "the other worker did the rest")


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_a_host_may_be_for_the_web_alone_with_several_processes(site: dict[str, str], make_image: MakeImage) -> None:
    make_image()
    with running(site | {"MMSITE_WEB_WORKERS": "2"}, "run", "--only", "web") as supervisor:
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers")
        [web] = child_groups(supervisor.pid)
        wait_for(lambda: len(members(web)) == 3, "gunicorn and two workers of its own run")
        assert set(states().values()) == {"pending"}
