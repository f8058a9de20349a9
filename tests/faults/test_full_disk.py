"""A disk runs full, that of the pictures, of uploads in pieces, of the database or of the index: a real one of 64 MB.

Nobody is told that something was kept which wasn't, nothing is left lying in part, and once there is room again all
goes on by itself.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import OperationalError, connection
from django.test import Client
from django.urls import reverse

from gallery import folders, uploads
from gallery.models import Image, Rendition, SeenFile, Stage, Upload
from mmsite import batch, incoming, instruments, pipeline, worker
from search import index
from search.query.answer import search_images
from tests.faults.doors import Doors
from tests.faults.small_disk import Disk
from tests.gallery.making import zipped
from tests.gallery.queueing import let_time_pass

pytestmark = pytest.mark.django_db(transaction=True)

NO_ROOM = "There is no room left on this site"


class TestPictures:
    @pytest.fixture(autouse=True)
    def _on_the_disk(self, disk: Disk, settings: Any) -> None:
        settings.MEDIA_ROOT = disk.folder / "media"

    @pytest.mark.parametrize("door", ["form", "script", "api", "piece"])
    def test_uploads_are_refused_by_a_sentence_until_there_is_room(self, disk: Disk, doors: Doors, door: str) -> None:
        come = getattr(doors, door)
        disk.fill()
        answer = come()
        assert answer.status_code == 507
        assert NO_ROOM in answer.content.decode()
        assert not Image.objects.exists()
        assert disk.files() == []
        disk.free()
        assert come().status_code in (200, 201, 204)
        assert len(disk.files()) == Image.objects.count() == 1

    def test_the_api_names_the_problem(self, disk: Disk, doors: Doors) -> None:
        disk.fill()
        problem = doors.api()
        assert problem["Content-Type"] == "application/problem+json"
        assert problem.json()["type"] == "urn:mmsite:problem:no-room"

    def test_a_file_that_came_whole_is_kept_until_there_is_room(
        self, disk: Disk, doors: Doors, signed_in: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        disk.fill()
        assert doors.piece().status_code == 507
        monkeypatch.setattr(uploads, "LEFT_SECONDS", 0)
        for _ in range(uploads.ATTEMPTS + 1):
            uploads.uploads_sweep()
        assert Upload.objects.get().state == Upload.State.RECEIVING
        disk.free()
        uploads.uploads_sweep()
        said = signed_in.get(doors.upload).json()
        assert (said["state"], said["outcome"], Image.objects.count()) == ("done", "created", 1)

    def test_an_archive_waits(self, disk: Disk, signed_in: Client, make_jpeg: Callable[..., bytes]) -> None:
        archive = zipped({f"{color}.jpg": make_jpeg(color) for color in ("red", "green", "blue")})
        disk.fill()
        signed_in.post(reverse("upload"), {"pictures": SimpleUploadedFile("all.zip", archive), "visibility": "private"})
        for _ in range(4):
            incoming.take_some()
        assert disk.files() == []
        disk.free()
        incoming.take_some()
        assert Image.objects.count() == 3
        assert Upload.objects.get().report["created"] == 3

    def test_a_watched_folder_waits(
        self, disk: Disk, user: Any, make_jpeg: Callable[..., bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        watched = tmp_path / "watched"
        watched.mkdir()
        (watched / "red.jpg").write_bytes(make_jpeg("red"))
        for rest in ("STILL", "AGAIN"):
            monkeypatch.setattr(folders, rest, timedelta(0))
        disk.fill()
        for _ in range(4):
            folders.folder_look(owner=user, folder=watched)
            folders.take_some(most=8)
        assert SeenFile.objects.get().state == SeenFile.State.REFUSED
        disk.free()
        folders.folder_look(owner=user, folder=watched)
        folders.take_some(most=8)
        assert Image.objects.count() == 1

    def test_renditions_wait_and_all_else_goes_on(self, disk: Disk, make_image: Callable[..., Image]) -> None:
        images = [make_image(color) for color in ("red", "green")]
        originals = disk.files()
        disk.fill()
        for _ in range(4):
            worker.work_until_idle()
            let_time_pass()
        waiting = Stage.objects.filter(step="renditions").values_list("state", "attempts", "error")
        assert set(waiting) == {("pending", 0, batch.NO_ROOM)}
        assert set(Stage.objects.exclude(step="renditions").values_list("state", flat=True)) == {"done"}
        assert disk.files() == originals
        disk.free()
        worker.work_until_idle()
        assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
        assert Rendition.objects.count() == len(disk.files()) - len(images) == 4

    def test_other_pages_say_so(self, disk: Disk, signed_in: Client, make_jpeg: Callable[..., bytes]) -> None:
        disk.fill()
        answer = signed_in.post(reverse("describe"), {"file": SimpleUploadedFile("a.jpg", make_jpeg("red"))})
        assert answer.status_code == 507
        assert NO_ROOM in answer.content.decode()
        assert disk.files() == []


class TestPieces:
    @pytest.fixture(autouse=True)
    def _on_the_disk(self, disk: Disk, settings: Any) -> None:
        settings.UPLOADS_DIR = disk.folder / "uploads"

    def test_one_is_refused_and_taken_later(self, disk: Disk, doors: Doors) -> None:
        disk.fill()
        answer = doors.piece()
        assert answer.status_code == 507
        assert NO_ROOM in answer.json()["message"]
        assert doors.offset == 0
        disk.free()
        assert doors.piece().status_code == 204
        assert Image.objects.count() == 1
        assert disk.files() == []


class TestDatabase:
    @pytest.fixture(autouse=True)
    def _on_the_disk(self, disk: Disk, user: Any, bearer: Any) -> Iterator[None]:
        """The tests' database as it is, on the small disk."""
        if connection.vendor != "sqlite":
            pytest.skip("A full disk of PostgreSQL's is PostgreSQL's to survive")
        before, path = connection.settings_dict["NAME"], disk.folder / "db.sqlite3"
        connection.ensure_connection()
        with closing(sqlite3.connect(path)) as copy:
            connection.connection.backup(copy)
        connection.close()
        connection.settings_dict["NAME"] = str(path)
        yield
        connection.close()
        connection.settings_dict["NAME"] = before

    @pytest.mark.parametrize("door", ["form", "script", "api", "announced", "piece"])
    def test_uploads_are_refused_by_a_sentence_until_there_is_room(
        self, disk: Disk, doors: Doors, settings: Any, door: str
    ) -> None:
        come = getattr(doors, door)
        self.fill(disk)
        answer = come()
        assert answer.status_code == 507
        assert "no room left" in answer.content.decode()
        assert not Image.objects.exists()
        assert [path for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()] == []
        disk.free()
        assert come().status_code in (200, 201, 204)
        assert Image.objects.count() == (door != "announced")
        self.is_sound()

    def test_pages_are_shown_and_searched_meanwhile(
        self, disk: Disk, signed_in: Client, bearer: dict[str, str], make_image: Callable[..., Image]
    ) -> None:
        image = make_image("red")
        worker.work_until_idle()
        self.fill(disk)
        for path in ("/", image.get_absolute_url(), "/search/?q=red", reverse("upload"), "/healthz"):
            assert signed_in.get(path).status_code == 200, path
        assert Client().get("/api/v1/images/", headers=bearer).status_code == 200

    def test_work_goes_on_afterwards(self, disk: Disk, make_image: Callable[..., Image], settings: Any) -> None:
        for color in ("red", "green", "blue"):
            make_image(color)
        self.fill(disk)
        for _ in range(4):
            with pytest.raises(OperationalError, match="full"):
                worker.work_until_idle()
        assert set(Stage.objects.values_list("state", "attempts")) == {("pending", 0)}
        disk.free()
        worker.work_until_idle()
        assert set(Stage.objects.values_list("state", flat=True)) == {"done"}
        self.is_sound()

    def fill(self, disk: Disk) -> None:
        """Until nothing more can be written down: what SQLite had reserved for itself is used up, too."""
        disk.fill()
        with connection.cursor() as cursor, pytest.raises(OperationalError, match="full"):
            for _ in range(10_000):
                cursor.execute("CREATE TABLE IF NOT EXISTS filler (bytes BLOB)")
                cursor.execute("INSERT INTO filler VALUES (randomblob(100))")

    def is_sound(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("PRAGMA integrity_check")
            assert cursor.fetchall() == [("ok",)]


class TestIndex:
    def test_the_sweep_does_all_else_and_writes_it_later(
        self, disk: Disk, embedded: Callable[..., Image], user: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        settings.INDEX_DIR = disk.folder / "index"
        image = embedded("red")
        index.reset()
        disk.fill()
        for _ in range(3):
            pipeline.sweep()
        assert disk.files() == []
        assert search_images(viewer=user, query="red").hits[0].image == image
        disk.free()
        pipeline.sweep()
        assert [Path(name).suffix for name in disk.files()] == [".index"]
        index.reset()
        assert search_images(viewer=user, query="red").hits[0].image == image


class TestNumbers:
    def test_they_are_counted_in_memory(self, disk: Disk) -> None:
        """A mapped file of which a page has no block ends the process that writes to it: SIGBUS."""
        disk.fill()
        numbers = instruments._Allocated(str(disk.folder / "counter_1.db"))
        numbers.write_value("requests", 3.0, 0.0)
        assert numbers.read_value("requests") == (3.0, 0.0)
        assert disk.files() == []
        numbers.close()
