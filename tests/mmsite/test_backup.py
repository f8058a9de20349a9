"""`manage.py backup` and `restore`: what was given comes back, whatever happens in between."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from itertools import combinations
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.core.files.storage import default_storage
from django.core.management import CommandError, call_command
from django.db import connection

from gallery.models import Image, User
from gallery.services import images_delete
from mmsite import databases
from mmsite.backup import MANIFEST

pytestmark = [
    pytest.mark.django_db(transaction=True),
    pytest.mark.skipif(
        connection.vendor == "postgresql" and not shutil.which("pg_dump"), reason="PostgreSQL's programs aren't here"
    ),
]

MakeImage = Callable[..., Image]
COLOURS = ("red", "orange", "yellow", "green", "blue", "purple", "black", "white", "gray", "brown", "pink", "navy")
ASKED = tuple(f"{one} and {other}" for one, other in combinations(COLOURS, 2))[:50]
# What a site answers once its work is done, in a process of its own.
ANSWER = """
import io, json
from django.core.management import call_command
from gallery.models import Image, Rendition, User
from search.query.answer import search_images
call_command("process_images", wait=True, stdout=io.StringIO())
owner = User.objects.get(username="ada")
hits = {asked: [str(hit.image.uuid) for hit in search_images(viewer=owner, query=asked, limit=10).hits] for asked in %r}
kept = {image.file_name: image.original.open().read().hex() for image in Image.with_trash.all()}
print(json.dumps({"hits": hits, "kept": kept, "renditions": Rendition.objects.count()}))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "backup"


@pytest.fixture
def images(make_image: MakeImage) -> list[Image]:
    return [make_image(color, name=f"{color}.jpg") for color in COLOURS]


def run(command: str, *arguments: object) -> str:
    output = StringIO()
    call_command(command, *map(str, arguments), stdout=output)
    return output.getvalue()


def originals(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.glob("originals/*/*")}


def test_it_copies_what_is_new_and_drops_what_was_purged(
    images: list[Image], make_image: MakeImage, folder: Path
) -> None:
    assert run("backup", folder) == "12 originals copied, 0 there already, 0 dropped.\n"
    assert originals(folder) == {image.original.name for image in images}
    check = ["sha256sum", "--check", "--quiet", *(path.name for path in folder.glob("originals-*.sha256"))]
    subprocess.run(check, cwd=folder, check=True)

    new = make_image("teal")
    images_delete(images=images[:2])
    assert run("backup", folder) == "1 originals copied, 10 there already, 2 dropped.\n"
    assert originals(folder) == {image.original.name for image in [*images[2:], new]}
    manifest = json.loads((folder / MANIFEST).read_text())
    assert {path.name for path in folder.iterdir()} == {
        MANIFEST, "originals", manifest["database"], manifest["originals"],
    }  # fmt: skip
    assert (folder / manifest["database"]).stat().st_mode & 0o777 == 0o600


def test_what_is_in_the_trash_is_kept_too(images: list[Image], folder: Path) -> None:
    Image.objects.filter(pk=images[0].pk).update(trashed_at=images[0].uploaded_at)
    run("backup", folder)
    assert images[0].original.name in originals(folder)


def test_originals_that_are_gone_or_not_as_they_came_are_named(images: list[Image], folder: Path) -> None:
    gone, changed = images[:2]
    default_storage.delete(gone.original.name)
    Path(changed.original.path).write_bytes(b"x" * changed.byte_size)
    with pytest.raises(CommandError) as caught:
        run("backup", folder)
    assert str(caught.value).splitlines() == [
        f"{gone.original.name} is missing.",
        f"{changed.original.name} is not as it came: its SHA-256 differs.",
        "2 originals are not as they came.",
    ]
    assert len(originals(folder)) == len(images) - 1


def test_a_copy_that_rotted_is_made_again_when_it_is_verified(images: list[Image], folder: Path) -> None:
    run("backup", folder)
    copy = folder / images[0].original.name
    copy.write_bytes(b"x" * images[0].byte_size)
    assert run("backup", folder).startswith("0 originals copied")
    assert run("backup", folder, "--verify").startswith("1 originals copied")
    assert copy.read_bytes() == Path(images[0].original.path).read_bytes()


def test_one_that_is_interrupted_leaves_the_one_before_as_it_was(
    images: list[Image], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("backup", folder)
    before = (folder / MANIFEST).read_bytes()
    images_delete(images=images[:1])
    with monkeypatch.context() as patch:
        patch.setattr(databases, "dump", lambda path: _interrupt())
        with pytest.raises(CommandError, match="the backup before is as it was"):
            run("backup", folder)
    assert (folder / MANIFEST).read_bytes() == before
    assert all((folder / json.loads(before)[name]).is_file() for name in ("database", "originals"))
    assert images[0].original.name in originals(folder)
    run("backup", folder)
    assert len(list(folder.glob("originals-*.sha256"))) == 1


def _interrupt() -> None:
    raise KeyboardInterrupt


def test_it_writes_into_a_folder_of_its_own_alone(images: list[Image], tmp_path: Path, settings: Any) -> None:
    (tmp_path / "home").mkdir()
    (tmp_path / "home" / "letter.txt").write_text("Dear Ada")
    with pytest.raises(CommandError, match="holds something else"):
        run("backup", tmp_path / "home")
    with pytest.raises(CommandError, match="is where the site keeps its pictures"):
        run("backup", settings.MEDIA_ROOT)
    (tmp_path / "file").write_text("")
    with pytest.raises(CommandError, match="cannot be written: Not a directory"):
        run("backup", tmp_path / "file" / "backup")


def test_two_at_once_do_not_mix(images: list[Image], folder: Path) -> None:
    run("backup", folder)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        with pytest.raises(CommandError, match="is under way"):
            run("backup", folder)
    finally:
        os.close(descriptor)


def test_it_restores_into_a_new_installation_alone(images: list[Image], folder: Path) -> None:
    with pytest.raises(CommandError, match="There is no backup in"):
        run("restore", folder)
    run("backup", folder)
    with pytest.raises(CommandError, match="There are people or pictures here already"):
        run("restore", folder)
    assert User.objects.exists()


def test_what_cannot_be_restored_is_left_alone(images: list[Image], folder: Path) -> None:
    run("backup", folder)
    images_delete(images=images)
    User.objects.all().delete()
    manifest = json.loads((folder / MANIFEST).read_text())

    (folder / MANIFEST).write_text("{}")
    with pytest.raises(CommandError, match="was not finished"):
        run("restore", folder)
    (folder / MANIFEST).write_text(json.dumps(manifest | {"migrations": ["gallery.0999_flying_pictures"]}))
    with pytest.raises(CommandError, match="of a newer release, which has gallery"):
        run("restore", folder)
    (folder / "database-1.other").write_bytes(b"")
    (folder / MANIFEST).write_text(json.dumps(manifest | {"database": "database-1.other"}))
    with pytest.raises(CommandError, match="Set MMSITE_DATABASE_URL to one of the kind that was backed up"):
        run("restore", folder)
    (folder / MANIFEST).write_text(json.dumps(manifest))
    with (folder / manifest["database"]).open("ab") as file:
        file.write(b"x")
    with pytest.raises(CommandError, match="is damaged: its SHA-256"):
        run("restore", folder)
    assert not User.objects.exists()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[dict[str, str]]:
    """The environment of an installation that has never been started."""
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "mmsite.settings.test",
        "MMSITE_DATA_DIR": str(tmp_path / "elsewhere"),
        "OMP_NUM_THREADS": "1",
    }
    if connection.vendor == "sqlite":
        yield environment | {"MMSITE_DATABASE_URL": f"sqlite:///{tmp_path / 'elsewhere.sqlite3'}"}
        return
    name = f"elsewhere_{uuid4().hex}"
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE DATABASE {name}")
    server = "postgres://{USER}:{PASSWORD}@{HOST}:{PORT}/".format(**connection.settings_dict)
    yield environment | {"MMSITE_DATABASE_URL": server + name}
    with connection.cursor() as cursor:
        cursor.execute(f"DROP DATABASE {name}")


def manage(environment: dict[str, str], *arguments: str) -> str:
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=django_settings.BASE_DIR, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout


def answers(environment: dict[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(manage(environment, "shell", "--verbosity", "0", "--command", ANSWER % (ASKED,)))
    return found


@pytest.mark.process
def test_a_restored_site_finds_the_same(
    images: list[Image], environment: dict[str, str], folder: Path, elsewhere: dict[str, str], settings: Any
) -> None:
    environment |= {"DJANGO_SETTINGS_MODULE": "mmsite.settings.test", "MMSITE_MEDIA_DIR": str(settings.MEDIA_ROOT)}
    before = answers(environment)
    assert all(before["hits"].values())
    run("backup", folder)

    said = manage(elsewhere, "restore", str(folder))
    assert said.startswith("12 pictures of 1 people are back: 12 originals copied, 0 there already.")
    assert answers(elsewhere) == before
