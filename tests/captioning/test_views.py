"""Where in a picture the words of its caption are."""

from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from PIL import Image as PILImage

import ml
from captioning import services
from gallery import services as gallery_services
from gallery.models import Image, User
from ml.captioners.fake import FakeCaptioner
from ml.interfaces import CaptionResult, ModelInfo

MakeImage = Callable[..., Image]


@pytest.fixture
def flag(make_image: MakeImage, user: User, client: Client) -> Image:
    """Red but for a blue corner at the bottom right, described, of somebody who is signed in."""
    pixels = PILImage.new("RGB", (64, 48), "red")
    pixels.paste("blue", (48, 36, 64, 48))
    image = make_image("red", owner=user)
    gallery_services.renditions_create(image=image, picture=pixels)
    services.captions_write(image_ids=[image.pk], pictures=[pixels])
    client.force_login(user)
    return image


def ask(client: Client, image: Image) -> Any:
    return client.get(f"/i/{image.uuid}/looks/")


def test_each_word_has_its_place(client: Client, flag: Image) -> None:
    answer = ask(client, flag).json()
    words = {look["word"]: look["values"] for look in answer["words"]}
    assert [*words] == ["a", "mostly", "red", "picture"]
    assert all(len(values) == answer["rows"] * answer["columns"] for values in words.values())
    assert (words["red"][0], words["red"][-1]) == (1.0, 0.0)


def refusal(client: Client, image: Image) -> str:
    response = ask(client, image)
    assert response.status_code == 404
    return str(response.json()["message"])


def test_what_a_person_wrote_was_not_looked_for(client: Client, flag: Image, user: User) -> None:
    services.caption_write_by_person(image_id=flag.pk, author=user, text="my red flag")
    assert refusal(client, flag) == "No model wrote this caption."
    assert "data-looks=" not in client.get(f"/i/{flag.uuid}/").content.decode()


def test_another_models_words_are_not_explained(client: Client, flag: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "data-looks=" in client.get(f"/i/{flag.uuid}/").content.decode()
    info = ModelInfo("other", "1", "1" * 64, "")
    services.caption_record(image_id=flag.pk, result=CaptionResult("a flag", 0.9), info=info, unsure=False)
    assert refusal(client, flag) == "Another model wrote this caption."


def test_a_captioner_that_cannot_tell_says_so(client: Client, flag: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        info = FakeCaptioner.info

    monkeypatch.setattr(ml, "load_captioner", lambda name: Blind())
    assert "can't tell" in refusal(client, flag)


def test_a_picture_in_work_has_no_words_yet(client: Client, flag: Image, make_image: MakeImage) -> None:
    assert refusal(client, make_image("green")) == "No model wrote this caption."
