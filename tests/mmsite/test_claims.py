"""Real processes that claim work at the same time, on whatever database the tests run."""

import subprocess
import sys
from collections import Counter
from collections.abc import Callable

import pytest
from django.conf import settings as django_settings

from gallery.models import Image, Stage

pytestmark = [pytest.mark.process, pytest.mark.django_db(transaction=True)]

# Waits for the word, then claims and finishes until nothing is left, and says what it did.
WORKER = """
import sys, django
django.setup()
from gallery import stages
print("ready", flush=True)
sys.stdin.readline()
while claimed := stages.claim(worker=sys.argv[1], limit=2, steps=sys.argv[2:] or None):
    for stage in claimed:
        print(stage.pk, stage.step)
    assert stages.finish(claimed) == len(claimed)
"""


def start(environment: dict[str, str], *arguments: str) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", WORKER, *arguments],
        cwd=django_settings.BASE_DIR,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def test_processes_share_the_work_and_do_none_of_it_twice(
    environment: dict[str, str], make_image: Callable[..., Image]
) -> None:
    for green in range(0, 240, 8):
        make_image((20, green, 40))
    workers = [start(environment, "a"), start(environment, "b"), start(environment, "c", "caption", "embedding")]
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()
    lines = [worker.communicate()[0].splitlines() for worker in workers]
    assert [worker.returncode for worker in workers] == [0, 0, 0]
    done = Counter(line for each in lines for line in each)
    assert len(done) == Stage.objects.count() == 90
    assert set(done.values()) == {1}
    assert not any("renditions" in line for line in lines[2])
    assert set(Stage.objects.values_list("state", "attempts")) == {("done", 1)}
