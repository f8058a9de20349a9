"""The power goes between any two steps of an upload: what was acknowledged is there, whole, and the rest is litter."""

import base64
import hashlib
import json
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import suppress
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client

from gallery import fsck_files
from gallery.models import User
from tests.conftest import MakeJpeg
from tests.faults.disk import Cut, Disk, numbered

pytestmark = pytest.mark.django_db(transaction=True)

# What nobody was told of, and `fsck --repair` deletes.
LITTER = {"file-orphaned", "upload-orphaned"}
TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


@pytest.fixture(autouse=True)
def _on_sqlite(monkeypatch: pytest.MonkeyPatch) -> None:
    if connection.vendor != "sqlite":
        pytest.skip("the database as of its last commit is a copy of its file")
    monkeypatch.setattr(fsck_files, "SECOND_LOOK_SECONDS", 0)


@pytest.fixture
def disk(settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    (root := tmp_path / "disk").mkdir()
    settings.MEDIA_ROOT, settings.UPLOADS_DIR = root / "media", root / "uploads"
    number = iter(range(1_000))
    disk = Disk(root, mark=lambda: committed(tmp_path / f"{next(number)}.sqlite3"))
    with monkeypatch.context() as patch:
        disk.watch(patch)
        yield disk
    disk.close()


@pytest.fixture
def person(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def committed(copy: Path) -> Path:
    """A copy of the database as of its last commit, which is durable: SQLite syncs its log before it says so."""
    [(synchronous,)] = query("PRAGMA synchronous")
    assert synchronous == 2, "FULL"
    source, target = sqlite3.connect(connection.settings_dict["NAME"]), sqlite3.connect(copy)
    source.backup(target)
    source.close()
    target.close()
    return copy


def query(statement: str) -> list[Any]:
    with connection.cursor() as cursor:
        return list(cursor.execute(statement).fetchall())


def by_form(person: Client, content: bytes, disk: Disk) -> None:
    file = SimpleUploadedFile("red.jpg", content, "image/jpeg")
    answer = person.post("/upload/", {"pictures": file}, headers={"Accept": "application/json"})
    assert answer.status_code == 200, answer.content


def by_api(person: Client, content: bytes, disk: Disk) -> None:
    file = SimpleUploadedFile("red.jpg", content, "image/jpeg")
    assert person.post("/api/v1/images/", {"file": file}).status_code == 201


def in_pieces(person: Client, content: bytes, disk: Disk) -> None:
    name = base64.b64encode(b"red.jpg").decode()
    asked = {"Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"}
    url = person.post("/uploads/", headers=TUS | asked).headers["Location"]
    disk.cut("the first piece")
    for offset in range(0, len(content), 300):
        piece = content[offset : offset + 300]
        answer = person.patch(url, piece, content_type=PIECE, headers=TUS | {"Upload-Offset": str(offset)})
        assert answer.status_code == 204
        disk.cut("the next piece")


@pytest.mark.parametrize("upload", [by_form, by_api, in_pieces])
def test_an_upload_is_whole_or_litter_whenever_the_power_goes(
    *,
    upload: Callable[[Client, bytes, Disk], None],
    disk: Disk,
    person: Client,
    make_jpeg: MakeJpeg,
    settings: Any,
    tmp_path: Path,
) -> None:
    content = make_jpeg("red")
    upload(person, content, disk)
    disk.cut("acknowledged")
    assert len(disk.cuts) > 8
    seen: list[tuple[Any, ...]] = []
    for what, cut, outcome in numbered(disk.cuts):
        with database(cut):
            rows = query("SELECT sha256, original FROM gallery_image")
            state = cut.files(outcome), rows, query("SELECT uuid, state, received FROM gallery_upload")
            if state not in seen:
                seen.append(state)
                target = tmp_path / f"disk-{len(seen)}"
                cut.restore(target, outcome)
                settings.MEDIA_ROOT, settings.UPLOADS_DIR = target / "media", target / "uploads"
                for sha256, original in rows:
                    assert hashlib.sha256((target / "media" / original).read_bytes()).hexdigest() == sha256, what
                found = fsck()
                assert {each["kind"] for each in found} <= LITTER, (what, found)
                assert all(each["repaired"] for each in found), (what, found)
                assert not found or fsck() == [], what
    assert rows, "acknowledged, and so there"
    assert len(seen) > 4


class database:
    """The block sees the database as it was at a cut."""

    def __init__(self, cut: Cut) -> None:
        self._cut, self._name = cut, connection.settings_dict["NAME"]

    def __enter__(self) -> None:
        connection.close()
        connection.settings_dict["NAME"] = str(self._cut.marks)

    def __exit__(self, *_: object) -> None:
        connection.close()
        connection.settings_dict["NAME"] = self._name


def fsck() -> list[dict[str, Any]]:
    out = StringIO()
    options = {"deep": True, "repair": True, "grace": 0, "json": True, "only": ["files", "uploads"]}
    with suppress(CommandError):  # something was not repaired, as the report says
        call_command("fsck", stdout=out, **options)
    return list(json.loads(out.getvalue())["findings"])
