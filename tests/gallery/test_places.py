"""Places in words: the nearest town, who gives a picture its place, and who is told of it."""

import subprocess
import sys
from collections.abc import Callable
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.urls import reverse

from gallery.models import Image, User, Visibility
from gallery.places import image_find_place, nearest

MakeImage = Callable[..., Image]
REYKJAVIK = {"latitude": 64.1405, "longitude": -21.9266}


@pytest.fixture
def abroad(make_image: MakeImage) -> Image:
    image = make_image(visibility=Visibility.PUBLIC)
    Image.objects.filter(pk=image.pk).update(**REYKJAVIK)
    image.refresh_from_db()
    return image


@pytest.mark.parametrize(
    ("latitude", "longitude", "place"),
    [
        (64.1405, -21.9266, "Reykjavík, Iceland"),
        (64.11, -21.91, "Kópavogur, Iceland"),  # a town of its own beside a larger one
        (40.7075, -74.0021, "New York City, United States"),  # not its part, Seaport
        (-16.8, -179.99, "Labasa, Fiji"),  # across the line where degrees begin again
        (0, -30, ""),  # at sea
        (90, 0, ""),
        (91, 0, ""),
        (float("nan"), 0, ""),
    ],
)
def test_the_nearest_town(latitude: float, longitude: float, place: str) -> None:
    assert nearest(latitude, longitude) == place


def test_nothing_is_loaded_before_it_is_needed() -> None:
    code = (
        "import os, sys, django; os.environ['DJANGO_SETTINGS_MODULE'] = 'mmsite.settings.test'; django.setup();"
        "import gallery.places; sys.exit('scipy' in sys.modules or 'reverse_geocode' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_picture_with_coordinates_gets_a_place(abroad: Image) -> None:
    assert image_find_place(image=abroad) == "Reykjavík, Iceland"
    abroad.refresh_from_db()
    assert (abroad.place, abroad.place_by_person) == ("Reykjavík, Iceland", False)


@pytest.mark.parametrize("said", ["At home", ""])
def test_what_the_owner_said_stays(abroad: Image, said: str) -> None:
    Image.objects.filter(pk=abroad.pk).update(place=said, place_by_person=True)
    image_find_place(image=abroad)  # as it was read before
    abroad.refresh_from_db()
    assert image_find_place(image=abroad) == said
    assert Image.objects.get().place == said


def test_without_coordinates_there_is_none(make_image: MakeImage) -> None:
    assert image_find_place(image=make_image()) == ""


def test_the_command_names_those_that_have_none(abroad: Image, make_image: MakeImage) -> None:
    make_image("blue")
    said = StringIO()
    call_command("find_places", stdout=said)
    assert "1 pictures" in said.getvalue()
    assert [image.place for image in Image.objects.order_by("pk")] == ["Reykjavík, Iceland", ""]


def test_a_place_found_by_coordinates_is_told_to_the_owner_alone(
    abroad: Image, client: Client, user: User, other_user: User
) -> None:
    image_find_place(image=abroad)
    for viewer, is_told in ((other_user, False), (user, True)):
        client.force_login(viewer)
        assert ("Reykjavík" in client.get(abroad.get_absolute_url()).content.decode()) is is_told


def send(client: Client, image: Image, **words: Any) -> None:
    client.post(reverse("image-words", args=[image.uuid]), {"title": "", "notes": "", **words})
    image.refresh_from_db()


def test_a_place_that_the_owner_writes_is_for_everybody_who_sees_the_picture(
    abroad: Image, client: Client, user: User, other_user: User
) -> None:
    client.force_login(user)
    send(client, abroad, place="Grandma’s garden")
    assert abroad.place_by_person
    client.force_login(other_user)
    page = client.get(abroad.get_absolute_url()).content.decode()
    assert "Grandma’s garden" in page
    assert "64.14" not in page


def test_saving_a_title_tells_nobody_the_place(abroad: Image, client: Client, user: User) -> None:
    image_find_place(image=abroad)
    client.force_login(user)
    send(client, abroad, title="Evening", place="Reykjavík, Iceland")
    assert (abroad.title, abroad.place_by_person) == ("Evening", False)
    send(client, abroad, title="Evening")  # a form without a place
    assert abroad.place == "Reykjavík, Iceland"


def test_a_place_that_is_taken_away_does_not_come_back(abroad: Image, client: Client, user: User) -> None:
    image_find_place(image=abroad)
    client.force_login(user)
    send(client, abroad, place="")
    assert (abroad.place, abroad.place_by_person) == ("", True)
    assert image_find_place(image=abroad) == ""
