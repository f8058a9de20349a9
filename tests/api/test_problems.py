"""Whatever goes wrong below /api/ is a problem (RFC 9457)."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client

from api.views import me
from gallery.albums import album_create
from gallery.models import Image, User
from gallery.storage import StoreUnavailable
from search.versions import model_version_ensure
from tests.api.conftest import Api


def is_problem(response: Any, status: int, code: str) -> bool:
    assert response["Content-Type"] == "application/problem+json"
    problem = response.json()
    assert {"type", "title", "status", "detail", "instance"} <= set(problem)
    assert problem["status"] == response.status_code
    return (response.status_code, problem["type"]) == (status, f"urn:mmsite:problem:{code}")


@pytest.mark.parametrize("path", ["v1", "v1/nothing/", "v2/images/", "v1/images/nonsense/"])
@pytest.mark.parametrize("method", ["get", "post", "delete"])
def test_no_such_address(db: None, path: str, method: str) -> None:
    response = getattr(Client(), method)(f"/api/{path}")
    assert is_problem(response, 404, "not-found")
    assert response.json()["instance"] == f"/api/{path}"


@pytest.mark.parametrize("path", ["v1", "v1/images", "v1/docs"])
@pytest.mark.parametrize("method", ["get", "post"])
def test_an_address_without_its_slash(db: None, path: str, method: str) -> None:
    response = getattr(Client(), method)(f"/api/{path}")
    assert is_problem(response, 404, "not-found")
    assert response.json()["detail"] == f"Addresses of the API end with a slash: /api/{path}/"


def test_who_are_you(db: None, nobody: Api) -> None:
    response = nobody.get("me/")
    assert is_problem(response, 401, "not-authenticated")
    assert response["WWW-Authenticate"]


def test_wrong_method(api: Api) -> None:
    response = api("delete", "me/")
    assert is_problem(response, 405, "method-not-allowed")
    assert "GET" in response["Allow"]
    assert response.json()["detail"] == "This address takes GET, PATCH, HEAD, OPTIONS."


def test_wrong_type_of_body(user: User) -> None:
    client = Client()
    client.force_login(user)
    response = client.post("/api/v1/tokens/", "<a/>", content_type="text/xml")
    assert is_problem(response, 415, "unsupported-media-type")
    assert response.json()["detail"] == "Send the body as application/json, and say so in Content-Type."


def test_wrong_type_of_answer(api: Api) -> None:
    assert is_problem(api.get("me/", headers={"Accept": "text/xml"}), 406, "not-acceptable")


def test_malformed_json(user: User) -> None:
    client = Client()
    client.force_login(user)
    response = client.post("/api/v1/tokens/", "{", content_type="application/json")
    assert is_problem(response, 400, "parse-error")


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("embed/texts/", '{"texts": ["x"], "encoding": "\\ud800"}'),
        ("jobs/retry/", '{"step": "\\ud800"}'),
        ("search/", '{"filters": [{"field": "\\ud800", "value": "x"}]}'),
        ("albums/", '{"title": "x", "\\udfff": 1}'),
        ("albums/", '{"title": "\\u0000"}'),
        ("search/", '{"words": [{"text": "x", "weight": 1e999}]}'),
        ("searches/", '{"query": "x", "name": NaN}'),
    ],
)
def test_what_neither_a_database_nor_an_answer_can_hold(api: Api, path: str, said: str) -> None:
    assert api.post(path, said).status_code == 400


@pytest.mark.parametrize("pk", [2**31, 2**63, 10**40])
@pytest.mark.parametrize("kind", ["tags", "searches", "judgements"])
def test_a_number_that_no_row_has(api: Api, kind: str, pk: int) -> None:
    assert is_problem(api.delete(f"{kind}/{pk}/"), 404, "not-found")


def test_a_name_that_no_database_can_hold(api: Api, user: User) -> None:
    album = album_create(owner=user, title="Iceland")
    assert is_problem(api.delete(f"albums/{album.uuid}/members/%00/"), 404, "not-found")


@pytest.mark.parametrize("path", ["judgements/?query=", "search/?q=", "search/suggestions/?q="])
def test_words_in_an_address_that_no_database_can_hold(api: Api, path: str) -> None:
    model_version_ensure()
    assert api.get(f"{path}sea%00%0Bboat").status_code == 200


def test_a_text_is_as_long_as_it_was_sent(api: Api, make_image: Callable[..., Image]) -> None:
    """However much of it can't be kept."""
    path = f"images/{make_image().uuid}/"
    assert api.patch(path, {"notes": "x" * 10_000}).status_code == 200
    assert api.patch(path, {"notes": "x" * 9_999 + "\0\0"}).status_code == 400


def test_mistakes_by_field(user: User) -> None:
    client = Client()
    client.force_login(user)
    response = client.post("/api/v1/tokens/", {"scopes": ["all"]}, content_type="application/json")
    assert is_problem(response, 400, "invalid")
    assert set(response.json()["errors"]) == {"name", "scopes"}


def test_one_mistake_is_told_as_a_sentence(api: Api) -> None:
    response = api.post("albums/", {"title": ""})
    assert is_problem(response, 400, "invalid")
    assert response.json()["detail"] == "title: This field may not be blank."


def test_a_mistake_deep_within_says_where_it_is(api: Api) -> None:
    response = api.post("search/", {"filters": [{"field": "tag", "value": "x"}, {"field": "tags", "value": "x"}]})
    assert is_problem(response, 400, "invalid")
    assert response.json()["detail"].startswith("filters.1.field: “tags” is none of these: tag, ")


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("visibility=publik", "visibility: “publik” is none of these: private, link, public."),
        ("fields=uuid,captoin", "fields: There is no field called “captoin”. There are: uuid, url, "),
        ("taken_after=2024", "taken_after: A time is written as 2026-05-04T12:30:00Z, with its offset from UTC."),
    ],
)
def test_a_mistake_is_told_with_what_would_be_right(api: Api, query: str, sentence: str) -> None:
    response = api.get(f"images/?{query}")
    assert is_problem(response, 400, "invalid")
    assert response.json()["detail"].startswith(sentence)


class TestParametersThatAreNone:
    @pytest.mark.parametrize("path", ["images/?visibilty=public", "images/?own=true&visibilty=public"])
    def test_are_named_beside_those_that_are(self, api: Api, path: str) -> None:
        response = api.get(path)
        assert is_problem(response, 400, "invalid")
        assert response.json()["detail"].startswith(
            "visibilty: There is no parameter of this name. There are: cursor, "
        )
        assert list(response.json()["errors"]) == ["visibilty"]

    def test_are_all_named(self, api: Api) -> None:
        assert set(api.get("images/?limits=1&colour=red").json()["errors"]) == {"limits", "colour"}

    @pytest.mark.parametrize(
        ("method", "path"), [("get", "me/"), ("head", "me/"), ("post", "albums/"), ("patch", "me/"), ("get", "")]
    )
    def test_are_refused_where_none_is_taken(self, api: Api, method: str, path: str) -> None:
        assert is_problem_of_parameters(api(method, f"{path}?a=b"))

    def test_change_nothing(self, api: Api, user: User, make_image: Callable[..., Image]) -> None:
        path = f"images/{make_image(owner=user).uuid}/"
        assert is_problem_of_parameters(api.delete(f"{path}?permanentt=true"))
        assert Image.objects.count() == 1

    def test_leave_the_description_to_its_own(self, db: None, nobody: Api) -> None:
        assert nobody.get("schema/?format=json").status_code == 200
        assert Client().get("/api/v1/docs/?script=").status_code == 200

    def test_do_not_come_before_who_asks_and_how(self, db: None, nobody: Api, api: Api) -> None:
        assert is_problem(nobody.get("me/?a=b"), 401, "not-authenticated")
        assert is_problem(api.delete("me/?a=b"), 405, "method-not-allowed")
        assert is_problem(api.get("nothing/?a=b"), 404, "not-found")


def is_problem_of_parameters(response: Any) -> bool:
    return response.request["REQUEST_METHOD"] == "HEAD" or is_problem(response, 400, "invalid")


def test_a_name_that_is_not_ours(db: None) -> None:
    assert is_problem(Client().get("/api/v1/me/", headers={"Host": "evil.example"}), 400, "parse-error")


def test_what_nobody_foresaw(api: Api, monkeypatch: pytest.MonkeyPatch, caplog: Any) -> None:
    def fails(request: Any) -> None:
        raise ZeroDivisionError("secret of the house")

    monkeypatch.setattr(me, "_me", fails)
    response = api.get("me/")
    assert is_problem(response, 500, "server-error")
    assert "secret" not in json.dumps(response.json())


def test_a_store_that_does_not_answer(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(request: Any) -> None:
        raise StoreUnavailable("bucket of the house")

    monkeypatch.setattr(me, "_me", fails)
    response = api.get("me/")
    assert is_problem(response, 503, "unavailable")
    assert "bucket" not in response.json()["detail"]


def test_pages_stay_pages(db: None) -> None:
    assert Client().get("/nothing/")["Content-Type"].startswith("text/html")
