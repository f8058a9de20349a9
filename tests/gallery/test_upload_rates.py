"""How many files one person may upload in a while, whichever way they come."""

import base64
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from api.models import Token
from api.tokens import token_create
from gallery.models import Image, User
from tests.conftest import MakeJpeg

COLOURS = ["red", "green", "blue", "black"]


@pytest.fixture
def browser(client: Client, user: User, settings: Any) -> Client:
    settings.RATES = settings.RATES | {"upload": (3, 3_600)}
    client.force_login(user)
    return client


def send(browser: Client, make_jpeg: MakeJpeg, *colours: str, **headers: str) -> HttpResponse:
    pictures = [SimpleUploadedFile(f"{colour}.jpg", make_jpeg(colour)) for colour in colours]
    answer: Any = browser.post(reverse("upload"), {"pictures": pictures, "visibility": "private"}, headers=headers)
    return answer  # type: ignore[no-any-return]


def begin(browser: Client) -> HttpResponse:
    name = base64.b64encode(b"red.jpg").decode()
    headers = {"Tus-Resumable": "1.0.0", "Upload-Length": "1000", "Upload-Metadata": f"filename {name}"}
    answer: Any = browser.post(reverse("uploads"), headers=headers)
    return answer  # type: ignore[no-any-return]


@pytest.mark.usefixtures("told")
class TestUploadRates:
    def test_a_form_is_taken_whole_or_refused_with_the_wait(self, browser: Client, make_jpeg: MakeJpeg) -> None:
        assert send(browser, make_jpeg, *COLOURS[:2]).status_code == 200
        refused = send(browser, make_jpeg, *COLOURS[2:])
        assert refused.status_code == 429
        assert "Try again in about 1 h" in refused.content.decode()
        assert Image.objects.count() == 2
        assert send(browser, make_jpeg, COLOURS[2]).status_code == 200  # for which there was room

    def test_the_script_of_the_page_is_told_in_its_own_way(self, browser: Client, make_jpeg: MakeJpeg) -> None:
        refused: Any = send(browser, make_jpeg, *COLOURS, Accept="application/json")
        assert refused.status_code == 429
        assert "Try again" in refused.json()["message"]

    def test_uploads_in_pieces_count_by_the_file(self, browser: Client) -> None:
        assert [begin(browser).status_code for _ in range(4)] == [201, 201, 201, 429]
        refused: Any = begin(browser)
        assert (refused["Tus-Resumable"], int(refused["Retry-After"]) > 3_000) == ("1.0.0", True)
        assert "Try again" in refused.json()["message"]

    def test_programs_count_with_their_owner(self, browser: Client, user: User, make_jpeg: MakeJpeg) -> None:
        secret = token_create(owner=user, name="camera", scopes=[Token.Scope.WRITE]).secret
        answers = [
            Client().post(
                "/api/v1/images/",
                {"file": SimpleUploadedFile("picture.jpg", make_jpeg(colour))},
                headers={"Authorization": f"Bearer {secret}"},
            )
            for colour in COLOURS
        ]
        assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
        assert answers[-1].json()["type"] == "urn:mmsite:problem:throttled"
        assert int(answers[-1]["Retry-After"]) > 3_000
        assert begin(browser).status_code == 429

    def test_others_have_their_own(self, browser: Client, other_user: User) -> None:
        for _ in range(4):
            begin(browser)
        browser.force_login(other_user)
        assert begin(browser).status_code == 201

    def test_few_pictures_are_fetched_from_the_web(self, browser: Client, settings: Any) -> None:
        settings.RATES = settings.RATES | {"fetch": (1, 3_600)}
        asked = {"url": "http://127.0.0.1/a.jpg", "visibility": "private"}
        assert [browser.post(reverse("upload-from-web"), asked).status_code for _ in range(2)] == [400, 429]
