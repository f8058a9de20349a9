"""Selecting what a search found, be it one's own or not: the bar of the library, and the way back to the search."""

from collections.abc import Callable

import pytest
from django.test import Client

from gallery.favourites import favourites_add
from gallery.models import Image, User
from gallery.services import image_set_visibility
from mmsite import worker
from search.versions import model_version_ensure
from tests.gallery.test_views_library import listed

MakeImage = Callable[..., Image]
JSON = {"Accept": "application/json"}
CHOSEN = 'form="selection"'
pytestmark = pytest.mark.usefixtures("fresh_index")


@pytest.fixture
def red(make_image: MakeImage, user: User) -> Image:
    model_version_ensure()
    image = make_image("red", owner=user, name="red.jpg")
    worker.work_until_idle()
    return image


def searched(client: Client, words: str) -> str:
    return client.get("/search/", {"q": words}).content.decode()


def test_people_select_what_they_find(client: Client, user: User, other_user: User, red: Image) -> None:
    image_set_visibility(image=red, visibility="public")
    assert CHOSEN not in searched(client, "red")
    for person in (user, other_user):
        client.force_login(person)
        page = searched(client, "red")
        assert f'value="{red.uuid}" form="selection"' in page
        assert 'name="next" value="/search/?q=red"' in page
        assert "data-selecting" in page
    assert "data-selecting" not in searched(client, "is:favourite")  # which finds nothing


def test_one_comes_back_to_the_search(client: Client, user: User, red: Image) -> None:
    client.force_login(user)
    sent = {"image": red.uuid, "do": "tag", "tags": "sunset", "next": "/search/?q=red&page=1"}
    response = client.post("/selection/", sent, follow=True)
    assert response.redirect_chain == [("/search/?q=red&page=1", 302)]
    assert "1 picture tagged: sunset." in response.content.decode()
    assert listed(searched(client, "tag:sunset")) == [str(red.uuid)]


def test_among_favourites_they_are_taken_out(client: Client, user: User, red: Image) -> None:
    client.force_login(user)
    favourites_add(person=user, images=Image.objects.all())
    assert 'value="favourite"' in searched(client, "red")
    page = searched(client, "is:favourite")
    assert 'value="favourite"' not in page
    assert page.count('value="unfavourite"') == 1
    answer = client.post("/selection/", {"image": red.uuid, "do": "unfavourite"}, headers=JSON).json()
    assert listed(searched(client, "is:favourite")) == []
    client.post(answer["undo"], headers=JSON)
    assert listed(searched(client, "is:favourite")) == [str(red.uuid)]


def test_others_find_what_was_shown_to_everybody_until_that_is_undone(
    client: Client, user: User, other_user: User, red: Image
) -> None:
    other = Client()
    other.force_login(other_user)
    client.force_login(user)
    assert listed(searched(other, "red")) == []
    sent = {"image": red.uuid, "do": "visibility", "visibility": "public"}
    answer = client.post("/selection/", sent, headers=JSON).json()
    assert listed(searched(other, "red")) == [str(red.uuid)]
    client.post(answer["undo"], headers=JSON)
    assert listed(searched(other, "red")) == []
