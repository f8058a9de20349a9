"""`manage.py fsck`: all checks of a whole site, what it prints, and its exit codes."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import StringIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection
from django.utils import timezone

from captioning.models import Caption
from gallery import fsck_files, s3, stages
from gallery.findings import Scope
from gallery.models import Image
from gallery.purge import trash_empty
from gallery.trash import images_trash
from mmsite import fsck, held, worker
from mmsite.management.commands import fsck as command
from search import versions
from search.models import Embedding

MakeImage = Callable[..., Image]


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fsck_files, "SECOND_LOOK_SECONDS", 0)


@pytest.fixture
def image(fresh_index: None, make_image: MakeImage) -> Image:
    """A picture that the worker has done all its work on, and the only one."""
    versions.model_version_ensure()
    image = make_image()
    worker.work_until_idle()
    image.refresh_from_db()
    return image


def run(*arguments: str) -> tuple[str, int]:
    """What it prints, and its exit code."""
    out = StringIO()
    try:
        call_command("fsck", *arguments, stdout=out)
    except CommandError as error:
        return f"{out.getvalue()}{error}", error.returncode
    return out.getvalue(), 0


def path_of(name: str) -> Path:
    return Path(default_storage.path(name))


def make_older(path: Path) -> None:
    long_ago = time.time() - 24 * 3_600
    os.utime(path, (long_ago, long_ago))


def test_a_site_that_is_well(image: Image, make_image: MakeImage) -> None:
    make_image("blue")
    printed, code = run("--deep")
    assert code == 0
    assert printed == (
        "Checked: files, renditions, stages, numbers, uploads, passing, captions, vectors, index.\nAll is well.\n"
    )


def test_everything_wrong_at_once_is_found_and_repaired_but_for_what_is_lost(
    image: Image, make_image: MakeImage
) -> None:
    lost = make_image("blue")
    worker.work_until_idle()
    path_of(lost.original.name).unlink()
    path_of(image.renditions.get(kind="preview").file.name).unlink()
    make_older(path_of(default_storage.save("originals/ab/x.jpg", ContentFile(b"litter"))))
    Caption.objects.filter(image=image).delete()
    Embedding.objects.filter(image_id=image.pk).delete()
    printed, code = run()
    assert code == 1
    wrong = ["original-missing", "rendition-missing", "file-orphaned", "caption-missing", "caption-differs"]
    for kind in [*wrong, "vector-missing", "index-differs"]:
        assert f"{kind}: 1 found, 0 repaired\n" in printed
    assert printed.endswith("Wrong and not repaired: 7; --repair mends what can be mended.")
    printed, code = run("--repair")
    assert code == 1
    assert f"original-missing: picture {lost.uuid}: " in printed
    assert printed.endswith("Wrong and not repaired: 1.")
    worker.work_until_idle()
    printed, code = run()
    assert printed.count("found, 0 repaired") == 1
    assert Image.objects.count() == 2


def test_for_programs(image: Image) -> None:
    printed, code = run("--json")
    assert (code, json.loads(printed)) == (
        0,
        {
            "findings": [],
            "checked": [check.name for check in fsck.CHECKS],
            "unchecked": {},
            "found": {},
            "repaired": {},
        },
    )
    for rendition in image.renditions.all():
        path_of(rendition.file.name).unlink()
    out = StringIO()
    call_command("fsck", "--json", "--repair", "--only", "files", "--only", "index", stdout=out)
    said = json.loads(out.getvalue())
    assert said["checked"] == ["files", "index"]
    assert said["found"] == said["repaired"] == {"rendition-missing": 2}
    assert sorted(finding["subject"] for finding in said["findings"]) == [
        f"picture {image.uuid}, preview",
        f"picture {image.uuid}, thumbnail",
    ]
    assert all(finding["repaired"] and finding["detail"] for finding in said["findings"])


def test_of_many_of_a_kind_a_few_are_printed(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "MOST_LINES", 1)
    for rendition in image.renditions.all():
        path_of(rendition.file.name).unlink()
    printed, _ = run()
    assert printed.count("rendition-missing: picture") == 1
    assert "rendition-missing: and 1 more\n" in printed
    assert "rendition-missing: 2 found, 0 repaired\n" in printed


def test_what_can_not_be_checked_keeps_nothing_else_from_it(image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    def away(folder: str, **_: Any) -> Any:
        raise OSError("the disk is away")

    monkeypatch.setattr(fsck_files, "files_below", away)
    printed, code = run("--only", "files", "--only", "captions")
    assert code == 2
    assert "files could not be checked: the disk is away\nChecked: captions.\n" in printed
    Caption.objects.all().delete()
    assert run("--only", "files", "--only", "captions")[1] == 1

    def no_database() -> int:
        raise DatabaseError("database is locked")

    monkeypatch.setattr(stages, "lacking", lambda steps: no_database())
    printed, code = run("--json", "--only", "stages")
    assert code == 2
    assert json.loads(printed.partition("\nNot")[0])["unchecked"] == {"stages": "database is locked"}


def test_what_is_held_too_long_goes(image: Image, user: Any) -> None:
    held.hold(owner_id=user.pk, file=ContentFile(b"bytes"), file_name="a.jpg")
    [name] = default_storage.listdir(held.FOLDER)[1]
    assert list(fsck.check_passing(Scope(grace=timedelta(0), repair=True))) == []
    make_older(path_of(f"{held.FOLDER}/{name}"))
    [finding] = fsck.check_passing(Scope())
    assert (finding.kind, finding.repaired) == ("file-expired", False)
    assert [finding.repaired for finding in fsck.check_passing(Scope(repair=True))] == [True]
    assert list(fsck.check_passing(Scope())) == []


KILLED = """
import os, signal, django
django.setup()
from gallery import purge, services
from gallery.models import Image, User
services.files_delete = lambda names: os.kill(os.getpid(), signal.SIGKILL)
purge.trash_empty(owner=User.objects.get())
"""


@pytest.mark.django_db(transaction=True)
def test_a_purge_that_is_killed_before_it_deletes_the_files(
    environment: dict[str, str], image: Image, settings: Any, tmp_path: Path
) -> None:
    Image.objects.update(trashed_at=timezone.now())
    process = subprocess.run([sys.executable, "-c", KILLED], cwd=django_settings.BASE_DIR, env=environment, check=False)
    assert process.returncode == -9
    assert not Image.with_trash.exists()
    left = [path for path in settings.MEDIA_ROOT.rglob("*") if path.is_file()]
    assert len(left) == 3
    assert run()[1] == 0, "it may be going on"
    for path in left:
        make_older(path)
    assert run()[1] == 1
    assert run("--repair")[1] == 0
    assert not any(path.exists() for path in left)
    assert run()[1] == 0


@pytest.mark.django_db(transaction=True)
def test_nothing_is_wrong_while_people_upload_and_throw_away(image: Image, make_image: MakeImage, user: Any) -> None:
    is_over = threading.Event()

    def live() -> None:
        for number in count():
            if is_over.is_set():
                break
            images_trash(images=[make_image((number % 256, 0, number % 200))], by=user)
            worker.work_batch()
            if number % 3 == 0:
                trash_empty(owner=user)
        connection.close()

    with ThreadPoolExecutor() as pool:
        living = pool.submit(live)
        try:
            told = [run("--deep", "--repair")[0] for _ in range(6)]
        finally:
            is_over.set()
        living.result()
    assert [each for each in told if not each.endswith("All is well.\n")] == []


def test_a_bucket_is_checked_like_a_folder(bucket: Any, image: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(s3, "LISTED_AT_ONCE", 1)
    # each folder is a request, and moto's server takes its time
    monkeypatch.setattr(fsck_files, "FOLDERS", sorted({"ab", image.uuid.hex[:2]}))
    assert run("--deep", "--grace", "0")[1] == 0
    default_storage.delete(image.renditions.get(kind="preview").file.name)
    for name in ("originals/ab/x.jpg", "originals/ab/cd/y.jpg", "originals/z.jpg"):
        default_storage.save(name, ContentFile(b"litter"))
    scope = Scope(grace=timedelta(seconds=-2), repair=True)  # the store counts in seconds
    assert sorted((each.kind, each.subject, each.repaired) for each in fsck.CHECKS[0].run(scope)) == [
        ("file-orphaned", "originals/ab/cd/y.jpg", True),
        ("file-orphaned", "originals/ab/x.jpg", True),
        ("file-orphaned", "originals/z.jpg", True),
        ("rendition-missing", f"picture {image.uuid}, preview", True),
    ]
    worker.work_until_idle()
    assert run("--deep")[1] == 0
    key = bucket.Object(f"site/{image.original.name}")
    content = key.get()["Body"].read()
    key.put(Body=b"\0" + content[1:])
    assert run()[1] == 0
    assert "the SHA-256 of" in run("--deep")[0]
    key.delete()
    assert "original-missing" in run()[0]


def test_a_bucket_that_is_away_can_not_be_checked(bucket: Any, image: Image, settings: Any) -> None:
    default = settings.STORAGES["default"]
    options = default["OPTIONS"] | {"bucket_name": "no-such-bucket"}
    settings.STORAGES = settings.STORAGES | {"default": default | {"OPTIONS": options}}
    printed, code = run("--only", "files")
    assert code == 2
    assert "NoSuchBucket" in printed
