"""The heavy ones: the door and the worker stay below 700 MB and 10 s for each, whatever the file wants."""

import resource
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from time import sleep
from typing import Any

import pytest
from django.conf import settings as site

from gallery import decoding
from gallery.models import Image
from tests.hostile.doors import Visitor, form
from tests.hostile.generator import CATEGORIES, HEAVY
from tests.hostile.judging import judge, judge_renditions, work
from tests.mmsite.conftest import environment  # noqa: F401  a fixture

pytestmark = [pytest.mark.hostile, pytest.mark.filterwarnings("ignore")]

MOST_KILOBYTES = 700_000
MOST_SECONDS = 10  # of processor time


def peak(pid: int) -> int:
    """The most memory that a process has held, in kB; 0 where it is gone. (`ru_maxrss` counts what its parent held.)"""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) for line in status.splitlines() if line.startswith("VmHWM")), 0)


def seconds_of_decoders() -> float:
    """Processor time of those that were ended till now."""
    assert all(peak(decoder._process.pid) < MOST_KILOBYTES for decoder in decoding._pool._idle)
    decoding._pool.close()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@pytest.mark.parametrize("name", HEAVY)
def test_a_heavy_one(name: str, visitor: Callable[[str], Visitor]) -> None:
    somebody = visitor("ada")
    for case in CATEGORIES[name].cases:
        begin = seconds_of_decoders()
        result = form(somebody, case.content, case.file_name)
        entered = seconds_of_decoders()
        judge(case, result)
        assert entered - begin < MOST_SECONDS
        if result.image:
            work()
            assert seconds_of_decoders() - entered < MOST_SECONDS
            judge_renditions(case, result.image)


@pytest.mark.django_db(transaction=True)
def test_the_workers_process_stays_small(visitor: Callable[[str], Visitor], environment: dict[str, str]) -> None:  # noqa: F811
    """All of them at once, in a process of its own with the fake models."""
    somebody = visitor("ada")
    for name in HEAVY:
        for case in CATEGORIES[name].cases:
            form(somebody, case.content, case.file_name)
    assert Image.objects.count() >= len(HEAVY) // 2
    manage: list[Any] = [sys.executable, site.BASE_DIR / "manage.py", "process_images", "--wait"]
    process = subprocess.Popen(manage, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    most = 0
    while process.poll() is None:
        most = max(most, peak(process.pid))
        sleep(0.05)
    assert process.returncode == 0
    assert 0 < most < MOST_KILOBYTES
    for image in Image.objects.all():
        assert image.renditions.count() == 2
