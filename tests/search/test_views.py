"""The search page, with the fake encoder, which knows colours."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from gallery.models import Image, User, Visibility
from ml import registry
from ml.encoders.fake import FakeEncoder
from ml.errors import ModelNotFound
from mmsite import worker
from search import engine
from search.versions import model_version_ensure
from tests.gallery.test_views_library import listed

MakeImage = Callable[..., Image]
pytestmark = pytest.mark.usefixtures("fresh_index")


@pytest.fixture
def library(db: None, make_image: MakeImage) -> dict[str, Image]:
    """Three colours, private, ready to be found."""
    model_version_ensure()
    images = {colour: make_image(colour, name=f"{colour}.jpg") for colour in ("red", "green", "blue")}
    worker.work_until_idle()
    return images


def search(client: Client, **query: Any) -> str:
    return client.get("/search/", query).content.decode()


def test_words_find_the_picture_first(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    for colour, image in library.items():
        page = search(client, q=f"a {colour} one")
        assert listed(page)[0] == str(image.uuid)
        assert f'value="a {colour} one"' in page
        assert f'alt="a mostly {colour} picture"' in page


def test_each_hit_has_its_score_in_words_and_as_a_bar(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    scores = re.findall(
        r'<meter min="0" max="1" value="([0-9.-]+)"[^>]*></meter>\s*([0-9.-]+)', search(client, q="red")
    )
    assert len(scores) == 3
    assert all(float(bar) == pytest.approx(float(words), abs=0.006) for bar, words in scores)
    assert [float(bar) for bar, _ in scores] == sorted((float(bar) for bar, _ in scores), reverse=True)


@pytest.mark.parametrize("visibility", Visibility.values)
def test_others_find_what_is_public_alone(
    client: Client, other_user: User, library: dict[str, Image], visibility: str
) -> None:
    from gallery import services

    services.image_set_visibility(image=library["red"], visibility=visibility)
    expected = [str(library["red"].uuid)] if visibility == Visibility.PUBLIC else []
    assert listed(search(client, q="red")) == expected
    client.force_login(other_user)
    assert listed(search(client, q="red")) == expected


def test_no_match_is_said_and_the_nearest_are_shown(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    page = search(client, q="zebra <crossing>")
    assert "Nothing here matches “zebra &lt;crossing&gt;” well. The nearest are below." in page
    assert len(listed(page)) == 3


def test_what_rather_does_not_match_stands_apart_below(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    matches, _, others = search(client, q="red").partition("Less likely")
    assert "1 match for “red”" in matches
    assert listed(matches) == [str(library["red"].uuid)]
    assert len(listed(others)) == 2


def test_where_all_would_match_none_are_counted(
    client: Client, user: User, library: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    client.force_login(user)
    counted = re.compile(r"\d+ match(es)? for")
    assert counted.search(search(client, q="red"))
    monkeypatch.setattr(FakeEncoder, "match_floor", None)
    page = search(client, q="red")
    assert "“red”, nearest first" in page
    assert not counted.search(page)


@pytest.mark.parametrize("query", [{}, {"q": ""}, {"q": "   "}])
def test_an_empty_query_is_an_invitation(client: Client, db: None, query: dict[str, str]) -> None:
    page = search(client, **query)
    assert "Say what the picture shows" in page
    assert "autofocus" in page


def test_an_empty_library_says_what_to_do(client: Client, user: User) -> None:
    model_version_ensure()
    assert "There is nothing to search yet" in search(client, q="red")
    assert "/sign-in/?next=/search/%3Fq%3Dred" in search(client, q="red")
    client.force_login(user)
    assert "Upload pictures" in search(client, q="red")


def test_not_ready_says_why(client: Client, db: None) -> None:
    page = search(client, q="red")
    assert "The search is not ready" in page
    assert "Search has no model yet" in page


def test_a_missing_model_says_why(
    client: Client, user: User, library: dict[str, Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    def missing() -> Any:
        raise ModelNotFound("The folder with the model is gone.")

    broken = registry.Registry("encoder", named={"fake": missing}, families={})
    monkeypatch.setattr(registry, "encoders", broken)
    engine.forget_queries()
    client.force_login(user)
    page = search(client, q="elephant")
    assert "The search is not ready" in page
    assert "The folder with the model is gone." in page
    page = search(client, q="red")  # the captions know
    assert listed(page)
    assert "The folder with the model is gone. These are found by the words" in page


def test_how_many_to_show(client: Client, user: User, make_image: MakeImage) -> None:
    model_version_ensure()
    for shade in range(14):
        make_image((shade * 15, 10, 10))
    worker.work_until_idle()
    client.force_login(user)
    assert len(listed(search(client, q="red", show=12))) == 12
    page = search(client, q="red", show=48)
    assert len(listed(page)) == 14
    assert '<option value="48" selected>' in page


@pytest.mark.parametrize(
    "query",
    [
        {"q": "red", "show": "13"},
        {"q": "red", "show": "many"},
        {"q": "x" * 1_001},
        {"q": "red", "page": "0"},
        {"q": "red", "page": "many"},
    ],
)
def test_what_makes_no_sense_is_said(client: Client, user: User, query: dict[str, str]) -> None:
    response = client.get("/search/", query)
    assert response.status_code == 400
    assert "errorlist" in response.content.decode()


def test_more_hits_take_no_more_statements(client: Client, user: User, make_image: MakeImage) -> None:
    model_version_ensure()
    client.force_login(user)
    counts = []
    for shade in range(4):
        make_image((shade * 15, 10, 10))
        worker.work_until_idle()
        search(client, q="red")  # the index takes in what is new
        with CaptureQueriesContext(connection) as queries:
            assert len(listed(search(client, q="red"))) == shade + 1
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 11  # the last one: what the person has said of the pictures


def test_filters_are_chips_that_can_be_taken_away(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    page = search(client, q="red camera:fuji -is:animated")
    assert 'href="/search/?q=red+-is%3Aanimated"' in page
    assert 'href="/search/?q=red+camera%3Afuji"' in page
    assert "No picture here is like that" in page
    assert 'class="chips"' not in search(client, q="red")


def test_a_mistake_is_told_with_what_could_be_meant(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    page = search(client, q="red camra:fuji", show=12)
    assert '<ul class="hints"' in page
    assert 'href="/search/?q=red+camera%3Afuji&amp;show=12"' in page


def test_why_a_picture_was_found_is_said(client: Client, user: User, library: dict[str, Image]) -> None:
    client.force_login(user)
    page = search(client, q="red")
    assert "<mark>red</mark>" in page
    assert "words #1" in page
    assert "looks #1" in page


def test_pages_follow_each_other(client: Client, user: User, make_image: MakeImage) -> None:
    model_version_ensure()
    for shade in range(14):
        make_image((shade * 15, 10, 10))
    worker.work_until_idle()
    client.force_login(user)
    first = search(client, q="red", show=12)
    assert 'rel="prev"' not in first
    assert 'rel="next" href="/search/?q=red&amp;show=12&amp;page=2"' in first
    second = search(client, q="red", show=12, page=2)
    assert 'rel="prev" href="/search/?q=red&amp;show=12"' in second
    assert not set(listed(first)) & set(listed(second))
    assert "Nothing follows here" in search(client, q="red", show=12, page=9)
