"""Searching by the API."""

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from api import busy
from gallery.models import Image, User
from search.models import ModelVersion
from tests.api.conftest import Api
from tests.conftest import MakeJpeg

MakeImage = Callable[..., Image]


def uuids(answer: Any) -> list[str]:
    assert answer.status_code == 200, answer.content
    return [hit["image"]["uuid"] for hit in answer.json()["results"]]


def send(api: Api, path: str, picture: bytes, **data: Any) -> Any:
    file = SimpleUploadedFile("sent.jpg", picture, "image/jpeg")
    return api.client.post(f"/api/v1/{path}", {"picture": file, **data}, headers=api.headers)


def test_words_find_pictures_and_say_why(api: Api, ready: MakeImage) -> None:
    red, blue = ready("red"), ready("blue")
    answer = api.get("search/", data={"q": "red", "explain": "true"})
    assert uuids(answer)[0] == str(red.uuid)
    said = answer.json()
    assert (said["state"], said["query"], said["answered_by"], said["is_last"]) == ("ok", "red", "index", True)
    assert said["nothing_else_matches"]
    hit = said["results"][0]
    assert hit["rank"] == 1 and hit["score"] > 0
    assert {leg["leg"] for leg in hit["why"]["legs"]} >= {"looks", "captioner"}
    assert "red" in hit["why"]["words"]
    assert str(blue.uuid) not in uuids(answer)[:1]
    assert api.get("search/", data={"q": "red"}).json()["results"][0]["why"] is None


def test_pages_follow_each_other(api: Api, ready: MakeImage) -> None:
    made = {str(ready(color).uuid) for color in ("red", "green", "blue")}
    first = api.get("search/", data={"q": "by:me", "limit": 2})
    assert first.json()["answered_by"] == "filters" and first.json()["total"] == 3 and not first.json()["is_last"]
    second = api.get("search/", data={"q": "by:me", "limit": 2, "cursor": first.json()["next_cursor"]})
    assert second.json()["results"][0]["rank"] == 3
    assert second.json()["next_cursor"] is None
    assert set(uuids(first) + uuids(second)) == made
    for wrong, status in (("x", 404), ("aGl0czo", 404), ("aGl0czotMQ", 404), ("é", 400)):
        assert api.get("search/", data={"q": "by:me", "cursor": wrong}).status_code == status


def test_what_is_not_understood_is_said(api: Api, ready: MakeImage) -> None:
    ready("red")
    said = api.get("search/", data={"q": "red orientation:upwards"}).json()
    assert said["hints"][0]["is_mistake"] and "upwards" in said["hints"][0]["sentence"]
    assert api.get("search/").status_code == 400
    assert api.get("search/", data={"q": "red", "limit": 0}).status_code == 400


@pytest.mark.parametrize("explain", ["true", "false"])
def test_nobody_finds_what_is_not_theirs(
    nobody: Api, others_api: Api, ready: MakeImage, other_user: User, explain: str
) -> None:
    ready("red")
    open_to_all = ready("red", owner=other_user, visibility="public")
    assert uuids(nobody.get("search/", data={"q": "red", "explain": explain})) == [str(open_to_all.uuid)]
    assert uuids(others_api.get("search/", data={"q": "red", "explain": explain})) == [str(open_to_all.uuid)]


def test_parts_are_taken_for_what_they_are(api: Api, ready: MakeImage) -> None:
    red, blue = ready("red"), ready("blue")
    answer = api.post("search/", {"words": [{"text": "red"}], "excluded": ["blue"], "limit": 1})
    assert uuids(answer) == [str(red.uuid)]
    assert answer.json()["query"] == "red -blue"
    answer = api.post("search/", {"like": [{"uuid": str(blue.uuid)}], "filters": [{"field": "by", "value": "me"}]})
    assert uuids(answer)[0] == str(blue.uuid)
    words = api.post("search/", {"words": [{"text": "by:grace red"}]}).json()
    assert words["query"] is None, "the box would take that for a filter"
    assert words["results"], "and here it is words"
    weighed = api.post("search/", {"words": [{"text": "red car", "weight": 2}, {"text": "sea"}]}).json()
    assert weighed["query"] == 'sea "red car"^2'
    filters = [{"field": "orientation", "value": "landscape"}, {"field": "on", "value": "2024", "match": "none"}]
    assert len(uuids(api.post("search/", {"filters": filters}))) == 2


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({}, "non_field_errors"),
        ({"filters": [{"field": "before", "value": "someday"}]}, "filters"),
        ({"filters": [{"field": "is", "value": "odd"}]}, "filters"),
        ({"words": [{"text": " "}]}, "words"),
        ({"words": [{"text": "red", "weight": 11}]}, "words"),
        ({"like": [{"uuid": "me"}]}, "like"),
        ({"words": [{"text": "x" * 600}, {"text": "y" * 600}]}, "non_field_errors"),
        ({"words": "red"}, "words"),
    ],
)
def test_parts_that_mean_nothing_are_refused(api: Api, wish: Any, field: str) -> None:
    answer = api.post("search/", wish)
    assert answer.status_code in (400, 422)
    assert field in answer.json()["errors"]


def test_a_picture_that_is_sent_finds_its_like_and_is_not_kept(
    api: Api, nobody: Api, ready: MakeImage, make_jpeg: MakeJpeg
) -> None:
    red, _ = ready("red"), ready("blue")
    assert uuids(send(api, "search/picture/", make_jpeg("red", (90, 60))))[0] == str(red.uuid)
    assert Image.objects.count() == 2
    assert send(nobody, "search/picture/", make_jpeg("red")).status_code == 401
    refused = send(api, "search/picture/", b"no picture")
    assert refused.status_code == 422 and refused.json()["type"] == "urn:mmsite:problem:refused"
    assert send(api, "search/picture/", b"").status_code == 422
    assert api.client.post("/api/v1/search/picture/", headers=api.headers).status_code == 400


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("search/picture/", {"explain": "0"}),
        ("search/picture/", {"explain": ""}),
        ("search/picture/", {"limit": "24.5"}),
        ("search/picture/", {"limit": ""}),
        ("embed/picture/", {"encoding": ""}),
    ],
)
def test_the_parts_of_a_form_are_taken_for_what_they_say(
    api: Api, ready: MakeImage, make_jpeg: MakeJpeg, path: str, said: dict[str, str]
) -> None:
    ready("red")
    answer = send(api, path, make_jpeg("red"), **said)
    assert (answer.status_code, set(answer.json()["errors"])) == (400, set(said))


def test_a_form_that_says_everything(api: Api, ready: MakeImage, make_jpeg: MakeJpeg) -> None:
    red, _ = ready("red"), ready("blue")
    answer = send(api, "search/picture/", make_jpeg("red"), explain="true", limit="1", q="", cursor="")
    assert uuids(answer) == [str(red.uuid)]
    assert answer.json()["results"][0]["why"]


def test_whoever_comes_when_models_are_busy_is_told_when_to_come_again(
    api: Api, ready: MakeImage, make_jpeg: MakeJpeg, monkeypatch: pytest.MonkeyPatch
) -> None:
    ready("red")
    monkeypatch.setattr(busy, "_turns", type("Taken", (), {"acquire": lambda self, timeout: False})())
    answer = send(api, "search/picture/", make_jpeg("red"))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "5"
    assert answer.json()["type"] == "urn:mmsite:problem:busy"


def test_suggestions_come_from_what_one_may_see(api: Api, others_api: Api, ready: MakeImage) -> None:
    ready("red")
    found = api.get("search/suggestions/", data={"q": "a most"}).json()["suggestions"]
    assert "mostly" in [each["label"] for each in found]
    assert others_api.get("search/suggestions/", data={"q": "a most"}).json()["suggestions"] == []


def test_heat_says_where(api: Api, others_api: Api, ready: MakeImage) -> None:
    image = ready("red")
    answer = api.get(f"images/{image.uuid}/heat/", data={"q": "red"})
    assert answer.status_code == 200, answer.content
    grid = answer.json()
    assert len(grid["values"]) == grid["rows"] * grid["columns"]
    assert all(0 <= value <= 1 for value in grid["values"])
    assert api.get(f"images/{image.uuid}/heat/", data={"q": "by:me"}).status_code == 422
    assert others_api.get(f"images/{image.uuid}/heat/", data={"q": "red"}).status_code == 404
    assert api.get(f"images/{uuid4()}/heat/", data={"q": "red"}).status_code == 404


def test_before_there_is_a_model_words_answer_alone(api: Api, make_image: MakeImage) -> None:
    make_image("red", name="sunset.jpg")
    said = api.get("search/", data={"q": "sunset"}).json()
    assert said["answered_by"] == "words"
    assert "no model" in said["notice"]
    assert not ModelVersion.objects.exists()


def test_a_search_takes_a_bounded_number_of_statements(
    api: Api, ready: MakeImage, django_assert_max_num_queries: Any
) -> None:
    for color in ("red", "green", "blue"):
        ready(color)
    api.get("search/", data={"q": "red"})
    with django_assert_max_num_queries(12):
        assert len(uuids(api.get("search/", data={"q": "red", "explain": "true"}))) == 3


def test_the_session_of_a_browser_will_do(ready: MakeImage, user: User) -> None:
    image = ready("red")
    client = Client()
    client.force_login(user)
    assert uuids(client.get("/api/v1/search/", {"q": "red"})) == [str(image.uuid)]
