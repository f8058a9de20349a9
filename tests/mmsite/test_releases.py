"""Backups of every release so far come back into the code as it is (see tests/mmsite/release.py)."""

import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from tests.mmsite.release import PASSWORD, RELEASES

VERSIONS = sorted(path.name.removesuffix(".tar.xz") for path in RELEASES.glob("*.tar.xz"))
# What a new installation answers after the restore, in a process of its own.
ANSWER = """
import hashlib, io, json, sys
from django.conf import settings
from django.core.management import call_command
from django.test import Client
from django.urls import reverse
from captioning.models import Caption
from gallery.models import Image, User
from search.query.answer import search_images
settings.ALLOWED_HOSTS = ["testserver"]
given, said = json.loads(sys.stdin.read()), io.StringIO()
call_command("process_images", wait=True, stdout=said)
call_command("fsck", deep=True, grace=0, stdout=said)
ada, grace = (User.objects.get(username=name) for name in ("ada", "grace"))
names = lambda hits: [hit.image.file_name for hit in hits.hits]
aunt, frame, browser = Client(), Client(headers={"Authorization": "Bearer " + given["token"]}), Client()
by_link = aunt.get("/s/" + given["link"] + "/")
harbour = Image.objects.get(file_name="harbour.jpg")
is_in = browser.login(username="ada", password=PASSWORD)
print(json.dumps({
    "said": said.getvalue(),
    "sha256": {each.file_name: hashlib.sha256(each.original.open().read()).hexdigest()
               for each in Image.with_trash.all()},
    "trash": [each.file_name for each in Image.with_trash.filter(trashed_at__isnull=False)],
    "captions": dict(Caption.objects.filter(is_current=True).values_list("image__file_name", "text")),
    "words": [harbour.title, harbour.notes, harbour.place, *harbour.tags.values_list("name", flat=True)],
    "album": [[album.title, *album.images.values_list("file_name", flat=True)] for album in ada.albums.all()],
    "found": [names(search_images(viewer=viewer, query=query, limit=9))
              for viewer, query in ((ada, '"trawlers"'), (ada, "tag:sea"), (grace, "is:favourite"))],
    "looks": names(search_images(viewer=ada, query="green", limit=1)),
    "by link": [by_link.status_code, str(harbour.uuid) in by_link.content.decode()],
    "by token": [each["file_name"] for each in frame.get("/api/v1/images/").json()["results"]],
    "signed in": [is_in, "Two trawlers" in browser.get(reverse("image", args=[harbour.uuid])).content.decode()],
}))
"""


@pytest.mark.process
@pytest.mark.parametrize("version", VERSIONS)
def test_a_backup_of_an_older_release_comes_back(version: str, tmp_path: Path) -> None:
    with tarfile.open(RELEASES / f"{version}.tar.xz") as archive:
        archive.extractall(tmp_path, filter="data")
    given = json.loads((tmp_path / "given.json").read_text())
    (tmp_path / "data").mkdir()

    assert manage(tmp_path, "restore", str(tmp_path / "backup")).startswith("4 pictures of 2 people are back: 4 orig")
    command = ANSWER.replace("PASSWORD", repr(PASSWORD))
    found = json.loads(manage(tmp_path, "shell", "--verbosity", "0", "--command", command, told=given))

    assert "wrong" not in found["said"].lower()
    assert (found["sha256"], found["captions"]) == (given["sha256"], given["captions"])
    assert found["captions"]["harbour.jpg"] == "Two trawlers at the quay"
    assert found["trash"] == ["lost.jpg"]
    assert found["words"] == ["Evening", "From the lighthouse", "Bergen", "sea"]
    assert found["album"] == [["Norway", "harbour.jpg"]]
    assert found["found"] == [["harbour.jpg"]] * 3
    assert found["looks"] == ["meadow.png"]
    assert (found["by link"], found["signed in"]) == ([200, True], [True, True])
    assert sorted(found["by token"]) == ["desert.webp", "harbour.jpg", "meadow.png"]


def test_there_is_one() -> None:
    assert VERSIONS


def manage(folder: Path, *arguments: str, told: Any = None) -> str:
    environment = {
        "PATH": os.environ["PATH"],
        "DJANGO_SETTINGS_MODULE": "mmsite.settings.test",
        "MMSITE_DATA_DIR": str(folder / "data"),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "manage.py", *arguments],
        cwd=settings.BASE_DIR, env=environment, input=json.dumps(told), capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
