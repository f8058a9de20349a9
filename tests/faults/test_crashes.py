"""Processes of a site killed at random moments, one after the other, while people upload and search.

MMSITE_TEST_KILLS says how often: so many times web, as often the worker (one half idle, the other busy), and a tenth of
it each of the others. MMSITE_TEST_SEED repeats a run, as far as chance goes.
"""

import hashlib
import os
import random
import signal
import statistics
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.faults.site import Life, Site, say, until
from tests.mmsite.processes import sleeps

pytestmark = [pytest.mark.crashes, pytest.mark.process]

KILLS = int(os.environ.get("MMSITE_TEST_KILLS", "4"))
SEED = int(os.environ.get("MMSITE_TEST_SEED", random.randrange(10**6)))
RECOVERY_SECONDS = 30.0
PATIENCE_SECONDS = 120.0  # for what is no recovery: that the worker is idle, or busy
OPEN = "SELECT count(*) FROM gallery_stage WHERE state IN ('pending', 'running')"
# What an upload that was cut short may leave behind: files that no row names. `fsck --repair` deletes them.
LITTER = {"file-orphaned", "upload-orphaned"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    try:
        yield site
    finally:
        site.stop()


def planned(chance: random.Random) -> list[str]:
    """What to kill, in random order."""
    half, tenth = max(1, KILLS // 2), max(1, KILLS // 10)
    others = ["supervisor", "cluster", "sentinel", "pusher", "monitor"] * tenth
    kills = ["web", "web worker"] * half + ["idle worker", "busy worker"] * half + others
    chance.shuffle(kills)
    return kills


def test_nothing_acknowledged_is_lost_and_work_goes_on_whatever_is_killed(site: Site, tmp_path: Path) -> None:
    chance, recoveries, checked = random.Random(SEED), defaultdict[str, list[float]](list), set[str]()
    say(f"seed {SEED}, log {tmp_path / 'run.log'}")
    kills = planned(chance)
    with Life(site, SEED).lived() as life:
        wait_until_work_is_done(site, life, set(), time.monotonic(), PATIENCE_SECONDS)
        for number, kind in enumerate(kills, start=1):
            time.sleep(chance.uniform(0, 2))
            before = set(life.promised)
            began = kill(site, life, kind, chance)
            took = wait_until_work_is_done(site, life, before, began, RECOVERY_SECONDS)
            recoveries[kind].append(took)
            say(f"{number}/{len(kills)} {kind}: {took:.1f} s; {len(life.promised)} pictures")
            assert site.fsck() == ([], "")
            check_promised(site, life, checked)
            assert not site.orphans()
    assert set(life.answers) <= {"200", "201", "none"}, life.answers
    for kind, seconds in sorted(recoveries.items()):
        say(f"{kind}: {len(seconds)} times, {statistics.median(seconds):.1f} s, {max(seconds):.1f} s at most")
    assert until(lambda: site.ask(OPEN) == [(0,)], PATIENCE_SECONDS)
    assert site.ask("SELECT count(*) FROM gallery_stage WHERE state != 'done'") == [(0,)]
    site.stop()
    check_promised(site, life, set())
    litter, unchecked = site.fsck("--deep", "--repair", "--grace", "0")
    assert ({each["kind"] for each in litter} <= LITTER, unchecked) == (True, ""), litter
    assert site.fsck("--deep", "--grace", "0") == ([], "")
    say(f"{len(life.promised)} pictures acknowledged, answers {dict(life.answers)}, litter {len(litter)}")


def kill(site: Site, life: Life, kind: str, chance: random.Random) -> float:
    """Kills one process; when. Of a worker, whether it works is seen to."""
    with ExitStack() as quiet:
        if kind == "idle worker":
            quiet.enter_context(life.no_uploads())
            assert until(lambda: is_idle(site), PATIENCE_SECONDS)
        elif kind == "busy worker":
            return kill_busy(site, chance)
        deadline = time.monotonic() + PATIENCE_SECONDS
        while (pid := site.victim(kind.removeprefix("idle "))) is None:
            assert time.monotonic() < deadline
            time.sleep(0.05)
        os.kill(pid, signal.SIGKILL)
        return time.monotonic()


def is_idle(site: Site) -> bool:
    pid = site.victim("worker")
    return pid is not None and site.ask(OPEN) == [(0,)] and sleeps(pid)


def kill_busy(site: Site, chance: random.Random) -> float:
    """Kills the worker while it holds a claim, at a random moment of its work."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        time.sleep(chance.uniform(0, 0.05))
        if (pid := site.victim("worker")) is None or site.ask(OPEN) == [(0,)]:
            continue
        # Frozen first, so that it is certain what it does when it dies. Where it is between two batches, it goes on.
        os.kill(pid, signal.SIGSTOP)
        claims = "SELECT count(*) FROM gallery_stage WHERE state = 'running' AND claimed_by LIKE ?"
        if site.ask(claims, f"%:{pid}/%") != [(0,)]:
            os.kill(pid, signal.SIGKILL)
            return time.monotonic()
        os.kill(pid, signal.SIGCONT)
    raise AssertionError("the worker was never busy")


def wait_until_work_is_done(site: Site, life: Life, before: set[str], began: float, seconds: float) -> float:
    """Seconds until a search and an upload that came afterwards are answered, and all work is done on this picture and
    on those from before."""
    after: set[str] = set()

    def is_done() -> bool:
        nonlocal after
        site.keep_running()
        if life.uploaded_at <= began or life.found_at <= began:
            return False
        after = after or set(life.promised) - before
        waiting = "SELECT i.uuid FROM gallery_stage s JOIN gallery_image i ON i.id = s.image_id WHERE s.state IN (?, ?)"
        unfinished = {uuid for (uuid,) in site.ask(waiting, "pending", "running")}
        return not unfinished & {uuid.replace("-", "") for uuid in before | after}

    ended = until(is_done, began + seconds - time.monotonic())
    if not ended:
        left = site.ask("SELECT step, state, attempts, claimed_until, due_at FROM gallery_stage WHERE state != 'done'")
        say(f"answers {life.answers}, now {datetime.now(UTC)}, not done {left}")
        say(f"upload begun {life.uploaded_at - began:+.1f} s, search {life.found_at - began:+.1f} s from the kill on")
    assert ended
    return time.monotonic() - began


def check_promised(site: Site, life: Life, checked: set[str]) -> None:
    """Each picture that was acknowledged, but for those `checked`, has its row and its bytes."""
    promised = life.promised.copy()
    rows = {uuid: (sha256, name) for uuid, sha256, name in site.ask("SELECT uuid, sha256, original FROM gallery_image")}
    for uuid, sha256 in promised.items():
        if uuid not in checked:
            assert rows[uuid.replace("-", "")][0] == sha256
            content = (site.media / rows[uuid.replace("-", "")][1]).read_bytes()
            assert hashlib.sha256(content).hexdigest() == sha256
            checked.add(uuid)
