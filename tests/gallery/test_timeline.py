"""Dates to jump along, and grids that begin at one."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from django.test import Client

from gallery.models import Image, User, Visibility
from gallery.timeline import month_ends, timeline, timeline_of
from gallery.views import library

MakeImage = Callable[..., Image]


@pytest.fixture
def dated(make_image: MakeImage) -> Callable[..., Image]:
    def make(moment: datetime, **kwargs: Any) -> Image:
        image = make_image((Image.objects.count() * 7 % 256, moment.month * 9, moment.day * 8), **kwargs)
        Image.objects.filter(pk=image.pk).update(sort_date=moment)
        return image

    return make


def months(images: Any) -> list[tuple[int, list[tuple[str, int]]]]:
    return [(year.year, [(month.name, month.pictures) for month in year.months]) for year in timeline(images)]


def titles(page: str) -> list[str]:
    return re.findall(r'<section class="month" data-month="([\d-]+)"', page)


def test_months_that_have_pictures_latest_first_with_how_many(
    dated: Callable[..., Image], django_assert_num_queries: Any
) -> None:
    for moment in (
        datetime(2023, 7, 31, 23, 59, 59, 999_999, tzinfo=UTC),
        datetime(2023, 7, 1, tzinfo=UTC),
        datetime(2023, 8, 1, tzinfo=UTC),
        datetime(2021, 12, 24, 18, tzinfo=UTC),
    ):
        dated(moment)
    with django_assert_num_queries(2):
        found = months(Image.objects.all())
    assert found == [(2023, [("2023-08", 1), ("2023-07", 2)]), (2021, [("2021-12", 1)])]
    assert timeline(Image.objects.all())[0].pictures == 3


def test_months_are_those_of_the_sites_time_zone(dated: Callable[..., Image], settings: Any) -> None:
    dated(datetime(2023, 7, 31, 22, 30, tzinfo=UTC))
    settings.TIME_ZONE = "Europe/Berlin"
    assert months(Image.objects.all()) == [(2023, [("2023-08", 1)])]


def test_only_the_pictures_that_were_asked_for_count(dated: Callable[..., Image], user: User, other_user: User) -> None:
    dated(datetime(2020, 5, 5, tzinfo=UTC))
    dated(datetime(2022, 5, 5, tzinfo=UTC), owner=other_user)
    trashed = dated(datetime(2024, 5, 5, tzinfo=UTC))
    Image.objects.filter(pk=trashed.pk).update(trashed_at=datetime(2024, 6, 1, tzinfo=UTC))
    assert months(Image.objects.filter(owner=user)) == [(2020, [("2020-05", 1)])]
    assert months(Image.objects.filter(visibility=Visibility.PUBLIC)) == []
    assert months(Image.objects.none()) == []


def test_dates_that_no_photo_can_have_stay_out(dated: Callable[..., Image]) -> None:
    for year in (1, 2005, 9999):
        dated(datetime(year, 6, 1, tzinfo=UTC))
    assert months(Image.objects.all()) == [(2005, [("2005-06", 1)])]


class TestOfAPerson:
    """What is kept is what would be counted."""

    @pytest.fixture(autouse=True)
    def _pictures(self, dated: Callable[..., Image], user: User, other_user: User) -> None:
        self.user = user
        self.image = dated(datetime(2023, 7, 31, 22, 30, tzinfo=UTC))
        dated(datetime(2022, 5, 5, tzinfo=UTC), owner=other_user)
        assert self.found() == [("2023-07", 1)]

    def found(self) -> list[tuple[str, int]]:
        return [(month.name, month.pictures) for year in timeline_of(self.user) for month in year.months]

    def test_it_is_counted_once(self, django_assert_num_queries: Any) -> None:
        Image.objects.update(description="A dog")
        with django_assert_num_queries(1):
            assert self.found() == [("2023-07", 1)]

    def test_each_change_counts(self, dated: Callable[..., Image]) -> None:
        dated(datetime(2021, 12, 24, tzinfo=UTC))
        assert self.found() == [("2023-07", 1), ("2021-12", 1)]
        this = Image.with_trash.filter(pk=self.image.pk)
        this.update(sort_date=datetime(2020, 1, 1, tzinfo=UTC))
        assert self.found() == [("2021-12", 1), ("2020-01", 1)]
        this.update(trashed_at=datetime(2024, 1, 1, tzinfo=UTC))
        assert self.found() == [("2021-12", 1)]
        this.update(trashed_at=None)
        assert self.found() == [("2021-12", 1), ("2020-01", 1)]
        this.delete()
        assert self.found() == [("2021-12", 1)]

    def test_so_does_the_time_zone(self, settings: Any) -> None:
        settings.TIME_ZONE = "Europe/Berlin"
        assert self.found() == [("2023-08", 1)]


@pytest.mark.parametrize("name", ["", "2023", "2023-13", "2023-00", "0000-01", "9999-12", "July", "2023-07-01"])
def test_what_is_no_month(name: str) -> None:
    assert month_ends(name) is None


def test_when_a_month_is_over() -> None:
    assert month_ends("2023-12") == datetime(2024, 1, 1, tzinfo=UTC)


class TestTheGrid:
    @pytest.fixture(autouse=True)
    def _pictures(self, dated: Callable[..., Image], client: Client, user: User, monkeypatch: Any) -> None:
        client.force_login(user)
        monkeypatch.setattr(library, "PAGE_SIZE", 2)
        self.images = [dated(datetime(2023, month, 5, tzinfo=UTC)) for month in (9, 8, 8, 7, 6)]

    def listed(self, page: str) -> list[int]:
        uuids = re.findall(r'data-image="([0-9a-f-]{36})"', page)
        order = {str(image.uuid): number for number, image in enumerate(self.images)}
        return [order[uuid] for uuid in uuids]

    def test_a_jump_begins_with_the_month_and_newer_pictures_are_above(self, client: Client) -> None:
        page = client.get("/?at=2023-07").content.decode()
        assert titles(page) == ["2023-07", "2023-06"]
        assert self.listed(page) == [3, 4]
        newer = re.search(r'rel="prev" href="([^"]+)"', page)
        assert newer
        above = client.get(f"/{newer[1]}").content.decode()
        assert sorted(self.listed(above)) == [1, 2]
        assert titles(above) == ["2023-08"]
        top = re.search(r'rel="prev" href="([^"]+)"', above)
        assert top
        first = client.get(f"/{top[1]}").content.decode()
        assert self.listed(first) == [0]
        assert 'rel="prev"' not in first

    def test_the_first_page_has_nothing_above(self, client: Client) -> None:
        for address in ("/", "/?at=2023-09", "/?at=2031-01"):
            assert 'rel="prev"' not in client.get(address).content.decode()

    def test_an_empty_month_begins_with_what_is_older(self, client: Client) -> None:
        Image.objects.filter(pk=self.images[3].pk).delete()
        assert self.listed(client.get("/?at=2023-07").content.decode()) == [4]

    def test_the_rail_and_the_list_name_each_month(self, client: Client) -> None:
        page = client.get("/?at=2023-08").content.decode()
        assert re.findall(r'href="\?at=([\d-]+)"', page) == ["2023-09", "2023-08", "2023-07", "2023-06"]
        assert '<option value="2023-08" selected>August 2023 (2)</option>' in page
        assert 'data-month-link="2023-08" aria-current="date"' in page

    def test_nonsense_is_the_first_page(self, client: Client) -> None:
        for address in ("/?at=nonsense", "/?before=nonsense", "/?before=-1.-1"):
            assert client.get(address).status_code == 200
        assert self.listed(client.get("/?at=nonsense").content.decode())[0] == 0
