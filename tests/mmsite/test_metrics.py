"""What those who watch over the site are told, and that nobody else is."""

import os
import re
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from django_q.models import Success
from prometheus_client import generate_latest

from gallery.models import Image, User
from mmsite import instruments, worker
from search import index
from search.versions import model_version_ensure
from tests.mmsite.processes import nothing_open, running, wait_for


@pytest.fixture(autouse=True)
def _fresh() -> None:
    index.reset()


@pytest.fixture
def version(db: None) -> Any:
    return model_version_ensure()


def test_the_token_opens_it(client: Client, version: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret"
    answer = client.get("/metrics", headers={"authorization": "Bearer s3cret"})
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith("text/plain")
    lines = answer.content.decode().splitlines()
    assert "mmsite_index_breaker_open 0.0" in lines
    assert 'mmsite_steps{state="waiting"} 0.0' in lines
    assert any(line.startswith("mmsite_search_fallback_total ") for line in lines)


def test_the_oldest_step_the_worker_and_the_disk_are_told(client: Client, make_image: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret"
    image = make_image()
    image.stages.filter(step="caption").update(due_at=timezone.now() - timedelta(minutes=5))
    Success.objects.create(
        id="1", name="sweep", func="mmsite.tasks.sweep", success=True,
        started=timezone.now(), stopped=timezone.now() - timedelta(minutes=2),
    )  # fmt: skip
    found = numbers(client)
    assert 300 <= found['mmsite_steps_oldest_seconds{step="caption"}'] < 360
    assert found['mmsite_steps_oldest_seconds{step="renditions"}'] < 60
    assert 120 <= found["mmsite_sweep_age_seconds"] < 180
    assert found['mmsite_disk_free_bytes{folder="data"}'] > 0
    assert found['mmsite_disk_free_bytes{folder="pictures"}'] > 0


def test_what_is_done_is_counted_and_timed(client: Client, version: Any, make_image: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret"
    counted = (
        'mmsite_step_seconds_count{step="caption"}',
        'mmsite_encode_seconds_count{of="pictures"}',
        'mmsite_request_seconds_count{status="2xx"}',
        "mmsite_search_seconds_count",
    )
    before = numbers(client)
    for color in ("red", "blue"):
        make_image(color)
    worker.work_until_idle()
    client.get("/healthz")  # which searches
    after = numbers(client)
    done = {name: after[name] - before.get(name, 0) for name in counted}
    assert done['mmsite_step_seconds_count{step="caption"}'] == 2
    assert min(done.values()) > 0, done


def test_processes_count_together(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, settings: Any) -> None:
    settings.DATA_DIR = tmp_path
    monkeypatch.setenv(instruments.FOLDER, "")  # so that it is as before afterwards
    instruments.share("all")
    done = "from mmsite.instruments import STEPS; STEPS.labels(step='caption').observe(0.3)"
    for _ in range(2):
        subprocess.run([sys.executable, "-c", done], cwd=settings.BASE_DIR, env=dict(os.environ), check=True)
    assert 'mmsite_step_seconds_count{step="caption"} 2.0' in generate_latest(instruments.counted()).decode()
    instruments.share("all")
    assert "mmsite_step_seconds" not in generate_latest(instruments.counted()).decode()


@pytest.mark.process
@pytest.mark.django_db(transaction=True)
def test_a_host_without_a_web_process_tells_of_its_work(site: dict[str, str], make_image: Callable[..., Image]) -> None:
    address = site.pop("MMSITE_ADDRESS")
    make_image("red")

    def told() -> str:
        with suppress(OSError), urllib.request.urlopen(f"http://{address}/metrics", timeout=10) as answer:
            return str(answer.read().decode())
        return ""

    with running(site | {"MMSITE_WORKER_METRICS_ADDRESS": address}, "run", "--only", "worker"):
        wait_for(nothing_open, "the picture is done")
        wait_for(lambda: 'mmsite_step_seconds_count{step="caption"} 1.0' in told(), "its work is told")


def test_the_alerts_that_are_recommended_are_about_what_there_is(client: Client, version: Any, settings: Any) -> None:
    settings.METRICS_TOKEN = "s3cret"
    text = client.get("/metrics", headers={"authorization": "Bearer s3cret"}).content.decode()
    families = {line.split()[2].removesuffix("_total") for line in text.splitlines() if line.startswith("# HELP")}
    told = (settings.BASE_DIR / "docs" / "operations.md").read_text(encoding="utf-8")
    named = set(re.findall(r"\bmmsite_\w+?(?=_total|_bucket|_count|_sum|\b)", told))
    assert len(named) > 8
    assert named <= families


def numbers(client: Client) -> dict[str, float]:
    """What is measured, by name and labels."""
    text = client.get("/metrics", headers={"authorization": "Bearer s3cret"}).content.decode()
    pairs = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in pairs}


@pytest.mark.parametrize("shown", ["", "Bearer ", "Bearer wrong", "s3cretly"])
def test_strangers_find_nothing(client: Client, version: Any, settings: Any, shown: str) -> None:
    for token in ("", "s3cret"):
        settings.METRICS_TOKEN = token
        assert client.get("/metrics", headers={"authorization": shown}).status_code == 404


def test_administrators_may_look(client: Client, version: Any, user: User) -> None:
    client.force_login(user)
    assert client.get("/metrics").status_code == 404
    user.is_superuser = True
    user.save()
    assert client.get("/metrics").status_code == 200
