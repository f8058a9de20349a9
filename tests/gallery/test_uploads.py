"""Files that come piece by piece: the tus protocol as its specification has it, crashes, two writers, and the sweep."""

import base64
import fcntl
import hashlib
import io
import os
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery import tus, uploads
from gallery.exceptions import OffsetMismatch, UploadBusy, UploadGone, UploadRefused
from gallery.models import Image, Upload, User, Visibility
from tests.conftest import MakeJpeg
from tests.gallery.making import encode, noise

pytestmark = pytest.mark.usefixtures("told")

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def photo() -> bytes:
    return encode(noise(), "JPEG")


def b64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()


def create(client: Client, length: object, *, name: str = "a.jpg", **more: str) -> Any:
    metadata = ",".join(f"{key} {b64(value)}" for key, value in {"filename": name, **more}.items())
    return client.post("/uploads/", headers={**TUS, "Upload-Length": str(length), "Upload-Metadata": metadata})


def send(client: Client, url: str, offset: object, data: bytes, **more: str) -> Any:
    headers = {**TUS, "Upload-Offset": str(offset), **more}
    return client.patch(url, data, content_type=PIECE, headers=headers)


def opened(owner: User, data: bytes, received: int = 0) -> Upload:
    upload = uploads.upload_create(owner=owner, file_name="a.jpg", byte_size=len(data))
    if received:
        uploads.upload_append(upload=upload, offset=0, data=data[:received])
    return upload


def files(settings: Any) -> list[str]:
    return sorted(path.name for path in settings.UPLOADS_DIR.iterdir())


def test_a_file_in_three_pieces_becomes_a_picture(signed_in: Client, photo: bytes, settings: Any) -> None:
    created = create(signed_in, len(photo), name="Ålesund.jpg", visibility="link", modified="1700000000123")
    assert created.status_code == 201
    assert created["Upload-Expires"].endswith("GMT")
    url = created["Location"]
    for begin, end in ((0, 1_000), (1_000, 1_001), (1_001, len(photo))):
        response = send(signed_in, url, begin, photo[begin:end])
        assert (response.status_code, response["Upload-Offset"]) == (204, str(end))
        assert response["Tus-Resumable"] == "1.0.0"
    image = Image.objects.get()
    assert (image.file_name, image.visibility, image.byte_size) == ("Ålesund.jpg", Visibility.LINK, len(photo))
    assert Path(image.original.path).read_bytes() == photo
    said = signed_in.get(url).json()
    assert (said["state"], said["outcome"], said["url"]) == ("done", "created", image.get_absolute_url())
    assert said["modified"] == 1700000000123
    assert files(settings) == []


def test_what_is_there_already_is_told(signed_in: Client, photo: bytes) -> None:
    for kind in ("created", "duplicate"):
        url = create(signed_in, len(photo))["Location"]
        send(signed_in, url, 0, photo)
        said = signed_in.get(url).json()
        assert (said["outcome"], said["uuid"]) == (kind, str(Image.objects.get().uuid))


def test_what_is_no_picture_is_refused_in_a_sentence(signed_in: Client, settings: Any) -> None:
    url = create(signed_in, 5)["Location"]
    assert send(signed_in, url, 0, b"words").status_code == 204
    said = signed_in.get(url).json()
    assert (said["state"], said["outcome"]) == ("refused", "refused")
    assert "not a picture that we know" in said["message"]
    assert files(settings) == []
    assert send(signed_in, url, 5, b"more").status_code == 410


def test_options_tell_what_is_spoken(signed_in: Client) -> None:
    response = signed_in.options("/uploads/")
    assert response.status_code == 204
    assert response["Tus-Version"] == "1.0.0"
    assert response["Tus-Extension"] == "creation,expiration,termination,checksum"
    assert response["Tus-Max-Size"] == "4000000000"
    assert response["Tus-Checksum-Algorithm"] == "sha1,sha256,md5"


def test_how_far_it_is(signed_in: Client, user: User, photo: bytes) -> None:
    url = reverse("upload-in-pieces", args=[opened(user, photo, 100).uuid])
    response = signed_in.head(url, headers=TUS)
    assert response.status_code == 200
    assert (response["Upload-Offset"], response["Upload-Length"]) == ("100", str(len(photo)))
    assert response["Cache-Control"] == "no-store"
    [listed] = signed_in.get("/uploads/").json()["uploads"]
    assert (listed["name"], listed["received"], listed["upload_url"]) == ("a.jpg", 100, url)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Tus-Resumable": "0.2.2", "Upload-Length": "5"}, 412),
        ({"Upload-Length": "5"}, 412),
        (TUS, 400),
        ({**TUS, "Upload-Length": "-1"}, 400),
        ({**TUS, "Upload-Length": "five"}, 400),
        ({**TUS, "Upload-Length": "9" * 30}, 400),
        ({**TUS, "Upload-Length": "5", "Upload-Defer-Length": "1"}, 400),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "filename !"}, 400),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": f"visibility {b64('martian')}"}, 400),
        ({**TUS, "Upload-Length": "0"}, 400),
        ({**TUS, "Upload-Length": "100000001"}, 413),
        ({**TUS, "Upload-Length": "4000000001", "Upload-Metadata": f"filename {b64('all.zip')}"}, 413),
        ({**TUS, "Upload-Length": "100000001", "Upload-Metadata": f"filename {b64('all.zip')}"}, 201),
        ({**TUS, "Upload-Length": "5", "Upload-Metadata": "flag"}, 201),
        ({**TUS, "Upload-Length": "5"}, 201),
    ],
)
def test_creation(signed_in: Client, headers: dict[str, str], status: int) -> None:
    response = signed_in.post("/uploads/", headers=headers)
    assert response.status_code == status
    assert Upload.objects.exists() == (status == 201)
    if status == 412:
        assert response["Tus-Version"] == "1.0.0"
    if status != 201:
        assert response.json()["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Upload-Offset": "10"}, 412),
        (TUS, 400),
        ({**TUS, "Upload-Offset": "x"}, 400),
        ({**TUS, "Upload-Offset": "10", "Content-Type": "application/octet-stream"}, 415),
        ({**TUS, "Upload-Offset": "9"}, 409),
        ({**TUS, "Upload-Offset": "11"}, 409),
        ({**TUS, "Upload-Offset": "10", "Upload-Checksum": "crc32 AAAA"}, 400),
        ({**TUS, "Upload-Offset": "10", "Upload-Checksum": f"sha1 {b64('no')}"}, 460),
        ({**TUS, "Upload-Offset": "10"}, 204),
    ],
)
def test_pieces(signed_in: Client, user: User, photo: bytes, headers: dict[str, str], status: int) -> None:
    upload = opened(user, photo, 10)
    url = reverse("upload-in-pieces", args=[upload.uuid])
    response = signed_in.patch(url, photo[10:30], content_type=headers.get("Content-Type", PIECE), headers=headers)
    assert response.status_code == status
    upload.refresh_from_db()
    assert upload.received == (30 if status == 204 else 10)
    assert uploads.path_of(upload).read_bytes() == photo[: upload.received]
    if status == 409:
        assert response["Upload-Offset"] == "10"


@pytest.mark.parametrize("name", ["sha1", "sha256", "md5"])
def test_a_checksum_that_is_right(signed_in: Client, user: User, photo: bytes, name: str) -> None:
    url = reverse("upload-in-pieces", args=[opened(user, photo).uuid])
    digest = base64.b64encode(hashlib.new(name, photo).digest()).decode()
    assert send(signed_in, url, 0, photo, **{"Upload-Checksum": f"{name} {digest}"}).status_code == 204
    assert Image.objects.exists()


def test_more_than_was_announced_is_not_kept(signed_in: Client, user: User) -> None:
    upload = opened(user, b"12345", 3)
    assert send(signed_in, reverse("upload-in-pieces", args=[upload.uuid]), 3, b"456").status_code == 413
    assert uploads.path_of(upload).read_bytes() == b"123"


def test_a_method_said_in_a_header(signed_in: Client, user: User, photo: bytes) -> None:
    url = reverse("upload-in-pieces", args=[opened(user, photo).uuid])
    headers = {**TUS, "Upload-Offset": "0", "X-HTTP-Method-Override": "PATCH"}
    assert signed_in.post(url, photo[:10], content_type=PIECE, headers=headers).status_code == 204
    headers["X-HTTP-Method-Override"] = "DELETE"
    assert signed_in.get(url, headers=headers).status_code == 200  # not where forgery isn't checked
    assert Upload.objects.exists()
    assert signed_in.put(url, headers=TUS).status_code == 405


def test_cancelled(signed_in: Client, user: User, photo: bytes, settings: Any) -> None:
    url = reverse("upload-in-pieces", args=[opened(user, photo, 10).uuid])
    assert signed_in.delete(url, headers=TUS).status_code == 204
    assert not Upload.objects.exists()
    assert files(settings) == []
    assert signed_in.head(url, headers=TUS).status_code == 404


def test_uploads_are_their_owners(client: Client, user: User, other_user: User, photo: bytes) -> None:
    upload = opened(user, photo, 10)
    addresses = [reverse("upload-in-pieces", args=[uuid]) for uuid in (upload.uuid, uuid4())]
    for viewer, status in ((None, 401), (other_user, 404)):
        if viewer:
            client.force_login(viewer)
        for url in addresses:
            assert client.get(url).status_code == status
            assert client.head(url, headers=TUS).status_code == status
            assert client.delete(url, headers=TUS).status_code == status
            assert send(client, url, 10, photo[10:]).status_code == status
    assert client.get("/uploads/").json() == {"uploads": []}
    upload.refresh_from_db()
    assert upload.received == 10


def test_pieces_need_their_token(user: User, photo: bytes) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    url = reverse("upload-in-pieces", args=[opened(user, photo).uuid])
    assert create(client, 5).status_code == 403
    assert send(client, url, 0, photo).status_code == 403
    assert client.delete(url, headers=TUS).status_code == 403


def test_a_crash_between_file_and_row(user: User, photo: bytes) -> None:
    """The file got bytes that no row knows of: what comes next is written over them."""
    upload = opened(user, photo, 100)
    with uploads.path_of(upload).open("ab") as file:
        file.write(b"half a piece that nobody acknowledged")
    uploads.upload_append(upload=upload, offset=100, data=photo[100:110])
    assert uploads.path_of(upload).read_bytes() == photo[:110]
    uploads.upload_append(upload=upload, offset=110, data=photo[110:])
    uploads.upload_finish(upload=upload)
    assert upload.image is not None
    assert Path(upload.image.original.path).read_bytes() == photo


def test_a_file_that_was_cut_goes_on_from_there(user: User, photo: bytes) -> None:
    upload = opened(user, photo, 100)
    os.truncate(uploads.path_of(upload), 60)
    with pytest.raises(OffsetMismatch) as caught:
        uploads.upload_append(upload=upload, offset=100, data=photo[100:])
    assert caught.value.expected == 60
    uploads.upload_append(upload=upload, offset=60, data=photo[60:])
    assert uploads.upload_finish(upload=upload).state == Upload.State.DONE


def test_one_writer_at_a_time(signed_in: Client, user: User, photo: bytes) -> None:
    upload = opened(user, photo, 10)
    url = reverse("upload-in-pieces", args=[upload.uuid])
    with uploads.path_of(upload).open("rb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(UploadBusy):
            uploads.upload_append(upload=upload, offset=10, data=photo[10:])
        assert send(signed_in, url, 10, photo[10:]).status_code == 423
        assert signed_in.delete(url, headers=TUS).status_code == 423
    assert send(signed_in, url, 10, photo[10:]).status_code == 204


def test_of_two_writers_the_slower_is_told(user: User, photo: bytes) -> None:
    slower = opened(user, photo, 10)
    quicker = Upload.objects.get()
    uploads.upload_append(upload=quicker, offset=10, data=photo[10:30])
    with pytest.raises(OffsetMismatch) as caught:
        uploads.upload_append(upload=slower, offset=10, data=b"other bytes")
    assert caught.value.expected == 30
    assert uploads.path_of(slower).read_bytes() == photo[:30]


def test_a_connection_that_breaks_leaves_what_came(
    signed_in: Client, user: User, photo: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    upload = opened(user, photo)
    monkeypatch.setattr(tus, "PIECE", 50)  # made durable at once
    url = reverse("upload-in-pieces", args=[upload.uuid])
    # fewer bytes than the request announces, which is what a server reads of a broken connection
    broken = {"wsgi.input": io.BytesIO(photo[:120]), "CONTENT_LENGTH": str(len(photo))}
    headers = {**TUS, "Upload-Offset": "0"}
    response = signed_in.generic("PATCH", url, b"unread", PIECE, headers=headers, **broken)  # type: ignore[arg-type]
    assert response["Upload-Offset"] == "120"
    upload.refresh_from_db()
    assert (upload.received, upload.state) == (120, Upload.State.RECEIVING)


def test_the_number_of_open_uploads_is_bounded(user: User, other_user: User, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"open_uploads": 2, "open_bytes": 1_000}
    opened(user, bytes(600))
    with pytest.raises(UploadRefused, match="Too many of your uploads"):
        opened(user, bytes(600))
    opened(user, bytes(100))
    with pytest.raises(UploadRefused, match="Too many of your uploads"):
        opened(user, bytes(1))
    opened(other_user, bytes(600))


def test_names_are_data(user: User) -> None:
    upload = uploads.upload_create(owner=user, file_name="../../etc/pass\x00wd.jpg", byte_size=5)
    assert upload.file_name == "passwd.jpg"
    assert uploads.path_of(upload).name == f"{upload.uuid}.part"


def test_a_full_disk_is_said(user: User, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    upload = opened(user, photo, 10)

    def full(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(uploads.os, "fsync", full)
    with pytest.raises(UploadRefused, match="no room left"):
        uploads.upload_append(upload=upload, offset=10, data=photo[10:])
    upload.refresh_from_db()
    assert upload.received == 10


def age(upload: Upload, **span: float) -> None:
    Upload.objects.filter(pk=upload.pk).update(updated_at=timezone.now() - timedelta(**span))


def test_what_is_stale_is_swept_with_its_file(user: User, photo: bytes, settings: Any) -> None:
    stale, young = opened(user, photo, 10), opened(user, photo, 10)
    age(stale, hours=25)
    uploads.uploads_sweep()
    assert list(Upload.objects.all()) == [young]
    assert files(settings) == [f"{young.uuid}.part"]
    with pytest.raises(UploadGone):
        uploads.upload_append(upload=stale, offset=10, data=photo[10:])


def test_litter_is_swept(user: User, photo: bytes, settings: Any) -> None:
    kept = opened(user, photo, 10)
    for name, seconds in (("old.part", 7_200), ("new.part", 0)):
        path = settings.UPLOADS_DIR / name
        path.write_bytes(b"litter")
        os.utime(path, (path.stat().st_atime, path.stat().st_mtime - seconds))
    os.utime(uploads.path_of(kept), (0, 0))
    uploads.uploads_sweep()
    assert files(settings) == sorted([f"{kept.uuid}.part", "new.part"])


def test_a_whole_file_that_a_crash_left_lying_becomes_a_picture(user: User, photo: bytes) -> None:
    upload = opened(user, photo, len(photo))
    uploads.uploads_sweep()
    assert not Image.objects.exists()  # somebody may be at it
    age(upload, seconds=90)
    uploads.uploads_sweep()
    upload.refresh_from_db()
    assert upload.image == Image.objects.get()


def test_a_file_that_kills_its_process_is_given_up(user: User, photo: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    class Killed(BaseException):
        """Stands for the end of the process, after which nothing more is done."""

    def die(*args: Any, **kwargs: Any) -> None:
        raise Killed

    upload = opened(user, photo, len(photo))
    monkeypatch.setattr(uploads, "picture_take", die)
    for _ in range(uploads.ATTEMPTS):
        with pytest.raises(Killed):
            uploads.upload_finish(upload=Upload.objects.get())
    uploads.upload_finish(upload=upload)
    assert upload.state == Upload.State.REFUSED
    assert "stopped the site" in upload.outcome


def test_a_page_of_them_takes_few_statements(
    signed_in: Client, user: User, photo: bytes, django_assert_max_num_queries: Any
) -> None:
    for _ in range(5):
        opened(user, photo)
    with django_assert_max_num_queries(4):
        signed_in.get("/uploads/")
    url = reverse("upload-in-pieces", args=[Upload.objects.latest("pk").uuid])
    with django_assert_max_num_queries(12):
        send(signed_in, url, 0, photo[:10])


def test_only_pictures_are_given_by_their_makers(make_jpeg: MakeJpeg, user: User) -> None:
    """A whole file that is no archive is not unpacked, whatever its name says."""
    upload = uploads.upload_create(owner=user, file_name="not.zip", byte_size=len(make_jpeg()))
    uploads.upload_append(upload=upload, offset=0, data=make_jpeg())
    assert uploads.upload_finish(upload=upload).report["kind"] == "created"
