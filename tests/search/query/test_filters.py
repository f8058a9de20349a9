"""What the filters of the box let through."""

from collections.abc import Callable
from datetime import UTC, date, datetime

import pytest
from django.contrib.auth.models import AnonymousUser
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gallery.albums import album_add, album_create
from gallery.favourites import favourites_add
from gallery.models import Image, User
from gallery.sharing import member_add
from gallery.tags import images_tag
from search.query.filters import condition, few
from search.query.parse import parse

TODAY = date(2026, 11, 26)


@pytest.fixture
def pictures(make_image: Callable[..., Image], other_user: User) -> None:
    """Four pictures, told apart by their file names."""
    facts = {
        "old": {"sort_date": datetime(2019, 7, 31, 23, 59, tzinfo=UTC), "camera_make": "FUJIFILM", "width": 10},
        "july": {
            "sort_date": datetime(2023, 7, 1, tzinfo=UTC),
            "camera_model": "X-T3",
            "height": 10,
            "place": "Reykjavík, Iceland",  # found by coordinates
        },
        "august": {"sort_date": datetime(2023, 8, 1, tzinfo=UTC), "description_unsure": True, "frames": 9},
    }
    for shade, (name, values) in enumerate(facts.items()):
        image = make_image((shade * 40, 0, 0), name=name)
        Image.objects.filter(pk=image.pk).update(**{"width": 50, "height": 50} | values)
    images_tag(owner=image.owner, images=Image.objects.exclude(file_name="old"), names=["New  York", "Straße"])
    theirs = make_image("blue", name="theirs", owner=other_user, visibility="public")
    for owner in (image.owner, other_user):  # nobody sees the albums of others
        album_add(album=album_create(owner=owner, title="Ísland 2024"), images=Image.objects.exclude(file_name="july"))
    Image.objects.filter(pk=theirs.pk).update(
        sort_date=datetime(2024, 1, 1, tzinfo=UTC), width=5, height=5, camera_model="X-T3", text_in_picture="THE\nHÔTEL"
    )


@pytest.fixture
def hearts(pictures: None, user: User, other_user: User) -> None:
    """Of both people; nobody's searches know those of others."""
    favourites_add(person=user, images=Image.objects.filter(file_name__in=["july", "theirs"]))
    Image.objects.filter(file_name="old").update(visibility="public")
    favourites_add(person=other_user, images=Image.objects.filter(file_name="old"))
    Image.objects.filter(file_name="old").update(visibility="private")


CASES = [
    ("on:2023-07", {"july"}),
    ("on:2023", {"july", "august"}),
    ("before:2023-07", {"old"}),
    ("after:2023-07", {"august", "theirs"}),
    ("after:2023-07 before:2024", {"august"}),
    ("on:2019 on:2024", {"old", "theirs"}),
    ("-on:2023", {"old", "theirs"}),
    ("camera:fuji", {"old"}),
    ("place:iceland", {"july"}),
    ('place:"Reykjavík, Iceland"', {"july"}),
    ("camera:x-t3", {"july", "theirs"}),
    ("orientation:landscape", {"july"}),
    ("orientation:portrait", {"old"}),
    ("orientation:square", {"august", "theirs"}),
    ("is:unsure", {"august"}),
    ("is:animated", {"august"}),
    ("is:favourite", {"july", "theirs"}),
    ("-is:favourite", {"old", "august"}),
    ("is:public", {"theirs"}),
    ("-is:public", {"old", "july", "august"}),
    ("by:me", {"old", "july", "august"}),
    ("by:Grace", {"theirs"}),
    ("by:nobody", set()),
    ("camera:x-t3 by:me", {"july"}),
    ("text:hotels", {"theirs"}),
    ('text:"the hotel"', {"theirs"}),
    ('text:"hotel the"', set()),
    ("text:the", {"theirs"}),
    ("text:…", set()),
    ("-text:hotel", {"old", "july", "august"}),
    ("-text:sale by:me", {"old", "july", "august"}),
    ('tag:"new york"', {"july", "august"}),
    ("tag:STRASSE -tag:dog", {"july", "august"}),
    ("-tag:straße", {"old", "theirs"}),
    ("tag:new", set()),
    ('album:"ísland 2024"', {"old", "august"}),
    ('album:"ísland 2024" album:none', {"old", "august"}),
    ('-album:"ÍSLAND 2024"', {"july", "theirs"}),
    ("album:ísland", set()),
    ("tag:dog tag:straße", {"july", "august"}),
    ('+tag:straße +tag:"new york" by:me', {"july", "august"}),
    ("+tag:straße +tag:dog", set()),
    ("camera:fuji camera:x-t3", {"old", "july", "theirs"}),
    ("-camera:x-t3", {"old", "august"}),
    ("a dog", {"old", "july", "august", "theirs"}),
]


@pytest.mark.usefixtures("hearts")
@pytest.mark.parametrize("is_walked", [False, True])
@pytest.mark.parametrize(("text", "expected"), CASES)
def test_what_is_let_through(user: User, text: str, expected: set[str], is_walked: bool) -> None:
    where = condition(parse(text, today=TODAY).filters, viewer=user, is_walked=is_walked)
    assert set(Image.objects.filter(where).values_list("file_name", flat=True)) == expected


@pytest.mark.usefixtures("hearts")
@pytest.mark.parametrize(("text", "expected"), CASES)
def test_few_are_told_by_their_ids(user: User, text: str, expected: set[str]) -> None:
    filters, number = parse(text, today=TODAY).filters, len(expected)
    ids = few(filters, viewer=user, most=number)
    assert ids is not None
    assert set(Image.objects.filter(pk__in=ids).values_list("file_name", flat=True)) == expected
    if number:
        assert few(filters, viewer=user, most=number - 1) is None


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(("text", "number"), [("camera:x-t3", 1), ("tag:straße", 0), ("by:Grace", 1)])
def test_few_are_among_what_is_listed(text: str, number: int) -> None:
    ids = few(parse(text, today=TODAY).filters, viewer=AnonymousUser(), most=9)
    assert ids == set(Image.objects.filter(file_name="theirs").values_list("pk", flat=True)[:number])


@pytest.mark.usefixtures("hearts")
@pytest.mark.parametrize("text", ["by:me", "is:favourite", 'album:"Ísland 2024"'])
def test_a_stranger_has_nothing_of_their_own(text: str) -> None:
    where = condition(parse(text, today=TODAY).filters, viewer=AnonymousUser())
    assert not Image.objects.filter(where).exists()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what the table holds")
@pytest.mark.parametrize(
    "text",
    [
        "on:2023-07",
        "camera:fuji",
        "orientation:square",
        "is:unsure",
        "is:public",
        "by:me before:2020",
        "-by:me",
        "-is:animated",
    ],
)
def test_plain_filters_read_one_index_and_not_the_table(user: User, other_user: User, text: str) -> None:
    member_add(album=album_create(owner=other_user, title="Theirs"), by=other_user, username="ada", role="view")
    images = Image.objects.listed_for(user).filter(condition(parse(text, today=TODAY).filters, viewer=user))
    assert "USING COVERING INDEX image_" in images.values("pk").explain()
    assert "ORDER BY" not in images.newest_first().explain()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what the table holds")
@pytest.mark.usefixtures("hearts")
@pytest.mark.parametrize("text", ["tag:straße", 'album:"Ísland 2024"', "is:favourite", "camera:x-t3"])
def test_many_come_along_by_date_and_nothing_is_sorted(user: User, text: str) -> None:
    where = condition(parse(text, today=TODAY).filters, viewer=user, is_walked=True)
    assert "ORDER BY" not in Image.objects.listed_for(user).filter(where).newest_first().explain()


@pytest.mark.skipif(connection.vendor != "sqlite", reason="PostgreSQL plans by what the table holds")
@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize(
    ("text", "index"),
    [
        ("tag:straße by:me", "tag_key"),
        ('album:"ísland 2024" by:me', "album_owner_image"),
        ("+is:favourite by:me", "sqlite_autoindex_gallery_favourite_1"),
        ("camera:x-t3 by:me", "image_model_kept"),
        ("camera:fuji by:me", "image_make_kept"),
    ],
)
def test_few_are_looked_up_by_the_index_of_one_filter(user: User, text: str, index: str) -> None:
    with CaptureQueriesContext(connection) as asked:
        few(parse(text, today=TODAY).filters, viewer=user, most=9)
    with connection.cursor() as cursor:
        cursor.execute(f"EXPLAIN QUERY PLAN {asked[-1]['sql']}")
        plan = "\n".join(row[-1] for row in cursor.fetchall())
    assert f"INDEX {index} " in plan
    assert "image_owner_kept" not in plan


@pytest.mark.usefixtures("pictures")
@pytest.mark.parametrize("text", ["place:iceland", "-place:iceland"])
def test_a_place_found_by_coordinates_is_found_by_its_owner_alone(user: User, other_user: User, text: str) -> None:
    Image.objects.update(visibility="public")
    Image.objects.filter(file_name="theirs").update(place="Akureyri, Iceland", place_by_person=False)
    meaning = condition(parse(text, today=TODAY).filters, viewer=other_user)
    found = set(Image.objects.filter(meaning).values_list("file_name", flat=True))
    assert found == ({"theirs"} if text[0] == "p" else {"old", "july", "august"})
    Image.objects.filter(file_name="july").update(place_by_person=True)
    found = set(Image.objects.filter(meaning).values_list("file_name", flat=True))
    assert found == ({"theirs", "july"} if text[0] == "p" else {"old", "august"})
