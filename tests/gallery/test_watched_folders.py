"""Folders that are watched: what is new in them is taken in, once it stays as it is."""

import errno
import logging
import os
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils import timezone

from gallery import folders, unpacking
from gallery.intake import Outcome, picture_take
from gallery.models import Image, SeenFile, Upload, User
from tests.gallery.making import encode, full_disk, plain
from tests.gallery.test_embedded import XMP

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
    monkeypatch.setattr(folders, "STILL", timedelta(0))
    monkeypatch.setattr(folders, "AGAIN", timedelta(0))
    monkeypatch.setattr(folders, "_told", set())
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
    monkeypatch.setattr(folders, "HELD", timedelta(0))
    look()
    for _ in range(folders.ATTEMPTS):
        with pytest.raises(Killed):
            look()
    assert look() == 1
    assert SeenFile.objects.get().state == SeenFile.State.REFUSED


def test_a_sidecar_is_read_with_its_picture(
    folder: Path, told: list[tuple[str, Any]], caplog: pytest.LogCaptureFixture
) -> None:
    (folder / "2024" / "a.xmp").write_bytes(XMP)
    assert look() + look() + look() == 1
    assert ("captioned", (Image.objects.get().pk, "Rex, é")) in told
    assert SeenFile.objects.count() == 1
    assert not caplog.records


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


def test_two_sweeps_at_once_are_one_look(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(folders, "STILL", timedelta(seconds=30))
    assert look() + look() == 0
    SeenFile.objects.update(seen_at=timezone.now() - timedelta(seconds=31))
    assert look() == 1
    SeenFile.objects.update(state=SeenFile.State.NEW, attempts=0, seen_at=timezone.now() + timedelta(days=1))
    assert look() == 1, "the clock was set back"


def test_what_one_worker_takes_the_other_does_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    others: list[int] = []

    def slowly(**given: Any) -> Outcome:
        assert not folders.any_due()
        others.append(folders.take_some(most=100))
        return picture_take(**given)

    monkeypatch.setattr(folders, "picture_take", slowly)
    look(), look()
    assert others == [0]
    assert Image.objects.count() == 1


def test_what_there_is_no_room_for_is_taken_when_there_is(
    folder: Path, user: User, caplog: pytest.LogCaptureFixture
) -> None:
    user.quota_bytes = 10
    user.save()
    for _ in range(4):
        look()
    assert not Image.objects.exists()
    assert len(caplog.records) == 1
    assert folders.take_some(most=100) == 0, "nothing is read again as long as there is no room"
    user.quota_bytes = None
    user.save()
    assert look() == 1
    assert Image.objects.exists()


def test_what_a_full_disk_kept_out_is_taken_later(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with full_disk():
        for _ in range(folders.ATTEMPTS + 2):
            look()
    monkeypatch.setattr(folders, "AGAIN", timedelta(hours=1))
    assert look() == 0
    monkeypatch.setattr(folders, "AGAIN", timedelta(0))
    assert look() == 1
    assert Image.objects.exists()


def test_more_archives_than_may_be_open_wait(folder: Path, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"open_uploads": 1}
    for colour in ("green", "blue"):
        with zipfile.ZipFile(folder / f"{colour}.zip", "w") as archive:
            archive.writestr(f"{colour}.png", encode(plain(colour)))
    look(), look()
    assert Upload.objects.count() == 1
    while unpacking.unpack_some(most=10):
        pass
    look()
    while unpacking.unpack_some(most=10):
        pass
    assert set(Image.objects.values_list("file_name", flat=True)) == {"a.png", "green.png", "blue.png"}


def test_what_cannot_be_read_keeps_nothing_else_from_being_seen(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    is_file = Path.is_file

    def forbidden(path: Path) -> bool:
        if path.name == "0.png":
            raise PermissionError(errno.EACCES, "Permission denied", str(path))
        return is_file(path)

    (folder / "0.png").write_bytes(b"unreadable")
    monkeypatch.setattr(Path, "is_file", forbidden)
    look(), look()
    assert Image.objects.get().file_name == "a.png"
    assert "0.png" in caplog.text


def test_a_file_from_the_year_2446(folder: Path) -> None:
    os.utime(folder / "2024" / "a.png", ns=(1 << 63, 1 << 63))
    look(), look()
    assert Image.objects.exists()
    assert look() == 0


def test_links_are_left_alone(folder: Path, tmp_path: Path) -> None:
    """They may lead to what whoever fills the folder may not read: other people's originals."""
    (tmp_path / "secret").mkdir()
    (tmp_path / "secret" / "b.png").write_bytes(encode(plain("green")))
    (folder / "link.png").symlink_to(tmp_path / "secret" / "b.png")
    (folder / "folder").symlink_to(tmp_path / "secret")
    (folder / "loop").symlink_to(folder)
    look(), look()
    assert Image.objects.get().file_name == "a.png"
    # one that comes between look and work
    path = folder / "later.png"
    path.write_bytes(encode(plain("blue")))
    folders.look_at_watched(), folders.look_at_watched()
    copy = path.stat()
    path.unlink()
    path.symlink_to(tmp_path / "secret" / "b.png")
    os.utime(tmp_path / "secret" / "b.png", ns=(copy.st_mtime_ns, copy.st_mtime_ns))
    SeenFile.objects.filter(state=SeenFile.State.DUE).update(byte_size=path.stat().st_size)
    folders.take_some(most=100)
    assert Image.objects.count() == 1
