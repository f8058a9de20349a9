"""Archives that wait: for their turn, for a disk with room, and those whose file is not what it was."""

import io
import os
import zipfile
from datetime import timedelta

import pytest
from django.utils import timezone

from gallery import unpacking, uploads
from gallery.models import Image, Upload, User
from tests.gallery.making import encode, full_disk, plain

pytestmark = pytest.mark.usefixtures("told")


@pytest.fixture
def archive(user: User) -> Upload:
    """Two pictures, waiting to be unpacked."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for colour in ("red", "blue"):
            archive.writestr(f"{colour}.png", encode(plain(colour)))
    upload = uploads.upload_create(owner=user, file_name="all.zip", byte_size=len(buffer.getvalue()))
    uploads.upload_append(upload=upload, offset=0, data=buffer.getvalue())
    return uploads.upload_finish(upload=upload)


def long_ago(upload: Upload) -> None:
    Upload.objects.filter(pk=upload.pk).update(updated_at=timezone.now() - timedelta(days=9))


def test_however_long_an_archive_waits_it_is_unpacked(archive: Upload) -> None:
    """After a week without a worker, or behind many others."""
    long_ago(archive)
    uploads.uploads_sweep()
    assert unpacking.unpack_some(most=10) == 2
    archive.refresh_from_db()
    assert archive.outcome == "2 uploaded, 0 there already, 0 refused."
    long_ago(archive)
    uploads.uploads_sweep()
    assert not Upload.objects.exists()


def test_an_archive_whose_file_is_lost_is_forgotten_in_the_end(archive: Upload) -> None:
    uploads.path_of(archive).unlink()
    assert unpacking.unpack_some(most=10) == 0
    uploads.uploads_sweep()
    assert Upload.objects.exists()
    long_ago(archive)
    uploads.uploads_sweep()
    assert not Upload.objects.exists()


def test_an_archive_that_was_cut_meanwhile_is_refused(archive: Upload) -> None:
    os.truncate(uploads.path_of(archive), 50)
    assert unpacking.unpack_some(most=10) == 0
    archive.refresh_from_db()
    assert (archive.state, archive.outcome) == (Upload.State.REFUSED, "This archive is damaged or cut short.")
    assert not unpacking.any_due()
    assert not uploads.path_of(archive).exists()


def test_while_the_disk_is_full_an_archive_waits(archive: Upload) -> None:
    with full_disk():
        for _ in range(unpacking.ATTEMPTS + 1):
            assert unpacking.unpack_some(most=10) == 0
    assert unpacking.unpack_some(most=10) == 2
    archive.refresh_from_db()
    assert archive.outcome == "2 uploaded, 0 there already, 0 refused."


def test_who_has_no_room_left_is_told(archive: Upload, user: User) -> None:
    user.quota_bytes = 10
    user.save()
    assert unpacking.unpack_some(most=10) == 2
    archive.refresh_from_db()
    assert archive.outcome == "0 uploaded, 0 there already, 2 refused."
    assert not Image.objects.exists()
