"""What holds for every list of the API."""

from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from api.tokens import token_create
from api.webhooks import webhook_create, webhook_ping
from gallery.albums import album_add, album_create
from gallery.links import link_create
from gallery.models import Album, Image, User
from gallery.sharing import member_add
from gallery.trash import images_trash
from search.golden import judgement_set
from search.saved import search_save
from tests.api.conftest import Api

MOST_STATEMENTS = 12
LISTS = [
    "images/",
    "images/?own=true&state=working&tag=sea&favourite=false&order=oldest",
    "images/{image}/captions/",
    "albums/",
    "albums/{album}/images/",
    "albums/{album}/members/",
    "albums/{album}/links/",
    "captions/review/",
    "judgements/",
    "searches/",
    "tags/",
    "trash/",
    "webhooks/",
    "webhooks/{webhook}/deliveries/",
]
KEYS = {"image": "images", "album": "albums", "webhook": "webhooks"}


@pytest.fixture
def more(world: dict[str, Any], ready: Any) -> dict[str, Any]:
    """At least two of each kind."""
    person = User.objects.get(username="fuzz")
    other = User.objects.create_user("otto")
    for image in Image.objects.all():
        judgement_set(owner=person, query="boat", image=image, is_right=True)
    first = Album.objects.get()
    album = album_create(owner=person, title="Norway")
    album_add(album=album, images=Image.objects.all())
    member_add(album=first, by=person, username=other.username, role="manage")
    link_create(album=first, by=person)
    images_trash(images=[ready("yellow", owner=person)], by=person)
    webhook_ping(webhook=webhook_create(owner=person, url="https://example.com/2", events=["image.ready"]).webhook)
    webhook_ping(webhook=person.webhooks.order_by("pk")[0])
    search_save(owner=person, text="boat", name="")
    return world


@pytest.mark.parametrize("path", LISTS)
def test_a_longer_list_takes_no_more_statements(more: dict[str, Any], path: str) -> None:
    api = Api(more["secret"])
    path = path.format(**{name: more[kind]["uuid"][0] for name, kind in KEYS.items()})
    path += "&" if "?" in path else "?"
    with CaptureQueriesContext(connection) as few:
        assert len(api.get(f"{path}limit=1").json()["results"]) == 1
    with CaptureQueriesContext(connection) as many:
        results = api.get(f"{path}limit=200").json()["results"]
    assert "captions/?" in path or "captions/review/" in path or len(results) > 1
    assert len(many) <= len(few) <= MOST_STATEMENTS


@pytest.mark.parametrize(
    "path", ["jobs/", "jobs/all/", "models/", "uploads/", "search/?q=sea", "search/suggestions/?q=s"]
)
def test_what_has_no_pages_takes_few_statements(more: dict[str, Any], path: str) -> None:
    api = Api(more["secret"])
    assert api.get(path).status_code == 200  # reads the index, which the next ones have
    with CaptureQueriesContext(connection) as asked:
        api.get(path)
    assert len(asked) <= MOST_STATEMENTS


def test_tokens_take_few_statements(user: User, client: Any) -> None:
    for number in range(3):
        token_create(owner=user, name=str(number), scopes=["read"])
    client.force_login(user)
    with CaptureQueriesContext(connection) as asked:
        assert len(client.get("/api/v1/tokens/").json()["results"]) == 3
    assert len(asked) <= MOST_STATEMENTS


@pytest.mark.parametrize("path", LISTS)
@pytest.mark.parametrize("cursor", ["x", "WyJwayJd", "bnVsbA", "W10"])
def test_a_cursor_of_nothing(world: dict[str, Any], path: str, cursor: str) -> None:
    path = path.format(**{name: world[kind]["uuid"][0] for name, kind in KEYS.items()})
    assert Api(world["secret"]).get(f"{path}{'&' if '?' in path else '?'}cursor={cursor}").status_code == 404
