"""Archives that wait: for their turn, for a disk with room, and those whose file is not what it was."""

import os
from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from gallery import unpacking, uploads
from gallery.models import Image, Upload, User
from gallery.sidecars import LARGEST
from tests.gallery.making import encode, full_disk, plain, zipped
from tests.gallery.test_embedded import ALT, PACKET, XMP

pytestmark = pytest.mark.usefixtures("told")


def waiting(owner: User, files: dict[str, bytes]) -> Upload:
    data = zipped(files)
    upload = uploads.upload_create(owner=owner, file_name="all.zip", byte_size=len(data))
    uploads.upload_append(upload=upload, offset=0, data=data)
    return uploads.upload_finish(upload=upload)


@pytest.fixture
def archive(user: User) -> Upload:
    """Two pictures, waiting to be unpacked."""
    return waiting(user, {f"{colour}.png": encode(plain(colour)) for colour in ("red", "blue")})


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


MINE = PACKET.format(ALT.format("<rdf:li>mine</rdf:li>")).encode()


def test_what_a_sidecar_says_counts_for_more_than_the_file(user: User, told: list[tuple[str, Any]]) -> None:
    files = {
        "2024/a.jpg": encode(plain("red"), "JPEG", xmp=XMP),
        "2024/a.jpg.xmp": MINE,
        "b.jpg": encode(plain("blue"), "JPEG", xmp=XMP),
        "2024/b.xmp": MINE,
        "c.jpg": encode(plain("green"), "JPEG", xmp=XMP),
        "c.XMP": b"<x",
        "d.jpg": encode(plain("pink"), "JPEG", xmp=XMP),
        "d.xmp": MINE + b" " * LARGEST,
    }
    upload = waiting(user, files)
    assert upload.entries == 4
    assert unpacking.unpack_some(most=10) == 4
    upload.refresh_from_db()
    assert upload.outcome == "4 uploaded, 0 there already, 0 refused."
    assert [values[1] for name, values in told if name == "captioned"] == ["mine", "Rex, é", "Rex, é", "Rex, é"]


def test_sidecars_count_among_what_an_archive_unpacks_to(user: User, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "_RATIO_FROM_BYTES", 100_000)
    waiting(user, {"a.png": encode(plain("red")), "a.xmp": bytes(1_000_000)})
    unpacking.unpack_some(most=10)
    assert not Image.objects.exists()


def test_sidecars_alone_are_no_pictures(user: User) -> None:
    upload = waiting(user, {"a.xmp": MINE})
    assert (upload.state, upload.outcome) == (Upload.State.REFUSED, "There is no picture in this archive.")
