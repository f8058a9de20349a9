"""The clock is an hour or a day off, either way, and is set right: nothing is lost, and nothing waits for longer than
it would have."""

import datetime as real
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule, Success

from api import deliveries, throttles
from api.models import Token
from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from gallery import stages, uploads
from gallery.albums import album_add, album_create
from gallery.exceptions import TooOften
from gallery.links import link_create
from gallery.models import Image, Stage, Upload, User
from gallery.tries import Bound, tries_check
from mmsite import checkup, clocks, pipeline, queues, worker
from mmsite.supervisor import Watchdog
from search import cursors
from search.models import ModelVersion
from tests.faults.doors import Doors

pytestmark = pytest.mark.django_db

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
AHEAD = [pytest.param(HOUR, id="an hour ahead"), pytest.param(DAY, id="a day ahead")]
OFF = [*AHEAD, pytest.param(-HOUR, id="an hour back"), pytest.param(-DAY, id="a day back")]
REAL_TIME = time.time


class Clock:
    """What this process takes for the time: off by `off`; and for that since the machine's start, ahead by `passed`."""

    off = passed = timedelta(0)

    def go_on(self, span: timedelta) -> None:
        self.off += span
        self.passed += span


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch, settings: Any, tmp_path: Path) -> Clock:
    clock, since_start = Clock(), time.clock_gettime
    settings.DATA_DIR = tmp_path

    class Moved(real.datetime):
        @classmethod
        def now(cls, tz: real.tzinfo | None = None) -> real.datetime:  # type: ignore[override]
            return real.datetime.now(tz) + clock.off

    def now() -> float:
        return REAL_TIME() + clock.off.total_seconds()

    monkeypatch.setattr("django.utils.timezone.datetime", Moved)
    monkeypatch.setattr("time.time", now)
    monkeypatch.setattr("gallery.uploads.time", now)
    monkeypatch.setattr("time.clock_gettime", lambda of: since_start(of) + clock.passed.total_seconds())
    return clock


def finish_all() -> None:
    """As the worker does until nothing is left, with the sweep that comes each minute."""
    pipeline.sweep()
    worker.work_until_idle()


class TestWork:
    @pytest.mark.parametrize("off", OFF)
    def test_pictures_that_came_by_the_wrong_clock_are_done(
        self, clock: Clock, make_image: Callable[..., Image], off: timedelta
    ) -> None:
        clock.off = off
        pipeline.sweep()
        make_image("red")
        clock.off = timedelta(0)
        make_image("green")
        finish_all()
        assert set(Stage.objects.values_list("state", "attempts")) == {("done", 1)}

    @pytest.mark.parametrize("off", OFF)
    def test_it_is_done_by_the_wrong_clock_too(
        self, clock: Clock, make_image: Callable[..., Image], off: timedelta
    ) -> None:
        make_image("red")
        clock.off = off
        make_image("green")
        finish_all()
        assert set(Stage.objects.filter(image=Image.objects.last()).values_list("state", flat=True)) == {"done"}
        clock.off = timedelta(0)
        finish_all()
        assert set(Stage.objects.values_list("state", "attempts")) == {("done", 1)}

    @pytest.mark.parametrize("off", OFF)
    def test_a_retry_comes_no_later(self, clock: Clock, make_image: Callable[..., Image], off: timedelta) -> None:
        make_image("red")
        clock.off = off
        for stage in Stage.objects.all():
            Stage.objects.filter(pk=stage.pk).update(due_at=timezone.now())
        for stage in stages.claim(worker="ada", limit=16):
            stages.fail(stage, "No luck.")
        clock.off = timedelta(minutes=1)
        finish_all()
        assert set(Stage.objects.values_list("state", flat=True)) == {"done"}

    @pytest.mark.parametrize("off", OFF)
    def test_what_somebody_died_over_is_claimed_again(
        self, clock: Clock, make_image: Callable[..., Image], off: timedelta, settings: Any
    ) -> None:
        make_image("red")
        clock.off = off
        Stage.objects.update(due_at=timezone.now())
        assert stages.claim(worker="dead", limit=16)
        clock.off = timedelta(0)
        pipeline.sweep()
        clock.off = timedelta(seconds=settings.STAGE_LEASE_SECONDS + 1)
        finish_all()
        assert set(Stage.objects.values_list("state", flat=True)) == {"done"}

    @pytest.mark.parametrize("off", OFF)
    def test_a_claim_is_kept_by_whoever_renews_it(
        self, clock: Clock, make_image: Callable[..., Image], off: timedelta
    ) -> None:
        make_image("red")
        claimed = stages.claim(worker="ada", limit=16)
        for moment in (off, timedelta(0)):
            clock.off = moment
            assert stages.renew(claimed) == len(claimed)
            clocks.mend()
            assert stages.claim(worker="grace", limit=16) == []
        assert stages.finish(claimed) == len(claimed)

    @pytest.mark.parametrize("off", OFF)
    def test_of_two_who_have_one_claim_one_is_heard(
        self, clock: Clock, make_image: Callable[..., Image], off: timedelta
    ) -> None:
        make_image("red")
        first = stages.claim(worker="ada", limit=16)
        clock.off = off
        second = stages.claim(worker="grace", limit=16)
        assert stages.finish(first) + stages.finish(second) <= len(first)
        clock.off = timedelta(0)
        finish_all()
        assert set(Stage.objects.values_list("state", flat=True)) == {"done"}

    @pytest.mark.django_db(transaction=True)
    @pytest.mark.parametrize("off", AHEAD)
    def test_sweeps_go_on(self, clock: Clock, off: timedelta) -> None:
        clock.off = off
        schedule = Schedule.objects.create(
            name="sweep", func=queues.SWEEP, schedule_type="I", minutes=1, next_run=timezone.now()
        )
        Success.objects.create(
            id="1", name="a", func=queues.SWEEP, started=timezone.now(), stopped=timezone.now(), success=True
        )
        clock.off = timedelta(0)
        Watchdog().finds_worker_stuck()
        schedule.refresh_from_db()
        assert schedule.next_run <= timezone.now()
        assert queues.last_sweep() is None

    @pytest.mark.parametrize("off", AHEAD)
    def test_the_watchdog_is_not_blinded(self, clock: Clock, make_image: Callable[..., Image], off: timedelta) -> None:
        clock.off = off
        make_image("red")
        finish_all()
        clock.off = timedelta(minutes=-5)
        make_image("green")
        clock.off = timedelta(0)
        assert stages.stalled(for_seconds=60)

    @pytest.mark.parametrize("off", AHEAD)
    def test_the_index_on_a_server_finds_another_writer(
        self, clock: Clock, version: ModelVersion, off: timedelta
    ) -> None:
        clock.off = off
        with cursors.leased(version, location="here") as lease:
            assert lease
            clock.off = timedelta(0)
            clocks.mend()
            with cursors.leased(version, location="here") as second:
                assert second is None
            clock.off = timedelta(seconds=cursors.LEASE_SECONDS + 1)
            with cursors.leased(version, location="here") as third:
                assert third

    @pytest.mark.parametrize("off", OFF)
    def test_webhooks_are_told(self, clock: Clock, user: User, off: timedelta) -> None:
        webhook = webhook_create(owner=user, url="https://example.com/hook", events=["image.ready"]).webhook
        clock.off = off
        webhook_ping(webhook=webhook)
        clock.off = timedelta(0)
        clocks.mend()
        clock.off = timedelta(seconds=max(deliveries.WAITS))
        assert deliveries.any_due()


class TestPeople:
    @pytest.mark.parametrize("off", OFF)
    def test_who_is_signed_in_stays_so(self, clock: Clock, signed_in: Client, user: User, off: timedelta) -> None:
        clock.off = off
        assert signed_in.get(reverse("account")).status_code == 200
        client = Client()
        signing_in = {"username": "ada", "password": "analytical engine"}
        assert client.post(reverse("sign-in"), signing_in).status_code == 302
        pipeline.sweep()
        clock.off = timedelta(0)
        pipeline.sweep()
        for each in (signed_in, client):
            assert each.get(reverse("account")).status_code == 200

    @pytest.mark.parametrize("off", OFF)
    def test_tokens_and_links_hold_as_long_as_they_are_to(
        self, clock: Clock, user: User, make_image: Callable[..., Image], off: timedelta
    ) -> None:
        soon, late = timezone.now() + HOUR / 2, timezone.now() + 2 * DAY
        album = album_create(owner=user, title="Iceland")
        make_image("red")
        album_add(album=album, images=Image.objects.all())
        doors: list[Callable[[], int]] = []
        for ends in (soon, late):
            token = token_create(owner=user, name="test", scopes=[Token.Scope.READ], expires_at=ends).secret
            link = reverse("link", args=[link_create(album=album, by=user, expires_at=ends).key])
            doors.append(
                lambda token=token: (
                    Client()  # type: ignore[misc]
                    .get("/api/v1/images/", headers={"Authorization": f"Bearer {token}"})
                    .status_code
                )
            )
            doors.append(lambda link=link: Client().get(link).status_code)  # type: ignore[misc]
        clock.off = off
        pipeline.sweep()
        assert [door() for door in doors[2:]] == [200, 200]
        assert ([door() for door in doors[:2]] == [200, 200]) is (off < timedelta(0))
        clock.off = timedelta(0)
        assert [door() for door in doors] == [200] * 4

    @pytest.mark.parametrize("off", OFF)
    def test_who_tried_too_often_waits_no_longer(self, clock: Clock, db: None, off: timedelta) -> None:
        bound = [Bound("guess", 1, 900)]
        clock.off = off
        tries_check(bound)
        with pytest.raises(TooOften):
            tries_check(bound)
        clock.off = timedelta(0)
        pipeline.sweep()
        try:
            tries_check(bound)
        except TooOften as refused:
            assert refused.seconds <= 900
        clock.off = timedelta(seconds=901)
        tries_check(bound)

    @pytest.mark.parametrize("off", OFF)
    def test_programs_that_asked_too_much_wait_no_longer(
        self, clock: Clock, bearer: dict[str, str], settings: Any, off: timedelta
    ) -> None:
        settings.API_RATES = {**dict.fromkeys(settings.API_RATES), "user": (1, 60)}
        cache.clear()
        throttles.count_again()

        def ask() -> int:
            return Client().get("/api/v1/images/", headers=bearer).status_code

        clock.off = off + timedelta(seconds=30)
        assert {ask() for _ in range(3)} == {200, 429}
        clock.off = timedelta(0)
        ask()
        clock.off = timedelta(seconds=61)
        assert ask() == 200
        cache.clear()


class TestUploads:
    @pytest.mark.parametrize("off", OFF)
    def test_one_in_pieces_goes_on(
        self, clock: Clock, signed_in: Client, make_jpeg: Callable[..., bytes], off: timedelta
    ) -> None:
        clock.off = off
        doors = Doors(signed_in, {}, make_jpeg("red"))
        clock.off = timedelta(0)
        if off > -DAY:  # what nobody touched for a day is thrown away
            pipeline.sweep()
        assert doors.piece().status_code == 204
        assert Image.objects.count() == 1

    @pytest.mark.parametrize("off", OFF)
    def test_sweeps_by_the_wrong_clock_throw_none_away(self, clock: Clock, doors: Doors, off: timedelta) -> None:
        clock.off = off
        pipeline.sweep()
        clock.off = timedelta(0)
        pipeline.sweep()
        assert doors.piece().status_code == 204
        assert Image.objects.count() == 1

    @pytest.mark.parametrize("off", OFF)
    def test_one_that_came_whole_becomes_a_picture(
        self, clock: Clock, user: User, make_jpeg: Callable[..., bytes], off: timedelta
    ) -> None:
        """The process that took its last piece died."""
        content = make_jpeg("red")
        clock.off = off
        upload = uploads.upload_create(owner=user, file_name="a.jpg", byte_size=len(content))
        uploads.upload_append(upload=upload, offset=0, data=content)
        clock.off = timedelta(0)
        pipeline.sweep()
        clock.off = timedelta(seconds=uploads.LEFT_SECONDS + 1)
        pipeline.sweep()
        assert Upload.objects.get().state == Upload.State.DONE
        assert Image.objects.count() == 1


@pytest.mark.skipif(not clocks.BOOT.exists(), reason="This system doesn't say how long it has been running")
class TestDeletedForGood:
    @pytest.fixture
    def trashed(self, clock: Clock, make_image: Callable[..., Image], settings: Any) -> Image:
        """A picture that has half a day left, on a site that has run for long."""
        image = make_image("red")
        pipeline.sweep()
        clock.go_on(HOUR)
        pipeline.sweep()
        Image.objects.update(trashed_at=timezone.now() - timedelta(days=settings.TRASH_DAYS) + DAY / 2)
        return image

    def sweeps(self, clock: Clock, span: timedelta) -> None:
        for _ in range(round(span / HOUR)):
            clock.go_on(HOUR)
            pipeline.sweep()

    def test_the_trash_goes_when_its_days_are_over(self, clock: Clock, trashed: Image) -> None:
        self.sweeps(clock, DAY / 2 - HOUR)
        assert Image.with_trash.exists()
        self.sweeps(clock, 2 * HOUR)
        assert not Image.with_trash.exists()

    @pytest.mark.parametrize("off", OFF)
    def test_nothing_goes_by_a_clock_that_is_set_right_within_hours(
        self, clock: Clock, trashed: Image, doors: Doors, off: timedelta, caplog: pytest.LogCaptureFixture
    ) -> None:
        clock.off += off
        self.sweeps(clock, 5 * HOUR)
        assert "The clock jumped by" in caplog.text
        assert [finding.subject for finding in checkup.check_clock()] == ["clock"]
        clock.off -= off
        self.sweeps(clock, 5 * HOUR)
        assert Image.with_trash.exists()
        assert doors.piece().status_code == 204

    @pytest.mark.parametrize("off", OFF)
    def test_what_is_due_goes_when_the_clock_has_held(self, clock: Clock, trashed: Image, off: timedelta) -> None:
        clock.off += off
        self.sweeps(clock, 7 * HOUR)
        assert Image.with_trash.exists() is (off < DAY)
        assert not list(checkup.check_clock())
        self.sweeps(clock, DAY + DAY)
        assert not Image.with_trash.exists()

    def test_a_machine_that_slept_deletes_at_once(self, clock: Clock, trashed: Image) -> None:
        clock.go_on(7 * DAY)
        pipeline.sweep()
        assert not Image.with_trash.exists()

    def test_a_machine_that_was_off_deletes_a_little_later(
        self, clock: Clock, trashed: Image, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        boot = tmp_path / "boot_id"
        boot.write_text("another start\n")
        monkeypatch.setattr(clocks, "BOOT", boot)
        clock.off += 7 * DAY
        pipeline.sweep()
        assert Image.with_trash.exists()
        clock.go_on(HOUR / 2)
        pipeline.sweep()
        assert not Image.with_trash.exists()
        assert not list(checkup.check_clock())
