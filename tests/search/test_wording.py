"""What the parts of a query are called."""

from datetime import date

import pytest
from django.test import Client
from django.utils.translation import override

from gallery.favourites import favourites_add
from gallery.models import Image, User
from search.query.parse import parse
from search.query.terms import FIELDS, Filter, Text
from search.wording import part_in_words
from tests.search.test_views import MakeImage, search
from tests.search.test_views_pictures import chips

TODAY = date(2024, 7, 17)


def said(text: str) -> str:
    (part,) = parse(text, today=TODAY).parts
    assert isinstance(part, Text | Filter)
    return part_in_words(part)


@pytest.mark.parametrize(
    ("text", "english", "german"),
    [
        ("tag:beach", "tagged beach", "mit Schlagwort beach"),
        ('-tag:"New York"', "not tagged New York", "nicht mit Schlagwort New York"),
        ("album:Iceland", "in album Iceland", "im Album Iceland"),
        ("by:me", "by me", "von mir"),
        ("by:ada", "by ada", "von ada"),
        ("camera:fuji", "camera fuji", "Kamera fuji"),
        ("place:Oslo", "place Oslo", "Ort Oslo"),
        ("text:open", "text “open”", "Text „open“"),
        ("orientation:landscape", "landscape", "im Querformat"),
        ("-orientation:Square", "not square", "nicht quadratisch"),
        ("is:favourite", "my favourites", "meine Favoriten"),
        ("-is:unsure", "not unsurely described", "nicht unsicher beschrieben"),
        ("before:2024-06", "before June 2024", "vor Juni 2024"),
        ("-after:2023", "not after 2023", "nicht nach 2023"),
        ("on:2024-07-14", "on 14 July 2024", "am 14. Juli 2024"),
        ("on:yesterday", "on 16 July 2024", "am 16. Juli 2024"),
        ("on:2024", "in 2024", "im Jahr 2024"),
        ("on:June_2024", "in June 2024", "im Juni 2024"),
        ('on:"last summer"', "in summer 2023", "im Sommer 2023"),
        ('after:"winter 2023"', "after winter 2023/24", "nach Winter 2023/24"),
        ('on:"last week"', "8 July 2024 to 14 July 2024", "8. Juli 2024 bis 14. Juli 2024"),
        ('before:"christmas 2023"', "before 24 December 2023", "vor dem 24. Dezember 2023"),
        ('after:"christmas 2023"', "after 26 December 2023", "nach dem 26. Dezember 2023"),
        ("-people", "not people", "nicht people"),
        ('+"red car"^0.5', "with “red car”, weight 0.5", "mit „red car“, Gewicht 0,5"),
    ],
)
def test_as_people_would_say_it(text: str, english: str, german: str) -> None:
    assert said(text) == english
    with override("de"):
        assert said(text) == german


def test_every_choice_has_its_words() -> None:
    for kind in FIELDS.values():
        for value in kind.choices or ("2024",):
            assert ":" not in part_in_words(Filter(kind.name, value)), "as it is typed"


def test_chips_say_it_and_take_exactly_that_away(client: Client, user: User) -> None:
    client.force_login(user)
    page = search(client, q='tag:"New <York>" before:2024-06 -is:animated')
    assert "tagged New &lt;York&gt;</span>" in page
    assert "before June 2024</span>" in page
    assert 'title="Taken before this date begins (before:2024-06)"' in page
    assert chips(page) == [
        "/search/?q=before%3A2024-06+-is%3Aanimated",
        "/search/?q=tag%3A%22New+%3CYork%3E%22+-is%3Aanimated",
        "/search/?q=tag%3A%22New+%3CYork%3E%22+before%3A2024-06",
    ]


class TestFavourites:
    HINT = "You have no favourites yet"

    @pytest.fixture(autouse=True)
    def image(self, make_image: MakeImage, client: Client, user: User) -> Image:
        client.force_login(user)
        return make_image("red")

    @pytest.mark.parametrize("query", ["is:favourite", "red is:favourite"])
    def test_whoever_has_none_is_told_how_to_make_one(self, client: Client, query: str) -> None:
        assert self.HINT in search(client, q=query)

    @pytest.mark.parametrize("query", ["-is:favourite", "is:animated"])
    def test_whoever_asks_for_others_is_not(self, client: Client, query: str) -> None:
        assert self.HINT not in search(client, q=query)

    def test_nor_whoever_has_some(self, client: Client, user: User) -> None:
        favourites_add(person=user, images=Image.objects.all())
        assert self.HINT not in search(client, q="is:favourite is:animated")

    def test_nor_strangers(self, client: Client) -> None:
        client.logout()
        Image.objects.update(visibility="public")
        assert self.HINT not in search(client, q="is:favourite")
