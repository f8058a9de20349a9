"""Wake-ups through a real Redis server. Each test has keys of its own there, or a server of its own."""

import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from django_q.models import OrmQ

from captioning.models import Caption
from gallery import stages
from gallery.models import Image, Rendition, Stage
from mmsite import checkup, pipeline, queues
from search.models import Embedding
from tests.mmsite.conftest import UseRedis
from tests.mmsite.processes import (
    child_groups,
    members,
    nothing_open,
    redis_answers,
    running,
    states,
    wait_for,
    work_goes_on_until_done,
)

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

MakeImage = Callable[..., Image]


@contextmanager
def redis_server(port: int, folder: Path) -> Iterator[None]:
    """A server that keeps nothing when it stops."""
    command = ["redis-server", "--bind", "127.0.0.1", "--port", str(port), "--save", "", "--appendonly", "no"]
    process = subprocess.Popen([*command, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        wait_for(lambda: redis_answers(f"redis://127.0.0.1:{port}/0"), "Redis answers")
        yield
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()


@pytest.fixture
def port() -> int:
    if shutil.which("redis-server") is None:
        pytest.skip("There is no redis-server here to stop and start: `make test-services` installs one")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        number: int = probe.getsockname()[1]
        return number


def test_pictures_are_processed_by_way_of_redis(redis_site: dict[str, str], make_image: MakeImage) -> None:
    for colour in ("red", "green", "blue"):
        make_image(colour)
    finding = checkup.check_broker()
    assert (finding.sentence, finding.is_well) == ("Redis, 1 wake-ups wait", True)
    with running(redis_site, "qcluster"):
        wait_for(nothing_open, "all work is done")
    assert states() == {"done": 9}
    assert OrmQ.objects.count() == 0


def test_a_killed_worker_loses_its_task_but_no_work(
    redis_site: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    for colour in ("red", "green", "white", "blue"):
        make_image(colour)
    with running(redis_site, "qcluster"):
        wait_for((tmp_path / "hanging").exists, "the worker is in mid-batch")
        wait_for(lambda: checkup.check_broker().sentence == "Redis, 0 wake-ups wait", "its task is taken")
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        (tmp_path / "hang").unlink()
        work_goes_on_until_done()
    assert states() == {"done": 12}
    assert Stage.objects.filter(attempts__gt=2).count() == 0
    assert (Rendition.objects.count(), Caption.objects.count(), Embedding.objects.count()) == (8, 4, 4)


def test_each_queue_has_its_workers(redis_site: dict[str, str], make_image: MakeImage, settings: Any) -> None:
    settings.GPU_QUEUE = True
    make_image()
    split = redis_site | {"MMSITE_GPU_QUEUE": "1"}
    with running(split, "run", "--only", "worker") as supervisor:
        wait_for(nothing_open, "all work is done")
        assert len(child_groups(supervisor.pid)) == 2
    assert states() == {"done": 3}


def test_uploads_while_redis_is_down_are_made_up_for(
    use_redis: UseRedis,
    environment: dict[str, str],
    make_image: MakeImage,
    port: int,
    tmp_path: Path,
) -> None:
    # The watchdog is patient: it is Redis that keeps the worker from the work.
    site = environment | use_redis(f"redis://127.0.0.1:{port}/0") | {"MMSITE_TEST_WATCHDOG_SECONDS": "60"}
    log = tmp_path / "log"
    with running(site, "run", "--only", "worker") as supervisor:
        wait_for(lambda: "the worker waits for it" in log.read_text(), "the worker started before Redis did")
        with redis_server(port, tmp_path):
            make_image("red")
            wait_for(nothing_open, "the first picture is done")
            workers = [pid for group in child_groups(supervisor.pid) for pid in members(group)]
        make_image("blue")
        assert not queues.wake("default"), "nobody hears of it"
        assert stages.any_due()
        wait_for(lambda: log.read_text().count("the worker waits for it") == 2, "the worker misses Redis")
        with redis_server(port, tmp_path):
            wait_for(nothing_open, "the supervisor has woken the worker")
            assert [pid for group in child_groups(supervisor.pid) for pid in members(group)] == workers
    assert states() == {"done": 6}
    pipeline.wake()  # and harms nobody now that it is gone again
