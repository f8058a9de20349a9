"""Tags on the page of a picture, and the page of all of one's own."""

from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery.models import Image, Tag, User
from gallery.services import image_describe
from gallery.tags import images_tag

MakeImage = Callable[..., Image]


@pytest.fixture
def image(make_image: MakeImage, client: Client, user: User) -> Image:
    client.force_login(user)
    return make_image("red", visibility="public")


def say(client: Client, image: Image, **said: str) -> str:
    return client.post(reverse("image-tags", args=[image.uuid]), said, follow=True).content.decode()


def tags(image: Image) -> list[str]:
    return list(image.tags.order_by("key").values_list("name", flat=True))


def test_tags_are_added_suggested_and_taken_off(client: Client, image: Image) -> None:
    page = say(client, image, add=" beach, New York,, ", suggested="dog")
    assert tags(image) == ["beach", "dog", "New York"]
    assert 'href="/search/?q=tag%3A%22New+York%22"' in page
    say(client, image, remove="beach")
    assert tags(image) == ["dog", "New York"]


def test_a_tag_that_is_too_long_is_refused_with_a_sentence(client: Client, image: Image) -> None:
    assert "A tag has at most 50 characters." in say(client, image, add=f"dog, {'x' * 51}")
    assert tags(image) == []


def test_others_see_tags_and_cannot_change_them(client: Client, image: Image, other_user: User) -> None:
    say(client, image, add="beach")
    client.force_login(other_user)
    page = client.get(image.get_absolute_url()).content.decode()
    assert "tag%3Abeach" in page
    assert reverse("image-tags", args=[image.uuid]) not in page


def test_words_of_the_caption_are_suggested_the_owners_own_tags_first(
    client: Client, image: Image, make_image: MakeImage
) -> None:
    image_describe(image_id=image.pk, text="Two dogs run on the beach by the sea", unsure=False, by_person=False)
    other = make_image("blue")
    images_tag(owner=image.owner, images=Image.objects.filter(pk=other.pk), names=["Seas", "Hund"])
    images_tag(owner=image.owner, images=Image.objects.filter(pk=image.pk), names=["running"])
    page = client.get(image.get_absolute_url()).content.decode()
    assert [part.split('"')[0] for part in page.split('name="suggested" value="')[1:]] == ["Seas", "dogs", "beach"]


def test_the_page_of_a_picture_takes_the_same_number_of_statements_however_many_tags(
    client: Client, image: Image
) -> None:
    counts = []
    for number in range(3):
        say(client, image, add=f"tag {number}, another {number}")
        with CaptureQueriesContext(connection) as queries:
            client.get(image.get_absolute_url())
        counts.append(len(queries))
    assert len(set(counts)) == 1


def test_ones_own_tags_are_listed_renamed_and_deleted(client: Client, image: Image) -> None:
    assert "No tags yet" in client.get("/tags/").content.decode()
    say(client, image, add="bech, dog")
    page = client.get("/tags/").content.decode()
    assert "1 picture<" in page
    assert "tag%3Abech" in page
    page = client.post("/tags/rename/", {"tag": "bech", "name": "beach"}, follow=True).content.decode()
    assert "The tag is called “beach” now." in page
    asked = client.post("/tags/delete/", {"tag": "dog"}).content.decode()
    assert "taken off 1 picture" in asked
    assert tags(image) == ["beach", "dog"]
    client.post("/tags/delete/", {"tag": "dog", "sure": "on"})
    assert tags(image) == ["beach"]


@pytest.mark.parametrize("name", ["", "a, b", "x" * 51])
def test_a_name_that_cannot_be_is_refused(client: Client, image: Image, name: str) -> None:
    say(client, image, add="dog")
    page = client.post("/tags/rename/", {"tag": "dog", "name": name}, follow=True).content.decode()
    assert 'class="message error"' in page
    assert tags(image) == ["dog"]


@pytest.mark.parametrize("page", ["/tags/rename/", "/tags/delete/"])
def test_absent_tags_look_like_those_of_others(client: Client, image: Image, other_user: User, page: str) -> None:
    Tag.objects.create(owner=other_user, name="theirs", key="theirs")
    for name in ("theirs", "nothing", ""):
        assert client.post(page, {"tag": name, "name": "mine", "sure": "on"}).status_code == 404
    assert Tag.objects.get().name == "theirs"
    client.logout()
    assert client.post(page, {"tag": "theirs"}).headers["Location"] == f"{reverse('sign-in')}?next=/tags/"
