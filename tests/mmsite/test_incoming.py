"""What comes in by itself: the worker takes it in between two batches, and the sweep looks for it."""

import io
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gallery import folders, uploads
from gallery.models import Image, Stage, Upload, User
from mmsite import incoming, pipeline, worker
from tests.gallery.making import encode, plain

COLOURS = ("red", "green", "blue", "white", "black", "orange", "purple", "pink", "gray", "brown")


def archive_of(owner: User) -> Upload:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for colour in COLOURS:
            archive.writestr(f"{colour}.png", encode(plain(colour)))
    upload = uploads.upload_create(owner=owner, file_name="all.zip", byte_size=len(buffer.getvalue()))
    uploads.upload_append(upload=upload, offset=0, data=buffer.getvalue())
    return uploads.upload_finish(upload=upload)


def test_an_archive_is_unpacked_and_its_pictures_described(user: User) -> None:
    upload = archive_of(user)
    assert pipeline.is_work_due()
    worker.work_until_idle()
    upload.refresh_from_db()
    assert upload.state == Upload.State.DONE
    assert Image.objects.exclude(description="").count() == len(COLOURS)
    assert not Stage.objects.exclude(state=Stage.State.DONE).exists()
    assert not pipeline.is_work_due()


def test_those_who_only_run_models_leave_it_alone(user: User, settings: Any) -> None:
    upload = archive_of(user)
    settings.GPU_QUEUE = True
    worker.work_until_idle(steps=pipeline.steps_of("models"))
    upload.refresh_from_db()
    assert upload.entries_done == 0


def test_the_sweep_looks_at_watched_folders(
    user: User, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "watched").mkdir()
    (tmp_path / "watched" / "a.png").write_bytes(encode(plain("red")))
    settings.WATCH = [(user.username, tmp_path / "watched")]
    monkeypatch.setattr(folders, "REST_PER_LOOK", 0)
    monkeypatch.setattr(folders, "_next_look", 0.0)
    monkeypatch.setattr(folders, "STILL", timedelta(0))
    pipeline.sweep()
    pipeline.sweep()
    worker.work_until_idle()
    assert Image.objects.get().file_name == "a.png"


def test_a_disk_that_is_away_does_not_stop_the_sweep(
    user: User, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def away(**options: bool) -> None:
        raise OSError("The disk is away")

    looked: list[bool] = []
    monkeypatch.setattr(uploads, "uploads_sweep", away)
    monkeypatch.setattr(folders, "look_at_watched", lambda: looked.append(True))
    incoming.sweep(forgets=True)
    assert looked
    assert "could not be looked at" in caplog.text
