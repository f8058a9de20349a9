"""Real worker and web processes, killed and frozen."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from django.conf import settings as django_settings
from django_q.models import Success

from captioning.models import Caption
from gallery.models import Image, Rendition, Stage, User
from mmsite.management.commands import qcluster
from mmsite.supervisor import is_healthy
from search.models import Embedding
from tests.mmsite.processes import (
    PATIENCE_SECONDS,
    child_groups,
    forked_by,
    members,
    nothing_open,
    running,
    sleeps,
    states,
    wait_for,
    work_goes_on_until_done,
)

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

MakeImage = Callable[..., Image]


def test_a_worker_killed_in_mid_batch_loses_nothing_and_doubles_nothing(
    environment: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    for colour in ("red", "green", "white", "blue"):
        make_image(colour)
    with running(environment, "qcluster"):
        wait_for((tmp_path / "hanging").exists, "the worker is in mid-batch")
        assert states()["running"] > 0
        os.kill(int((tmp_path / "pid").read_text()), signal.SIGKILL)
        (tmp_path / "hang").unlink()
        work_goes_on_until_done()
    assert states() == {"done": 12}
    assert Stage.objects.filter(attempts__gt=2).count() == 0
    assert (Rendition.objects.count(), Caption.objects.count(), Embedding.objects.count()) == (8, 4, 4)
    assert set(Image.objects.values_list("description", flat=True)) == {
        f"a mostly {colour} picture" for colour in ("red", "green", "white", "blue")
    }


def test_a_poisoned_picture_fails_alone_after_three_attempts(
    environment: dict[str, str], make_image: MakeImage
) -> None:
    poisoned, *others = [make_image(colour) for colour in ("purple", "red", "green", "blue")]
    with running(environment, "qcluster"):
        work_goes_on_until_done()
    assert states() == {"failed": 1, "done": 11}
    failed = Stage.objects.get(state="failed")
    assert (failed.image, failed.step, failed.attempts) == (poisoned, "caption", 3)
    assert failed.error == "The worker stopped while working on this picture, 3 times."
    assert Caption.objects.count() == len(others)
    assert poisoned.renditions.count() == 2
    assert Embedding.objects.filter(image=poisoned, vector__isnull=False).exists()


def test_a_picture_that_hangs_its_worker_fails_alone_too(
    environment: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    hanging, *_others = [make_image(colour) for colour in ("white", "red", "blue")]
    # in which all else of a task must be done
    with running(environment | {"MMSITE_TEST_TASK_SECONDS": "6"}, "qcluster"):
        work_goes_on_until_done()
    assert states() == {"failed": 1, "done": 8}
    failed = Stage.objects.get(state="failed")
    assert (failed.image, failed.step) == (hanging, "caption")
    assert failed.error == "The worker stopped while working on this picture, 3 times."


def test_a_worker_asked_to_stop_gives_back_its_work_within_seconds(
    environment: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "hang").touch()
    make_image("white")
    with running(environment, "qcluster") as cluster:
        wait_for((tmp_path / "hanging").exists, "the worker is in mid-batch")
        number = len(members(cluster.pid))
        cluster.send_signal(signal.SIGTERM)
        wait_for(lambda: len(members(cluster.pid)) < number, "one has ended, when the worker had been told")
        (tmp_path / "hang").unlink()
        assert cluster.wait(timeout=PATIENCE_SECONDS) == 0
        wait_for(lambda: not members(cluster.pid), "all its processes have ended")
    by_step = dict(Stage.objects.values_list("step", "state"))
    assert by_step == {"renditions": "done", "caption": "done", "embedding": "pending"}
    assert Stage.objects.get(state="pending").attempts == 0


def test_an_idle_worker_that_is_killed_is_replaced_with_the_queue_whose_lock_it_held(
    environment: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    make_image("red")
    with running(environment, "qcluster"):
        wait_for(nothing_open, "the first picture is done")
        pid = int((tmp_path / "pid").read_text())
        wait_for(lambda: sleeps(pid), "the worker is idle")
        os.kill(pid, signal.SIGKILL)
        make_image("blue")
        work_goes_on_until_done()  # by a new worker; the queue that goes may have taken a wake-up with it


@pytest.mark.skipif(not qcluster.AUTOGROUP.exists(), reason="this system does not group processes by session")
def test_a_worker_in_a_session_of_its_own_steps_back_behind_those_of_others(environment: dict[str, str]) -> None:
    def groups() -> set[str]:
        return {Path(f"/proc/{pid}/autogroup").read_text().strip() for pid in members(worker.pid)}

    with running(environment, "qcluster") as worker:
        wait_for(
            lambda: [each for each in groups() if each.endswith(f" nice {qcluster.NICENESS}")], "it has stepped back"
        )
        assert len(groups()) == 1  # with all of its processes


def test_results_are_kept_again_when_the_process_that_does_it_was_killed(
    environment: dict[str, str], make_image: MakeImage
) -> None:
    make_image("red")
    with running(environment, "qcluster") as cluster:
        wait_for(Success.objects.exists, "the first result is kept")
        [sentinel] = forked_by(cluster.pid)
        _worker, monitor, _pusher = forked_by(sentinel)
        wait_for(lambda: sleeps(monitor), "it waits for the next one")
        os.kill(monitor, signal.SIGKILL)
        wait_for(lambda: monitor not in (now := forked_by(sentinel)) and len(now) == 3, "all were replaced")
        before = Success.objects.count()
        make_image("blue")
        wait_for(lambda: Success.objects.count() > before, "the next result is kept")


def test_the_supervisor_restarts_a_frozen_worker_and_stops_everything(
    site: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    make_image("red")
    with running(site, "run") as supervisor:
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers")
        wait_for(nothing_open, "the first picture is done")
        pid = int((tmp_path / "pid").read_text())
        wait_for(lambda: sleeps(pid), "the worker is idle, and holds no lock of the database")
        os.kill(pid, signal.SIGSTOP)
        make_image("blue")
        wait_for(nothing_open, "the second picture is done by a new worker")
        assert RESTARTED in (tmp_path / "log").read_text()
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers all the same")

        groups = child_groups(supervisor.pid)
        assert len(groups) == 2
        supervisor.send_signal(signal.SIGINT)
        assert supervisor.wait(timeout=PATIENCE_SECONDS) == 0
        wait_for(lambda: not any(members(group) for group in groups), "its children have ended")
    assert states() == {"done": 6}


RESTARTED = "Work is due but does not move: the worker is restarted"


def test_a_worker_that_takes_long_to_load_is_let_load(
    environment: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "load_long").touch()
    with running(environment | {"MMSITE_TEST_WATCHDOG_SECONDS": "8"}, "run", "--only", "worker"):
        wait_for((tmp_path / "loads").exists, "the worker loads")
        make_image("red")
        wait_for(nothing_open, "the picture is done")
    assert RESTARTED not in (tmp_path / "log").read_text()
    assert len((tmp_path / "loads").read_text().split()) == 1


def test_a_worker_that_hangs_while_it_loads_is_restarted(
    environment: dict[str, str], make_image: MakeImage, tmp_path: Path
) -> None:
    (tmp_path / "load_never").touch()
    with running(environment, "run", "--only", "worker"):
        wait_for((tmp_path / "loads").exists, "the worker loads")
        make_image("red")
        wait_for(nothing_open, "the picture is done by another one")
    assert RESTARTED in (tmp_path / "log").read_text()


def test_children_do_not_outlive_a_supervisor_that_was_killed(site: dict[str, str]) -> None:
    with running(site, "run") as supervisor:
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers")
        groups = child_groups(supervisor.pid)
        assert all(members(group) for group in groups)
        supervisor.kill()
        wait_for(lambda: not any(members(group) for group in groups), "its children have ended")


def test_a_web_server_that_died_is_started_again(site: dict[str, str]) -> None:
    with running(site, "run") as supervisor:
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers")
        web, _worker = sorted(child_groups(supervisor.pid))
        os.kill(web, signal.SIGKILL)
        wait_for(lambda: web not in child_groups(supervisor.pid), "it is gone")
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers again")
        assert supervisor.poll() is None


def test_a_folder_is_imported_while_the_site_runs(
    site: dict[str, str], user: User, make_jpeg: Callable[..., bytes], tmp_path: Path
) -> None:
    User.objects.filter(pk=user.pk).update(is_superuser=True)
    photos = tmp_path / "photos"
    photos.mkdir()
    for colour in ("red", "blue"):
        (photos / f"{colour}.jpg").write_bytes(make_jpeg(colour))
    with running(site, "run", "--photos", str(photos)) as supervisor:
        wait_for(lambda: states() == {"done": 6}, "both pictures are done")
        wait_for(lambda: is_healthy(site["MMSITE_ADDRESS"]), "the site answers")
        wait_for(lambda: len(child_groups(supervisor.pid)) == 2, "the import has ended, and only web and worker run on")
    assert "2 taken in" in (tmp_path / "log").read_text()
    assert set(Image.objects.values_list("owner", flat=True)) == {user.pk}


def test_a_database_that_was_not_set_up_is_told_in_a_sentence(site: dict[str, str], tmp_path: Path) -> None:
    fresh = site | {"MMSITE_DATABASE_URL": f"sqlite:///{tmp_path}/fresh.sqlite3"}
    run = subprocess.run(
        [sys.executable, "manage.py", "run"],
        cwd=django_settings.BASE_DIR,
        env=fresh,
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert run.returncode == 1
    assert "Run `manage.py setup`." in run.stderr
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("variable", ["MMSITE_MAX_SIDE", "MMSITE_TIME_ZONE", "MMSITE_LOG_LEVEL", "MMSITE_DATABASE_URL"])
def test_a_wrong_setting_is_told_in_a_sentence(site: dict[str, str], variable: str) -> None:
    command = [sys.executable, "manage.py", "run"]
    run = subprocess.run(
        command,
        cwd=django_settings.BASE_DIR,
        env=site | {variable: "nonsense"},
        capture_output=True,
        text=True,
        check=False,
        timeout=PATIENCE_SECONDS,
    )
    assert run.returncode == 1
    assert f"The settings are wrong. {variable}" in run.stderr
    assert "Traceback" not in run.stderr


def test_an_address_in_use_is_told_in_a_sentence(site: dict[str, str]) -> None:
    host, port = site["MMSITE_ADDRESS"].split(":")
    with socket.socket() as other:
        other.bind((host, int(port)))
        other.listen()
        command = [sys.executable, "manage.py", "run"]
        run = subprocess.run(
            command,
            cwd=django_settings.BASE_DIR,
            env=site,
            capture_output=True,
            text=True,
            check=False,
            timeout=PATIENCE_SECONDS,
        )
    assert run.returncode == 1
    assert f"Cannot listen on 127.0.0.1:{port}: Address already in use." in run.stderr
    assert "Traceback" not in run.stderr
