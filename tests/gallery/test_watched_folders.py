"""Folders that are watched: what is new in them is taken in, once it stays as it is."""

import logging
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from gallery import folders
from gallery.models import Image, SeenFile, Upload, User
from tests.gallery.making import encode, plain

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def folder(tmp_path: Path, settings: Any, monkeypatch: pytest.MonkeyPatch, user: User) -> Path:
    """A folder that is watched for ada, in which is one picture."""
    watched = tmp_path / "photos"
    (watched / "2024").mkdir(parents=True)
    (watched / "2024" / "a.png").write_bytes(encode(plain("red")))
    settings.WATCH = [("ada", watched)]
    monkeypatch.setattr(folders, "REST_PER_LOOK", 0)
    monkeypatch.setattr(folders, "_next_look", 0.0)
    return watched


def look() -> int:
    folders.look_at_watched()
    return folders.take_some(most=100)


def content(folder: Path) -> dict[str, bytes]:
    return {str(path): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_file_is_taken_once_it_stays_as_it_is(folder: Path, user: User) -> None:
    before = content(folder)
    assert look() == 0
    assert not folders.any_due()
    assert look() == 1
    image = Image.objects.get()
    assert (image.owner, image.file_name, image.visibility) == (user, "a.png", "private")
    assert look() == 0
    assert content(folder) == before


def test_a_file_that_is_being_written_waits(folder: Path) -> None:
    path = folder / "growing.png"
    whole = encode(plain("blue"))
    look()
    for end in (10, 20, len(whole)):
        path.write_bytes(whole[:end])
        look()
        assert not Image.objects.filter(file_name="growing.png").exists()
    assert not SeenFile.objects.filter(state=SeenFile.State.REFUSED).exists()
    look()
    assert Image.objects.filter(file_name="growing.png").exists()


def test_a_file_that_changes_between_look_and_work_waits(folder: Path) -> None:
    folders.look_at_watched()
    folders.look_at_watched()
    (folder / "2024" / "a.png").write_bytes(encode(plain("green"), optimize=True) + b"more")
    assert folders.take_some(most=100) == 1
    assert not Image.objects.exists()
    assert SeenFile.objects.get().state == SeenFile.State.NEW


def test_a_deleted_picture_does_not_come_back(folder: Path) -> None:
    look(), look()
    Image.objects.get().delete()
    assert look() + look() == 0
    assert not Image.objects.exists()


def test_what_is_refused_is_logged_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    with open(os.fsencode(folder) + b"/caf\xe9.jpg", "wb") as file:
        file.write(b"no picture")
    with caplog.at_level(logging.WARNING, "gallery.folders"):
        for _ in range(4):
            look()
    [line] = [record.getMessage() for record in caplog.records]
    assert "caf" in line
    assert "not a picture that we know" in line


def test_an_archive_is_handed_to_those_who_unpack(folder: Path, user: User) -> None:
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.writestr("b.png", encode(plain("green")))
    look(), look()
    upload = Upload.objects.get()
    assert (upload.owner, upload.state, upload.entries) == (user, Upload.State.UNPACKING, 1)
    assert (folder / "all.zip").exists()


def test_a_file_that_kills_the_worker_is_given_up(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Stands for the end of the process."""

    def die(**given: Any) -> None:
        raise Killed

    monkeypatch.setattr(folders, "picture_take", die)
    look()
    for _ in range(folders.ATTEMPTS):
        with pytest.raises(Killed):
            look()
    assert look() == 1
    assert SeenFile.objects.get().state == SeenFile.State.REFUSED


def test_a_folder_or_a_person_that_is_not_there(folder: Path, settings: Any, caplog: pytest.LogCaptureFixture) -> None:
    settings.WATCH = [("nobody", folder), ("ada", folder / "nowhere"), *settings.WATCH]
    look(), look()
    assert "nobody called nobody" in caplog.text
    assert "no folder" in caplog.text
    assert Image.objects.count() == 1


def test_a_look_costs_few_statements(folder: Path, user: User, django_assert_max_num_queries: Any) -> None:
    for number in range(30):
        (folder / f"{number}.txt").write_text("text")
    with django_assert_max_num_queries(4):
        folders.folder_look(owner=user, folder=folder)
    with django_assert_max_num_queries(4):
        folders.folder_look(owner=user, folder=folder)
