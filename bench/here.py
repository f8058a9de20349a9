"""A site within this process: no web and no worker beside it, so that its processor time is all that a task takes."""

import os
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

import django

from bench import installation, memory, upload
from bench.photos import photos

if TYPE_CHECKING:
    from gallery.models import User

PHOTOS = 12
UPLOADS, TURNS = 6, 5  # photos of a turn


def set_up(folder: Path, **more: str) -> "User":
    """The administrator of a new site in `folder`, whose models are loaded. `more`: of its environment."""
    os.environ.update(installation.environment(folder) | more)
    django.setup()
    from django.core.management import call_command

    from gallery.models import User
    from mmsite import worker
    from search import versions

    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    versions.model_version_ensure()
    worker.warm_models()
    return User.objects.create_superuser(installation.ADMIN, password=installation.PASSWORD)


def take_in(owner: "User", contents: Sequence[bytes]) -> None:
    """Upload pictures and work on them until they can be found and are compared with the others."""
    from django.core.files.base import ContentFile

    from gallery import services
    from mmsite import pipeline, worker
    from search import duplicates

    for content in contents:
        services.image_create(owner=owner, file=ContentFile(content), file_name="photo.jpg")
    while upload.is_open():
        worker.work_batch([pipeline.RENDITIONS, pipeline.CAPTION, pipeline.EMBEDDING])
    while duplicates.compare_some():
        pass


def cpu() -> float:
    """Seconds so far, of this process and its decoders."""
    return time.process_time() + sum(process.cpu for process in memory.descendants(os.getpid()))


def ratios() -> dict[str, float]:
    """How many times as quick as a script that opens each picture anew for every step, and gives the models one a call,
    a site is from upload to searchable."""
    with tempfile.TemporaryDirectory(prefix="mmsite-bench-") as folder:
        owner = set_up(Path(folder))
        some = list(photos(UPLOADS * (TURNS + 1)))
        take_in(owner, some[-UPLOADS:])
        upload.one_at_a_time(some[:1])
        found = []
        for turn in range(TURNS):
            contents = some[UPLOADS * turn :][:UPLOADS]
            started = cpu()
            take_in(owner, contents)
            between = cpu()
            upload.one_at_a_time(contents)
            found.append((cpu() - between) / (between - started))
    return {"upload to searchable": median(found)}
