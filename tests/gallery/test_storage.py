"""Files are durable before they have a name, never overwritten, never half there."""

import errno
import os
import stat
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from django.core.files.base import ContentFile, File
from django.core.files.storage import default_storage
from django.core.files.uploadedfile import TemporaryUploadedFile

from gallery.storage import kept_if_used, original_name, rendition_name


@pytest.fixture
def journal(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """The calls that make a file durable, in order: (call, name of what it was about). They are made, too."""
    calls: list[tuple[str, str]] = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        fsync(descriptor)
        calls.append(("fsync", Path(os.readlink(f"/proc/self/fd/{descriptor}")).name))

    def note_replace(source: Any, target: Any) -> None:
        replace(source, target)
        calls.append(("rename", Path(target).name))

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    return calls


def test_bytes_then_name_then_folders(journal: list[tuple[str, str]], settings: Any) -> None:
    settings.MEDIA_ROOT.mkdir(parents=True)
    default_storage.save("originals/ab/x.jpg", ContentFile(b"bytes"))
    calls = [(call, "temporary" if name.endswith(".part") else name) for call, name in journal]
    assert calls == [
        ("fsync", "media"),  # where originals/ is new
        ("fsync", "originals"),  # where ab/ is new
        ("fsync", "temporary"),
        ("rename", "x.jpg"),
        ("fsync", "ab"),
        ("fsync", "originals"),
        ("fsync", "media"),
    ]


def test_what_was_saved_can_be_read() -> None:
    name = default_storage.save("a/b/c.bin", ContentFile(b"one" * 100_000))
    with default_storage.open(name) as file:
        assert file.read() == b"one" * 100_000


def test_uploads_on_disk_are_copied_and_stay_where_they_were() -> None:
    with TemporaryUploadedFile("x.jpg", "image/jpeg", 5, None) as upload:
        upload.write(b"bytes")
        upload.flush()
        name = default_storage.save("x.jpg", upload)
        assert Path(upload.temporary_file_path()).exists()
    assert Path(default_storage.path(name)).read_bytes() == b"bytes"


def test_files_are_private() -> None:
    name = default_storage.save("x.bin", ContentFile(b"bytes"))
    assert stat.S_IMODE(os.stat(default_storage.path(name)).st_mode) == 0o600


def test_nothing_is_overwritten(stored_files: Any) -> None:
    first = default_storage.save("x.bin", ContentFile(b"first"))
    second = default_storage.save("x.bin", ContentFile(b"second"))
    assert first == "x.bin" != second
    assert Path(default_storage.path(first)).read_bytes() == b"first"
    assert stored_files() == sorted([first, second])


def test_many_at_once_under_one_name(stored_files: Any) -> None:
    start = threading.Barrier(8)
    names: list[str] = []

    def save(number: int) -> None:
        start.wait()
        names.append(default_storage.save("folder/x.bin", ContentFile(str(number).encode())))

    threads = [threading.Thread(target=save, args=[number]) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert stored_files() == sorted(names)
    assert {Path(default_storage.path(name)).read_bytes() for name in names} == {b"%d" % n for n in range(8)}


class TestFailures:
    @pytest.fixture(params=["fsync", "replace"])
    def full_disk(self, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
        def fail(*args: Any) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        default_storage.save("folder/earlier.bin", ContentFile(b"earlier"))
        monkeypatch.setattr(os, request.param, fail)

    def test_a_full_disk_leaves_nothing(self, full_disk: None, stored_files: Any) -> None:
        with pytest.raises(OSError, match="No space left"):
            default_storage.save("folder/x.bin", ContentFile(b"bytes"))
        assert stored_files() == ["folder/earlier.bin"]

    def test_an_upload_that_breaks_off_leaves_nothing(self, stored_files: Any) -> None:
        class Breaking(File):  # type: ignore[type-arg]
            def chunks(self, chunk_size: int | None = None) -> Iterator[bytes]:
                yield b"half"
                raise ConnectionResetError("gone")

        with pytest.raises(ConnectionResetError):
            default_storage.save("x.bin", Breaking(None, name="x.bin"))
        assert stored_files() == []

    def test_a_file_system_that_cant_sync_folders(self, monkeypatch: pytest.MonkeyPatch, stored_files: Any) -> None:
        fsync = os.fsync

        def refuse_folders(descriptor: int) -> None:
            if stat.S_ISDIR(os.fstat(descriptor).st_mode):
                raise OSError(errno.EINVAL, "Invalid argument")
            fsync(descriptor)

        monkeypatch.setattr(os, "fsync", refuse_folders)
        default_storage.save("folder/x.bin", ContentFile(b"bytes"))
        assert stored_files() == ["folder/x.bin"]

    def test_a_block_that_fails_takes_its_files_along(self, stored_files: Any) -> None:
        with kept_if_used(lambda name: False) as names:
            names.append(default_storage.save("kept.bin", ContentFile(b"bytes")))
        with pytest.raises(KeyboardInterrupt), kept_if_used(lambda name: name == "used.bin") as names:
            names.append(default_storage.save("lost.bin", ContentFile(b"bytes")))
            names.append(default_storage.save("used.bin", ContentFile(b"bytes")))
            raise KeyboardInterrupt
        assert stored_files() == ["kept.bin", "used.bin"]


def test_names_tell_nothing() -> None:
    uuid = UUID("abcdef00-0000-4000-8000-000000000000")
    assert original_name(uuid, "jpg") == f"originals/ab/{uuid}.jpg"
    assert rendition_name(uuid, "preview") == f"renditions/ab/{uuid}-preview.webp"
