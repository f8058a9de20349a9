"""Tables of captions by the API."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from captioning.sidecars import xmp
from gallery.models import Image, User
from tests.api.conftest import Api
from tests.gallery.making import zipped

MakeImage = Callable[..., Image]
PATH = "captions/import/"
ROW = '{"file_name": "red.jpg", "caption": "a boat"}\n'


@pytest.fixture
def image(make_image: MakeImage) -> Image:
    return make_image("red", name="red.jpg")


def send(api: Api, table: str | bytes, *, query: str = "", content_type: str = "text/csv", **options: Any) -> Any:
    return api.post(f"{PATH}{query}", table, content_type=content_type, **options)


def caption(image: Image) -> str:
    image.refresh_from_db()
    return image.description


@pytest.mark.parametrize(
    ("table", "content_type"),
    [
        ("file_name,caption\nred.jpg,a boat\n", "text/csv"),
        ("\ufefffile_name;caption\r\nred.jpg;a boat\r\n", "text/csv; charset=utf-8"),
        (ROW, "application/jsonl"),
        (ROW + '{"file_name": "red.jpg"}\n' * 200_000, "application/jsonl"),
    ],
)
def test_a_body_that_is_a_table(api: Api, image: Image, table: str, content_type: str) -> None:
    answer = send(api, table, content_type=content_type)
    assert answer.status_code == 200, answer.content
    assert answer.json() == {"written": 1, "same": 0, "kept": 0, "left": 0, "unused": 0, "problems": []}
    assert caption(image) == "a boat"
    assert image.captions.get().author == image.owner


def test_a_form_with_a_table(api: Api, image: Image) -> None:
    def post(query: str, text: str) -> dict[str, Any]:
        file = SimpleUploadedFile("captions.csv", f"file_name,caption\nred.jpg,{text}\n".encode())
        answer = api.client.post(f"/api/v1/{PATH}{query}", {"table": file}, headers=api.headers)
        return dict(answer.json())

    assert post("", "a boat")["written"] == 1
    assert post("", "a ship")["kept"] == 1
    assert post("?replace=true", "a ship")["written"] == 1
    assert caption(image) == "a ship"
    assert [each.text for each in image.captions.order_by("pk")] == ["a boat", "a ship"]


def test_problems_are_told_by_row_and_reason(api: Api, image: Image) -> None:
    said = send(api, f"uuid,file_name,caption\n{image.uuid},,a boat\n,x.jpg,a\n,red.jpg,a ship\n").json()
    assert (said["written"], said["unused"]) == (1, 2)
    assert said["problems"] == [
        {"row": 3, "file": "", "reason": "absent", "detail": "Row 3 names no picture."},
        {"row": 4, "file": "", "reason": "again", "detail": "Row 4 says something else of a picture than one above."},
    ]


def test_sidecars_in_an_archive(api: Api, image: Image) -> None:
    archive = zipped({"red.jpg.xmp": xmp(caption="a boat"), "green.xmp": xmp(caption="a"), "blue.xmp": b"<x"})
    said = send(api, archive, content_type="application/zip").json()
    assert (said["written"], said["unused"]) == (1, 2)
    assert [(each["row"], each["file"], each["reason"]) for each in said["problems"]] == [
        (2, "green.xmp", "absent"),
        (3, "blue.xmp", "unreadable"),
    ]
    assert caption(image) == "a boat"
    answer = send(api, archive[:-9], content_type="application/zip")
    assert (answer.status_code, answer.json()["detail"]) == (422, "This archive is damaged or cut short.")


def test_what_is_left_is_taken_by_the_next_request(
    api: Api, image: Image, make_image: MakeImage, settings: Any
) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"table_captions": 1}
    make_image("blue", name="blue.jpg")
    table = "file_name,caption\nred.jpg,a boat\nblue.jpg,the sea\n"
    told = [send(api, table).json() for _ in range(3)]
    assert [(each["written"], each["same"], each["left"]) for each in told] == [(1, 0, 1), (1, 1, 0), (0, 2, 0)]


@pytest.mark.parametrize("table", ["name\nred.jpg\n", b"\xff\xfe\0", b"\0", ROW + "[" * 50_000])
def test_what_is_no_table(api: Api, image: Image, table: str | bytes) -> None:
    answer = send(api, table)
    assert answer.status_code == 422
    assert answer.json()["type"] == "urn:mmsite:problem:no-table"
    assert caption(image) == ""


@pytest.mark.parametrize("past", [0, 1])
def test_too_large_a_table(api: Api, image: Image, settings: Any, past: int) -> None:
    settings.GALLERY_LIMITS = settings.GALLERY_LIMITS | {"bytes": 10_000}
    table = b"x" * (10_000 + past)
    file = SimpleUploadedFile("captions.csv", table)
    in_a_form = api.client.post(f"/api/v1/{PATH}", {"table": file}, headers=api.headers)
    assert send(api, table).status_code == in_a_form.status_code == (413 if past else 422)


def test_nothing_is_no_table(api: Api, image: Image) -> None:
    assert send(api, "").status_code == 400
    file = SimpleUploadedFile("captions.csv", b"")
    assert api.client.post(f"/api/v1/{PATH}", {"table": file}, headers=api.headers).status_code == 422


def test_other_bodies_are_not_taken(api: Api, image: Image) -> None:
    assert api.post(PATH, {"table": ROW}).status_code == 415
    assert send(api, ROW, query="?replace=perhaps").status_code == 400


def test_a_request_that_is_sent_again_is_answered_as_before(api: Api, image: Image) -> None:
    headers = {"Idempotency-Key": "captions-1"}
    first = send(api, ROW, headers=headers)
    again = send(api, ROW, headers=headers)
    assert first.json()["written"] == 1
    assert again.json() == first.json()
    assert again["Idempotent-Replay"] == "true"
    assert send(api, ROW, query="?replace=true", headers=headers).status_code == 422
    assert send(api, ROW).json()["same"] == 1


def test_who_may(nobody: Api, others_api: Api, user: User, secret_of: Any, image: Image) -> None:
    table = f"uuid,caption\n{image.uuid},mine\n"
    assert send(nobody, table).status_code == 401
    assert send(Api(secret_of(user, "read")), table).status_code == 403
    assert [each["reason"] for each in send(others_api, table).json()["problems"]] == ["absent"]
    assert caption(image) == ""
