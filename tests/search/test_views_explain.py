"""Where in a picture a query's words are, with the fake encoder, which knows colours."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from django.test import Client
from PIL import Image as PILImage

import ml
from gallery import services
from gallery.models import Image, User
from search import engine
from search.models import ModelVersion
from search.query.explain import heat_map

MakeImage = Callable[..., Image]


@pytest.fixture
def flag(make_image: MakeImage, user: User, client: Client, version: ModelVersion) -> Image:
    """Red with a blue corner at the bottom right, of somebody who is signed in."""
    pixels = PILImage.new("RGB", (64, 48), "red")
    pixels.paste("blue", (32, 24, 64, 48))
    image = make_image("red", owner=user)
    services.renditions_create(image=image, picture=pixels)
    client.force_login(user)
    return image


def ask(client: Client, image: Image, query: str, **headers: str) -> Any:
    return client.get(f"/search/heat/{image.uuid}/", {"q": query}, headers=headers)


def corners(answer: dict[str, Any]) -> tuple[float, float]:
    """The first and the last value."""
    assert len(answer["values"]) == answer["rows"] * answer["columns"]
    return answer["values"][0], answer["values"][-1]


def test_each_colour_is_where_it_is(client: Client, flag: Image) -> None:
    red, blue = (ask(client, flag, query).json() for query in ("a red flag", "blue"))
    assert (red["text"], blue["text"]) == ("a red flag", "blue")
    assert corners(red) == (1.0, pytest.approx(0.0, abs=0.05))
    assert corners(blue) == (pytest.approx(0.0, abs=0.05), 1.0)


def test_only_words_that_are_wanted_count_each_by_its_weight(client: Client, flag: Image) -> None:
    answer = ask(client, flag, f'blue^3 "red" -"red flag" is:private ~{flag.uuid}').json()
    assert answer["text"] == "blue and red"
    first, last = corners(answer)
    assert first < last
    first, last = corners(ask(client, flag, "blue +red^3").json())
    assert first > last


def test_what_every_text_says_does_not_count(
    client: Client, flag: Image, version: ModelVersion, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, last = corners(ask(client, flag, "red^2 | blue").json())
    assert first > last
    background = SimpleNamespace(vectors=engine.encode_texts(["red", "a red thing"], version=version))
    monkeypatch.setattr(engine, "background", lambda version: background)
    first, last = corners(ask(client, flag, "red^2 | blue").json())
    assert first < last


@pytest.mark.parametrize("query", ["", "-blue", "is:private", "~7bb5a4f6-2c2f-4a53-9c5a-1c1d5c0d9d3e"])
def test_without_words_there_is_nothing_to_show(client: Client, flag: Image, query: str) -> None:
    response = ask(client, flag, query)
    assert response.status_code == 404
    assert response.json() == {"message": "No words say what to look for."}


def test_a_plain_picture_is_alike_everywhere(client: Client, flag: Image) -> None:
    flag.renditions.all().delete()
    services.renditions_create(image=flag, picture=PILImage.new("RGB", (64, 48), "red"))
    assert corners(ask(client, flag, "red").json()) == (1.0, 1.0)


def test_it_is_computed_once_for_the_same_question(
    client: Client, flag: Image, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = ask(client, flag, "red")
    assert "private" in first["Cache-Control"]
    assert "Cookie" in first["Vary"]
    monkeypatch.setattr("search.views_explain.heat_map", lambda asked: pytest.fail("computed again"))
    assert ask(client, flag, " red ", if_none_match=first["ETag"]).status_code == 304
    monkeypatch.setattr("search.views_explain.heat_map", heat_map)
    assert ask(client, flag, "blue", if_none_match=first["ETag"]).status_code == 200


def test_a_picture_in_work_has_none_yet(client: Client, make_image: MakeImage, flag: Image) -> None:
    response = ask(client, make_image("green"), "green")
    assert response.status_code == 404
    assert "still being worked on" in response.json()["message"]


def test_a_model_that_cannot_tell_says_so(client: Client, flag: Image, monkeypatch: pytest.MonkeyPatch) -> None:
    class Blind:
        info = ml.load_encoder("fake").info

    monkeypatch.setattr(ml, "load_encoder", lambda name: Blind())
    response = ask(client, flag, "red")
    assert response.status_code == 404
    assert "can't tell" in response.json()["message"]


def test_before_there_is_a_model_nobody_can_tell(client: Client, flag: Image) -> None:
    ModelVersion.objects.all().delete()
    assert ask(client, flag, "red").json() == {"message": "Search has no model yet."}


def test_scripts_of_strangers_are_told_to_sign_in(client: Client, flag: Image) -> None:
    client.logout()
    assert ask(client, flag, "red", accept="application/json").status_code == 401


class TestOnTheResultsPage:
    @pytest.fixture(autouse=True)
    def _found(self, flag: Image, embed: Callable[..., None]) -> None:
        embed(flag, "red")
        services.image_set_visibility(image=flag, visibility="public")

    def test_hits_by_looks_offer_it_with_the_query(self, client: Client, flag: Image) -> None:
        page = client.get("/search/", {"q": "red -snow"}).content.decode()
        assert f'data-where="/search/heat/{flag.uuid}/?q=red%20-snow"' in page
        assert f'href="/i/{flag.uuid}/?q=red%20-snow"' in page

    @pytest.mark.parametrize("query", ["is:public", "~{}"])
    def test_hits_without_words_do_not(self, client: Client, flag: Image, query: str) -> None:
        page = client.get("/search/", {"q": query.format(flag.uuid)}).content.decode()
        assert f'href="/i/{flag.uuid}/"' in page
        assert "data-where=" not in page

    def test_strangers_are_not_offered_it(self, client: Client, flag: Image) -> None:
        client.logout()
        page = client.get("/search/", {"q": "red"}).content.decode()
        assert f'href="/i/{flag.uuid}/"' in page
        assert "data-where=" not in page

    def test_the_pictures_page_offers_it_after_a_search(self, client: Client, flag: Image) -> None:
        page = client.get(f"/i/{flag.uuid}/", {"q": 'red "x'}).content.decode()
        assert f'data-where="/search/heat/{flag.uuid}/?q=red%20%22x"' in page
