"""How often each page and each read of the API asks the database: seldom, and no oftener where there is more."""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from django.contrib.admin import site
from django.core.cache import cache
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import URLPattern, URLResolver, get_resolver, reverse

from api import urls as api_urls
from gallery.models import User
from search import engine, index
from tests.mmsite.town import Town

MOST = 12
MOST_OF_THE_API = 14  # a search by words and a picture tells owners, tags and work besides
# name -> what follows the address, each asked by itself; {word} is another one each time
PAGES: dict[str, list[str]] = {
    "account": [""],
    "account-delete": [""],
    "account-email-confirm": [""],
    "activity": [""],
    "album": ["", "?after=1"],
    "album-archive": [""],
    "album-arrange": [""],
    "album-leave": [""],
    "album-share": [""],
    "albums": [""],
    "captions-export": [""],
    "captions-import": [""],
    "describe": [""],
    "download": [""],
    "duplicates": ["", "?copies=on"],
    "favicon": [""],
    "healthz": [""],
    "readyz": [""],
    "heat": ["?q={word}"],
    "image": [""],
    "image-state": [""],
    "image-states": ["?{images}"],
    "invitations": [""],
    "jobs": ["", "?whose=everyone", "?step=caption"],
    "jobs-state": ["", "?whose=everyone"],
    "language": [""],
    "library": ["", "?at={month}", "?after={future}", "?before={past}"],
    "library-archive": [""],
    "link": ["", "?after=1"],
    "link-archive": [""],
    "link-image": [""],
    "link-original": [""],
    "link-rendition": [""],
    "looks": [""],
    "metrics": [""],
    "original": [""],
    "password-change": [""],
    "password-reset": [""],
    "password-reset-confirm": [""],
    "password-reset-sent": [""],
    "person": [""],
    "public": ["", "?at={month}", "?after={future}", "?before={past}"],
    "rendition": [""],
    "review": ["", "?at={caption}"],
    "search": [
        "",
        "?q={word}",
        "?q={word}+tag:boat+camera:leica",
        "?q=%22boat%22+-blue",
        "?q=camera:leica+by:ada&show=24",  # fits on a page, so that nobody counts it; those of the API don't
        "?q={word}+~{image}",
        "?q={word}&of={image}&box=0,0,0.5,0.5",
        "?q=no+such+thing+tag:{word}",
    ],
    "search-suggest": [f"?q={text}" for text in ("", "sea", "tag:", "album:i", "camera:l", "place:p", "by:g")],
    "selection": [""],
    "sign-in": [""],
    "sign-up": [""],
    "sign-up-invited": [""],
    "tags": [""],
    "tokens": [""],
    "trash": [""],
    "trash-empty": [""],
    "upload": [""],
    "upload-in-pieces": [""],
    "uploads": [""],
    "webhooks": [""],
    "words": ["?language=de"],
}
# These make a search of each query that people judged.
SCORES = {"golden", "judgement-scores"}
API: dict[str, list[str]] = {
    "album": [""],
    "album-images": [""],
    "albums": [""],
    "captions": [""],
    "captions-export": [""],
    "captions-review": [""],
    "docs": [""],
    "heat": ["?q={word}"],
    "image": [""],
    "image-tags": [""],
    "images": ["", "?own=true&state=failed", "?tag=boat&favourite=true", "?album={album}&described_by=model"],
    "index": [""],
    "jobs": [""],
    "jobs-all": [""],
    "judgements": [""],
    "links": [""],
    "me": [""],
    "members": [""],
    "models": [""],
    "original": [""],
    "rendition": [""],
    "renditions": [""],
    "schema": [""],
    "schema-yaml": [""],
    "search": [f"?q={text}" for text in ("{word}", "{word}+tag:boat", "camera:leica&limit=5", "{word}+~{image}")],
    "search-suggestions": ["?q=sea", "?q=tag:", "?q=album:i"],
    "searches": [""],
    "tag": [""],
    "tags": [""],
    "tokens": [""],
    "trash": [""],
    "upload": [""],
    "uploads": [""],
    "webhook": [""],
    "webhook-deliveries": [""],
    "webhooks": [""],
    "work": [""],
}


@pytest.fixture
def town(make_image: Any, user: User, other_user: User, settings: Any) -> Iterator[Town]:
    settings.API_RATES = dict.fromkeys(settings.API_RATES)
    for forget in (index.reset, engine.forget_queries, cache.clear):
        forget()
    yield Town(make_image, user, other_user)
    index.reset()
    engine.forget_queries()


def patterns_of(among: Iterable[URLPattern | URLResolver]) -> Iterator[URLPattern]:
    for each in among:
        if isinstance(each, URLPattern):
            yield each
        elif each.app_name not in ("admin", "api"):
            yield from patterns_of(each.url_patterns)


def pages() -> list[URLPattern]:
    return list(patterns_of(get_resolver().url_patterns))


def operations() -> list[URLPattern]:
    return list(patterns_of(api_urls.v1))


def place_of(town: Town, pattern: URLPattern, space: str) -> str:
    return reverse(f"{space}{pattern.name}", kwargs=town.parts(str(pattern.name), pattern.pattern.converters))


def places(town: Town, patterns: list[URLPattern], asked: dict[str, list[str]], space: str = "") -> list[str]:
    return [
        place_of(town, pattern, space) + query.format_map(town.words())
        for pattern in patterns
        for query in asked.get(str(pattern.name), ())
    ]


def statements(client: Client, addresses: list[str]) -> list[tuple[str, int]]:
    """How many each takes; without savepoints, which stand for BEGIN and COMMIT in the transaction of a test, nor
    what PostgreSQL is told of a transaction: SQLite's pragmas for the same aren't seen in one."""
    found = []
    for place in addresses:
        with CaptureQueriesContext(connection) as asked:
            answer = client.get(place)
            assert answer.getvalue() or answer.status_code == 302
        assert answer.status_code in (200, 302, 401, 403, 404), place
        found.append((place, sum(re.search("SAVEPOINT|^SET LOCAL", query["sql"]) is None for query in asked)))
    return found


def judge(town: Town, client: Client, addresses: Callable[[], list[str]], most: float = MOST) -> list[str]:
    """What is wrong: places that take more statements than `most`, or more where there is twice as much."""
    statements(client, addresses())  # what is loaded once
    few = statements(client, addresses())
    town.grow()
    statements(client, addresses())  # which also has the index follow
    many = statements(client, addresses())
    return [
        f"{place}: {before}, then {after}"
        for (place, before), (_, after) in zip(few, many, strict=True)
        if after > before or after > most
    ]


@pytest.fixture
def ada(town: Town) -> Client:
    client = Client()
    client.force_login(town.ada)
    return client


@pytest.mark.parametrize(("patterns", "table", "space"), [(pages(), PAGES, ""), (operations(), API, "api:")])
def test_whatever_is_missing_from_the_tables_takes_no_get(
    town: Town, ada: Client, patterns: list[URLPattern], table: dict[str, list[str]], space: str
) -> None:
    others = [pattern for pattern in patterns if pattern.name not in table.keys() | SCORES]
    answers = {str(pattern.name): ada.get(place_of(town, pattern, space)).status_code for pattern in others}
    assert answers == dict.fromkeys(answers, 405)


@pytest.mark.parametrize("viewer", ["ada", "grace", "nobody"])
def test_pages(town: Town, viewer: str) -> None:
    client = Client()
    if viewer != "nobody":
        client.force_login(User.objects.get(username=viewer))
    assert not judge(town, client, lambda: places(town, pages(), PAGES))


def test_the_api(town: Town, ada: Client) -> None:
    assert not judge(town, ada, lambda: places(town, operations(), API, "api:"), most=MOST_OF_THE_API)


def test_the_admin(town: Town, ada: Client) -> None:
    models = [model._meta for model in site._registry]
    lists = [reverse(f"admin:{model.app_label}_{model.model_name}_changelist") for model in models]
    assert not judge(town, ada, lambda: [reverse("admin:index"), *lists], most=float("inf"))
