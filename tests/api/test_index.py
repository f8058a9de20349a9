"""The front door: for programs an index, for people the page to try it."""

from django.test import Client
from django.urls import URLPattern, resolve

from api import urls
from gallery.models import User
from tests.api.conftest import Api


def test_people_are_led_to_the_page(db: None) -> None:
    assert Client().get("/api/")["Location"] == "/api/v1/docs/"


def test_programs_find_everything(db: None, nobody: Api) -> None:
    said = nobody.get("").json()
    assert (said["version"], said["you"]) == ("1", None)
    assert said["schema"] == "http://testserver/api/v1/schema/"
    assert said["docs"] == "http://testserver/api/v1/docs/"
    assert {name: resolve(url.removeprefix("http://testserver")).url_name for name, url in said["collections"].items()}
    assert set(said["collections"]) == _collections()


def _collections() -> set[str]:
    """What is answered to GET one step below, but for the description."""
    tops = [one for one in _patterns(urls.v1) if str(one.pattern).count("/") == 1 and "<" not in str(one.pattern)]
    readable = {str(one.name) for one in tops if hasattr(one.callback.view_class, "get")}  # type: ignore[attr-defined]
    return readable - {"schema", "docs"}


def _patterns(among: list) -> list[URLPattern]:  # type: ignore[type-arg]
    return [one for each in among for one in ([each] if isinstance(each, URLPattern) else _patterns(each.url_patterns))]


def test_they_learn_who_they_are(api: Api, user: User) -> None:
    assert api.get("").json()["you"] == {"username": user.username, "scopes": ["read", "write", "share"]}
    client = Client()
    client.force_login(user)
    assert client.get("/api/v1/").json()["you"] == {"username": user.username, "scopes": None}
