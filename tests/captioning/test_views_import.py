"""Captions come out of a table on a page."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from captioning import services
from captioning.sidecars import xmp
from captioning.tables import csv_of
from gallery.models import Image, User
from tests.gallery.making import zipped

MakeImage = Callable[..., Image]
ADDRESS = "/captions/import/"


@pytest.fixture
def image(client: Client, make_image: MakeImage, user: User) -> Image:
    client.force_login(user)
    return make_image("red", name="red.jpg")


def send(client: Client, table: bytes | str, status: int = 200, **said: str) -> str:
    content = table.encode() if isinstance(table, str) else table
    response = client.post(ADDRESS, {"table": SimpleUploadedFile("my table", content), **said})
    assert response.status_code == status
    return " ".join(response.content.decode().split())


def caption(image: Image) -> str:
    image.refresh_from_db()
    return image.description


def test_a_table_that_was_downloaded_comes_back_corrected(client: Client, image: Image) -> None:
    services.caption_write_by_person(image_id=image.pk, author=image.owner, text="a boat")
    table = "".join(csv_of(image.owner))
    assert "1 was there already." in send(client, table)
    assert "1 picture keeps what you wrote of it otherwise." in send(client, table.replace("a boat", "my boat"))
    assert caption(image) == "a boat"
    page = send(client, table.replace("a boat", "my boat"), replace="on")
    assert "1 caption was written; the old text is in the picture’s history." in page
    assert caption(image) == "my boat"
    assert [each.text for each in image.captions.order_by("pk")] == ["a boat", "my boat"]


def test_what_could_not_be_used_is_told(client: Client, image: Image) -> None:
    rows = '{"file_name": "red.jpg", "caption": "a boat"}\n' + '{"caption": "<b>"}\n' * 102
    page = send(client, rows)
    assert "1 caption was written" in page
    assert "102 could not be used." in page
    assert "<li>Row 2 names no picture.</li>" in page
    assert "And 2 more." in page
    assert "There is no caption in it." in send(client, "file_name,caption\nred.jpg,\n")


def test_sidecars_come_back_too(client: Client, image: Image) -> None:
    files = {"red.jpg.xmp": xmp(caption="a boat"), "<b>.xmp": xmp(caption="a"), "blue.xmp": b"<x"}
    page = send(client, zipped(files))
    assert "1 caption was written" in page
    assert "2 could not be used." in page
    assert "<li>&lt;b&gt;.xmp names no picture.</li>" in page
    assert "<li>blue.xmp can’t be read: This file is no XMP, or damaged.</li>" in page
    assert caption(image) == "a boat"
    one = SimpleUploadedFile("red.xmp", xmp(caption="my boat"))
    assert "1 caption was written" in client.post(ADDRESS, {"table": one, "replace": "on"}).content.decode()
    assert "There is no XMP sidecar in this archive." in send(client, zipped({"red.jpg": b""}), status=400)


def test_a_request_writes_so_many(client: Client, image: Image, make_image: MakeImage, settings: Any) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"table_captions": 1}
    make_image("blue", name="blue.jpg")
    table = "file_name,caption\nred.jpg,a boat\nblue.jpg,the sea\n"
    assert "1 is left: choose the same file again to go on." in send(client, table)
    assert "is left" not in send(client, table)
    assert caption(image) == "a boat"


@pytest.mark.parametrize(
    ("table", "sentence"),
    [
        (b"", "This file is empty."),
        (b"name\nred.jpg", "The table has no column “caption”."),
        (b"\xff\xfe\0", "This is no text in UTF-8."),
        (b"\0" * 9, "The table has no column “caption”."),
        (b"caption,uuid\n" + b"x" * 200_000, "Row 2 of the table can’t be read."),
        (b"x" * 1_000_001, "This file is too large: the limit is 1 MB. Part it."),
    ],
)
def test_what_is_no_table_is_told(client: Client, image: Image, settings: Any, table: bytes, sentence: str) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 1_000_000}
    assert sentence in send(client, table, status=400)


def test_a_table_is_wanted(client: Client, image: Image) -> None:
    assert "Choose a file." in client.post(ADDRESS).content.decode()
    assert "Choose a file." in client.post(ADDRESS, {"table": "caption"}).content.decode()
    assert "Choose a file." not in client.get(ADDRESS).content.decode()


def test_a_large_table_lies_on_the_disk_meanwhile(client: Client, image: Image) -> None:
    assert "1 caption was written" in send(client, "file_name,caption\nred.jpg,a boat\n" + "red.jpg,\n" * 300_000)


def test_nobody_describes_other_peoples_pictures(client: Client, image: Image, other_user: User) -> None:
    image.visibility = "public"
    image.save()
    table = f"uuid,caption\n{image.uuid},mine\n"
    client.force_login(other_user)
    assert "Row 2 names no picture." in send(client, table)
    client.logout()
    assert client.post(ADDRESS)["Location"] == f"/sign-in/?next={ADDRESS}"
    assert caption(image) == ""


def test_the_form_stands_beside_the_exports(client: Client, image: Image) -> None:
    page = client.get("/review/").content.decode()
    assert f'action="{ADDRESS}"' in page
