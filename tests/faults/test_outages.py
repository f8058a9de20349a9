"""Outages of a whole site while people upload and search: its database is locked for half a minute, and the one disk on
which all of it lies is full."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from tests.faults.site import Life, Site, until
from tests.faults.small_disk import Disk

pytestmark = [pytest.mark.crashes, pytest.mark.process]

LOCKED_SECONDS = 30
FULL_SECONDS = 20
RECOVERY_SECONDS = 120  # what waits for the end of an outage looks again after a minute
OPEN = "SELECT count(*) FROM gallery_stage WHERE state IN ('pending', 'running')"
UNDONE = "SELECT count(*) FROM gallery_stage WHERE state != 'done'"


@contextmanager
def running(folder: Path) -> Iterator[Site]:
    site = Site(folder)
    try:
        yield site
    finally:
        site.stop()


def lives_on(site: Site, life: Life) -> bool:
    """Whether people upload and search again, and all that was uploaded before is done."""
    began = time.monotonic()
    return until(lambda: life.uploaded_at > began and life.found_at > began, RECOVERY_SECONDS)


def is_whole(site: Site, life: Life) -> None:
    assert until(lambda: site.ask(OPEN) == [(0,)], RECOVERY_SECONDS)
    assert site.ask(UNDONE) == [(0,)]
    kept = {uuid.replace("-", "") for uuid in life.promised}
    assert kept <= {uuid for (uuid,) in site.ask("SELECT uuid FROM gallery_image")}
    assert site.fsck("--deep") == ([], "")


def statuses(life: Life) -> set[str]:
    return {answer for answer in life.answers if answer.isdecimal() or answer == "none"}


def test_a_database_that_is_locked_for_half_a_minute(tmp_path: Path) -> None:
    with running(tmp_path) as site, Life(site, 1).lived() as life:
        assert lives_on(site, life)
        life.answers.clear()
        with closing(sqlite3.connect(tmp_path / "db.sqlite3", timeout=60, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            time.sleep(LOCKED_SECONDS)
            found_at = life.found_at
            other.execute("ROLLBACK")
        assert found_at > time.monotonic() - LOCKED_SECONDS  # who only reads didn't wait
        assert lives_on(site, life)
        with life.no_uploads():
            is_whole(site, life)
    assert statuses(life) <= {"200", "201", "503"}, life.answers


def test_a_disk_that_is_full(disk: Disk) -> None:
    with running(disk.folder) as site, Life(site, 2).lived() as life:
        assert lives_on(site, life)
        life.answers.clear()
        processes = [site.victim("web"), site.victim("web worker")]
        for _ in range(3):
            disk.fill()
            time.sleep(FULL_SECONDS / 3)
        assert "507" in life.answers
        assert processes == [site.victim("web"), site.victim("web worker")]
        disk.free()
        assert lives_on(site, life)
        with life.no_uploads():
            is_whole(site, life)
    assert statuses(life) <= {"200", "201", "503", "507"}, life.answers
