"""The upload page, as a plain form and as its script uses it."""

import io
import zipfile
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.urls import reverse

from gallery import unpacking, uploads
from gallery.models import Image, User, Visibility
from gallery.upload_handlers import LimitUploadHandler
from tests.conftest import MakeJpeg
from tests.gallery.making import encode, noise

JSON = {"Accept": "application/json"}


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


def file_of(content: bytes, name: str) -> SimpleUploadedFile:
    return SimpleUploadedFile(name, content, "image/jpeg")


def test_a_refused_file_leaves_the_others_unharmed(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    files = [
        file_of(make_jpeg("red"), "red.jpg"),
        file_of(b"hello", "words.jpg"),
        file_of(b"", "empty.jpg"),
        file_of(encode(noise(), "JPEG")[:2000], "half.jpg"),
        file_of(make_jpeg("blue"), "blue.jpg"),
    ]
    page = signed_in.post("/upload/", {"pictures": files, "visibility": "public"}).content.decode()
    assert set(Image.objects.values_list("file_name", "visibility")) == {
        ("red.jpg", Visibility.PUBLIC),
        ("blue.jpg", Visibility.PUBLIC),
    }
    assert "What became of 5 files" in page
    for sentence in ("not a picture that we know", "This file is empty.", "damaged or cut short"):
        assert sentence in page
    for image in Image.objects.all():
        assert image.get_absolute_url() in page


def test_a_duplicate_is_linked_not_stored_twice(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    files = [file_of(make_jpeg("red"), name) for name in ("one.jpg", "two.jpg")]
    page = signed_in.post("/upload/", {"pictures": files}).content.decode()
    image = Image.objects.get()
    assert page.count(f'href="{image.get_absolute_url()}"') == 2
    assert "You have this picture already" in page


def test_private_is_what_one_gets_without_asking(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    signed_in.post("/upload/", {"pictures": file_of(make_jpeg(), "a.jpg")})
    assert Image.objects.get().visibility == Visibility.PRIVATE


def test_scripts_get_json(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    def send(content: bytes) -> Any:
        form = {"pictures": file_of(content, "a.jpg"), "visibility": "link"}
        response = signed_in.post("/upload/", form, headers=JSON)
        [outcome] = response.json()["files"]
        assert response.status_code == (422 if outcome["outcome"] == "refused" else 200)
        assert response.json()["message"] == outcome["message"]
        return outcome

    created = send(make_jpeg())
    image = Image.objects.get()
    assert created == {
        "name": "a.jpg",
        "outcome": "created",
        "message": "Uploaded",
        "uuid": str(image.uuid),
        "url": image.get_absolute_url(),
        "state_url": reverse("image-state", args=[image.uuid]),
    }
    assert send(make_jpeg())["outcome"] == "duplicate"
    refused = send(b"%PDF-1.7")
    assert refused["outcome"] == "refused"
    assert "PDF" in refused["message"]
    assert "url" not in refused


def test_scripts_learn_in_a_sentence_what_went_wrong(client: Client, user: User) -> None:
    signed_out = client.post("/upload/", headers=JSON)
    assert signed_out.status_code == 401
    assert "Sign in again" in signed_out.json()["message"]
    client.force_login(user)
    nothing = client.post("/upload/", headers=JSON)
    assert nothing.status_code == 400
    assert nothing.json()["message"] == "Choose at least one picture."
    forged = Client(enforce_csrf_checks=True)
    forged.force_login(user)
    stale = forged.post("/upload/", headers=JSON)
    assert stale.status_code == 403
    assert "expired" in stale.json()["message"]


def test_choosing_nothing_is_said_on_the_page(signed_in: Client) -> None:
    response = signed_in.post("/upload/")
    assert response.status_code == 400
    assert "Choose at least one picture." in response.content.decode()


def test_an_unknown_visibility_stores_nothing(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    form = {"pictures": file_of(make_jpeg(), "a.jpg"), "visibility": "martian"}
    assert signed_in.post("/upload/", form).status_code == 400
    assert not Image.objects.exists()


def test_a_file_over_the_limit_is_refused_alone(signed_in: Client, make_jpeg: MakeJpeg, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 100_000}
    files = [file_of(b"\xff\xd8\xff" + bytes(3_000_000), "large.jpg"), file_of(make_jpeg(), "small.jpg")]
    page = signed_in.post("/upload/", {"pictures": files}).content.decode()
    assert "the limit is 0.1 MB" in page
    assert Image.objects.get().file_name == "small.jpg"


def test_what_is_past_the_limit_is_not_kept_while_it_comes_in(settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 100}
    handler = LimitUploadHandler()
    assert handler.receive_data_chunk(b"first", 0) == b"first"
    assert handler.receive_data_chunk(b"reaches past the limit", 100) == b"reaches past the limit"
    assert handler.receive_data_chunk(b"dropped", 101) is None


def test_too_much_at_once_is_said_in_a_sentence(signed_in: Client, make_jpeg: MakeJpeg, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"request": 10_000}
    form = {"pictures": [file_of(bytes(20_000), "a.jpg")]}
    page = signed_in.post("/upload/", form)
    assert page.status_code == 413
    assert "Send fewer or smaller pictures at a time." in page.content.decode()
    script = signed_in.post("/upload/", form | {"pictures": file_of(bytes(20_000), "a.jpg")}, headers=JSON)
    assert script.status_code == 413
    assert "Send fewer" in script.json()["message"]


@override_settings(DATA_UPLOAD_MAX_NUMBER_FILES=2)
def test_too_many_files_are_said_in_a_sentence(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    files = [file_of(make_jpeg((index, 0, 0)), f"{index}.jpg") for index in range(3)]
    response = signed_in.post("/upload/", {"pictures": files})
    assert response.status_code == 413
    assert "Send fewer pictures at a time." in response.content.decode()
    assert not Image.objects.exists()


def test_the_page_works_without_its_script(signed_in: Client) -> None:
    page = signed_in.get("/upload/").content.decode()
    assert 'enctype="multipart/form-data"' in page
    assert "multiple" in page
    assert "<button" in page
    assert 'name="visibility"' in page


def zipped(**pictures: bytes) -> SimpleUploadedFile:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in pictures.items():
            archive.writestr(f"{name}.jpg", content)
    return SimpleUploadedFile("all.zip", buffer.getvalue(), "application/zip")


def test_an_archive_by_the_form_is_kept_until_it_is_unpacked(signed_in: Client, make_jpeg: MakeJpeg) -> None:
    files = [zipped(red=make_jpeg("red"), blue=make_jpeg("blue")), file_of(make_jpeg("green"), "green.jpg")]
    page = signed_in.post("/upload/", {"pictures": files, "visibility": "public"}).content.decode()
    assert "Its pictures are being taken in." in page
    assert "Unpacking: 0 of 2 files taken in." in page
    assert Image.objects.get().file_name == "green.jpg"
    unpacking.unpack_some(most=10)
    assert set(Image.objects.values_list("visibility", flat=True)) == {Visibility.PUBLIC}
    assert "2 uploaded, 0 there already, 0 refused." in signed_in.get("/upload/").content.decode()


def test_an_archive_that_is_damaged_is_refused_by_the_form(signed_in: Client) -> None:
    files = [SimpleUploadedFile("all.zip", b"PK\x03\x04 and nothing more")]
    assert "This archive is damaged or cut short." in signed_in.post("/upload/", {"pictures": files}).content.decode()


def test_an_archive_may_be_larger_than_a_picture(signed_in: Client, make_jpeg: MakeJpeg, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 70_000}
    files = [zipped(**{f"{number}": make_jpeg("red", comment=bytes(60_000)) for number in range(3)})]
    page = signed_in.post("/upload/", {"pictures": files}).content.decode()
    assert "Unpacking: 0 of 3 files taken in." in page


def test_what_was_cut_short_is_told(signed_in: Client, user: User) -> None:
    upload = uploads.upload_create(owner=user, file_name="large.jpg", byte_size=2_000_000)
    uploads.upload_append(upload=upload, offset=0, data=bytes(1_000_000))
    page = signed_in.get("/upload/").content.decode()
    assert "large.jpg" in page
    assert "Choose the same file again to go on" in page
