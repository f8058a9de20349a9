"""Filters that are offered to narrow a search."""

from datetime import UTC, datetime

from django.contrib.auth.models import AnonymousUser
from django.test import Client

from gallery.models import Image, User, Visibility
from mmsite import worker
from search.narrow import narrowing_filters
from search.query.parse import parse
from search.query.terms import Query
from search.versions import model_version_ensure
from tests.gallery.test_views_library import listed
from tests.search.test_views import MakeImage, search

NOBODY = AnonymousUser()


def picture(**facts: object) -> Image:
    usual = {"width": 4, "height": 3, "sort_date": datetime(2024, 6, 1, tzinfo=UTC)}
    return Image(**{**usual, **facts})


def offered(*images: Image, query: Query | None = None, viewer: User | AnonymousUser = NOBODY) -> list[str]:
    return [str(part) for part in narrowing_filters(query or Query(), images, viewer=viewer)]


def test_only_what_holds_for_some_and_not_for_all_is_offered() -> None:
    assert offered(picture(), picture()) == []
    assert offered(picture(camera_model="X-T4"), picture()) == ["camera:X-T4"]
    assert offered(picture(width=2), picture()) == ["orientation:portrait", "orientation:landscape"]


def test_the_most_frequent_come_first_and_no_more_than_three() -> None:
    years = (2019, 2020, 2020, 2021, 2022)
    images = [picture(sort_date=datetime(year, 6, 1, tzinfo=UTC)) for year in years]
    assert offered(*images) == ["on:2020", "on:2019", "on:2021"]


def test_a_field_that_is_asked_for_already_is_not_offered_again() -> None:
    images = picture(camera_model="X-T4", frames=2), picture(camera_model="Pixel 9")
    assert offered(*images) == ["camera:X-T4", 'camera:"Pixel 9"', "is:animated"]
    assert offered(*images, query=parse("a dog camera:x", today=datetime.now(tz=UTC).date())) == ["is:animated"]


def test_ones_own_are_offered_among_those_of_others() -> None:
    images = picture(owner_id=7), picture(owner_id=8)
    assert offered(*images, viewer=User(pk=7)) == ["by:me"]
    assert offered(*images) == []


def test_each_is_a_link_that_writes_it_behind_the_query(client: Client, user: User, make_image: MakeImage) -> None:
    model_version_ensure()
    own = make_image("red")
    make_image("green", owner=User.objects.create_user("grace"), visibility="public")
    worker.work_until_idle()
    client.force_login(user)
    page = search(client, q="red")
    assert 'href="/search/?q=red+by%3Ame"' in page
    assert listed(search(client, q="red by:me")) == [str(own.uuid)]


def test_facts_of_a_picture_lead_to_others_that_share_them(client: Client, user: User, make_image: MakeImage) -> None:
    image = make_image("red", visibility=Visibility.PUBLIC)
    Image.objects.filter(pk=image.pk).update(camera_model="Pixel 9", taken_at=datetime(2023, 7, 14, 12, tzinfo=UTC))
    page = client.get(f"/i/{image.uuid}/").content.decode()
    for query in ("camera%3A%22Pixel+9%22", "on%3A2023-07-14", f"by%3A{user.username}"):
        assert f'href="/search/?q={query}"' in page
