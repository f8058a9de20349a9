"""`manage.py setup`, `doctor` and `process_images` on real installations of the tests."""

import io
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.utils import timezone
from django_q.models import OrmQ, Schedule, Success

from gallery import stages
from gallery.models import Image, Stage, User, Visibility
from mmsite import checkup, pipeline, stamps, worker
from mmsite.management.commands import setup
from search import versions
from search.models import ModelVersion

pytestmark = pytest.mark.django_db

MakeImage = Callable[..., Image]


@pytest.fixture(autouse=True)
def _folders(settings: Any, tmp_path: Path) -> None:
    settings.DATA_DIR = tmp_path
    settings.STATIC_ROOT = tmp_path / "static"
    settings.SAMPLES = False


def run(command: str, *arguments: str) -> str:
    out = io.StringIO()
    call_command(command, *arguments, stdout=out, stderr=out, no_color=True)
    return out.getvalue()


def test_setup_prepares_a_fresh_installation(settings: Any) -> None:
    said = run("setup")
    assert "Database: ready" in said
    assert (settings.STATIC_ROOT / "admin").is_dir()
    assert ModelVersion.objects.get().state == ModelVersion.State.ACTIVE
    sweep = Schedule.objects.get()
    assert (sweep.func, sweep.schedule_type, sweep.minutes) == ("mmsite.tasks.sweep", Schedule.MINUTES, 1)


def test_setup_mends_static_files_that_were_left_half_copied(settings: Any) -> None:
    run("setup")
    css = settings.STATIC_ROOT / "admin/css/base.css"
    whole = css.read_bytes()
    css.write_bytes(whole[:100])
    stamps.put("static", setup.BEGUN)
    run("setup")
    assert css.read_bytes() == whole


def test_setup_makes_up_a_password_and_prints_it_once() -> None:
    said = run("setup")
    password = said.partition("First administrator: admin, password: ")[2].split()[0]
    admin = User.objects.get()
    assert admin.is_superuser
    assert admin.check_password(password)
    assert "password" not in run("setup")
    assert User.objects.get().check_password(password)


def test_setup_takes_name_and_password_from_the_settings_and_does_not_print_them(settings: Any) -> None:
    settings.ADMIN_NAME, settings.ADMIN_PASSWORD = "grace", "nanoseconds matter"
    assert "nanoseconds" not in run("setup")
    assert User.objects.get(username="grace").check_password("nanoseconds matter")


def test_setup_makes_no_administrator_where_people_are(user: User) -> None:
    run("setup")
    assert list(User.objects.all()) == [user]


def test_setup_again_changes_nothing(settings: Any) -> None:
    run("setup")
    before = Schedule.objects.get()
    collected = (settings.STATIC_ROOT / "admin" / "css" / "base.css").stat().st_mtime_ns
    assert "loading" not in run("setup")
    assert Schedule.objects.get().next_run == before.next_run
    assert (settings.STATIC_ROOT / "admin" / "css" / "base.css").stat().st_mtime_ns == collected


def test_setup_loads_the_samples_into_an_empty_library_only(settings: Any) -> None:
    settings.SAMPLES = True
    assert "Sample pictures: " in run("setup")
    count = Image.objects.count()
    assert count >= 10
    assert Image.objects.exclude(visibility=Visibility.PUBLIC).count() == 0
    assert Stage.objects.filter(state="pending").count() == 3 * count
    assert "Sample pictures" not in run("setup")
    assert Image.objects.count() == count


@pytest.mark.parametrize("role", ["captioner", "encoder"])
def test_a_missing_model_is_told_and_stops_nothing(settings: Any, role: str, tmp_path: Path) -> None:
    setattr(settings, role.upper(), str(tmp_path / "nowhere"))
    said = run("setup")
    assert f"The {role} '{tmp_path}/nowhere' is not usable" in said
    assert User.objects.exists(), "the rest is done"
    assert "is not usable" in run("setup"), "and told again until it is there"


def test_a_fingerprint_follows_names_sizes_and_times(tmp_path: Path) -> None:
    path = tmp_path / "weights"
    path.write_text("1")
    first = stamps.fingerprint("a", files=[path])
    assert stamps.fingerprint("a", files=[path]) == first
    assert stamps.fingerprint("b", files=[path]) != first
    os.utime(path, (1, 1))
    assert stamps.fingerprint("a", files=[path]) != first


def healthy_worker() -> None:
    now = timezone.now()
    Success.objects.create(
        id="1", name="sweep", func="mmsite.tasks.sweep", started=now, stopped=now, success=True, attempt_count=1
    )


def findings() -> dict[str, checkup.Finding]:
    return {finding.subject: finding for finding in checkup.examine()}


def test_the_doctor_finds_a_healthy_installation_well(make_image: MakeImage) -> None:
    versions.model_version_ensure()
    healthy_worker()
    make_image()
    worker.work_until_idle()
    said = run("doctor")
    assert said.count("ok ") == 8
    assert "1 of 1 pictures can be found" in said


def test_the_doctor_says_what_is_wrong_and_what_to_do(settings: Any, make_image: MakeImage, tmp_path: Path) -> None:
    settings.CAPTIONER = settings.TEXT_READER = str(tmp_path / "nowhere")
    versions.model_version_ensure()
    image = make_image()
    default_storage.delete(image.original.name)
    for stage in stages.claim(worker="ada", limit=1):
        stages.fail(stage, "No.", retryable=False)
    with pytest.raises(SystemExit) as exit_info:
        run("doctor")
    assert exit_info.value.code == 1
    found = findings()
    unwell = {subject for subject, finding in found.items() if not finding.is_well}
    assert unwell == {"captioner", "text reader", "worker", "work"}
    assert "MMSITE_CAPTIONER" in found["captioner"].advice
    assert "MMSITE_TEXT_READER=none" in found["text reader"].advice
    assert "process_images --failed" in found["work"].advice


def test_the_doctor_looks_at_captioners_that_people_may_ask(settings: Any) -> None:
    settings.OTHER_CAPTIONERS = ["nobody/has-this", "fake"]  # the latter is the site's own
    found = [finding for finding in checkup.examine() if finding.subject == "other captioner"]
    assert len(found) == 1
    assert "nobody/has-this" in found[0].sentence
    assert "MMSITE_OTHER_CAPTIONERS" in found[0].advice


def test_the_doctor_notices_a_worker_that_no_longer_sweeps() -> None:
    healthy_worker()
    assert findings()["worker"].is_well
    Success.objects.update(stopped=timezone.now() - timedelta(minutes=10))
    assert not findings()["worker"].is_well


def test_the_doctor_notices_work_that_does_not_move(make_image: MakeImage) -> None:
    make_image()
    Stage.objects.update(due_at=timezone.now() - timedelta(minutes=10))
    assert "nothing moves" in findings()["work"].sentence


def test_the_doctor_misses_an_encoder() -> None:
    assert "no encoder is active" in findings()["index"].sentence


def test_process_images_opens_what_is_missing_and_wakes_the_worker(make_image: MakeImage) -> None:
    make_image()
    Stage.objects.all().delete()
    assert "1 pictures lacked steps" in run("process_images")
    assert Stage.objects.filter(state="pending").exists()
    assert OrmQ.objects.count() == 1


def test_process_images_does_a_step_again_and_waits_for_it(make_image: MakeImage) -> None:
    versions.model_version_ensure()
    image = make_image()
    worker.work_until_idle()
    Image.objects.update(description="nonsense")
    assert "0 steps to do, 0 failed" in run("process_images", "--step", pipeline.CAPTION, "--wait")
    image.refresh_from_db()
    assert image.description == "a mostly red picture"


def test_process_images_tries_again_what_failed(make_image: MakeImage) -> None:
    make_image()
    for stage in stages.claim(worker="ada", limit=1):
        stages.fail(stage, "No.", retryable=False)
    assert "2 failed steps are tried again" in run("process_images", "--failed", "--wait")
    assert stages.counts().failed == 0


def test_process_images_says_when_a_step_fails_again(make_image: MakeImage) -> None:
    image = make_image()
    with open(default_storage.path(image.original.name), "r+b") as file:
        file.truncate(200)
    with pytest.raises(CommandError, match="Some steps failed"):
        run("process_images", "--wait")


def test_of_two_schedules_one_is_left(db: None) -> None:
    """As two hosts leave them that are set up at the same moment."""
    for _ in range(2):
        Schedule.objects.create(name="sweep", func="mmsite.tasks.sweep", minutes=7)
    setup.Command()._schedule_sweep()
    setup.Command()._schedule_sweep()
    assert [schedule.minutes for schedule in Schedule.objects.all()] == [1]
