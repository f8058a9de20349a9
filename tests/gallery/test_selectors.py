"""What pages ask of pictures: pages by key, neighbours, and how the work stands."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from django.contrib.auth.models import AnonymousUser

from gallery.models import Image, ImageQuerySet, Rendition, Stage, User, Visibility
from gallery.selectors import image_neighbours, image_work, images_page

NOON = datetime(2024, 7, 1, 12, tzinfo=UTC)
numbers = count()


def add(owner: User, sort_date: datetime = NOON, visibility: str = Visibility.PRIVATE) -> Image:
    number = next(numbers)
    image = Image.objects.create(
        owner=owner,
        visibility=visibility,
        original=f"{number}.jpg",
        sha256=f"{number:064}",
        byte_size=1,
        format="JPEG",
        file_name=f"{number}.jpg",
        width=4,
        height=3,
        sort_date=sort_date,
    )
    Stage.objects.create(image=image, step="renditions")
    for kind in Rendition.Kind.values:
        Rendition.objects.create(image=image, kind=kind, file=f"{number}-{kind}", width=4, height=3, byte_size=1)
    return image


def walk(images: ImageQuerySet, size: int) -> list[list[int]]:
    pages, cursor = [], None
    while True:
        page = images_page(images=images, cursor=cursor, size=size)
        pages.append([image.pk for image in page.images])
        cursor = page.next_cursor
        if cursor is None:
            return pages


class TestPages:
    @pytest.mark.parametrize("size", [1, 3, 4, 12, 13, 50])
    def test_without_gaps_or_repeats_where_dates_are_equal(self, user: User, size: int) -> None:
        dates = [NOON + timedelta(microseconds=index // 4) for index in range(12)]
        made = [add(user, date) for date in dates]
        pages = walk(Image.objects.all(), size)
        assert [pk for page in pages for pk in page] == [image.pk for image in reversed(made)]
        assert all(len(page) == size for page in pages[:-1])
        assert pages[-1]

    def test_of_an_empty_library(self, user: User) -> None:
        page = images_page(images=Image.objects.all(), cursor=None, size=5)
        assert (page.images, page.next_cursor) == ([], None)

    def test_hold_still_while_pictures_come_and_go(self, user: User) -> None:
        made = [add(user, NOON + timedelta(hours=index)) for index in range(6)]
        first = images_page(images=Image.objects.all(), cursor=None, size=3)
        add(user, NOON + timedelta(days=9))
        made[3].delete()  # the last of the first page, at which the cursor points
        second = images_page(images=Image.objects.all(), cursor=first.next_cursor, size=3)
        assert second.images == [made[2], made[1], made[0]]
        assert second.next_cursor is None

    @pytest.mark.parametrize("year", [1, 1826, 9999])
    def test_of_any_age(self, user: User, year: int) -> None:
        made = [add(user, NOON.replace(year=year, microsecond=999_999)) for _ in range(2)]
        assert walk(Image.objects.all(), 1) == [[made[1].pk], [made[0].pk]]

    @pytest.mark.parametrize("cursor", ["", "x", "1", "1.2.3", "a.b", f"{10**30}.1", "-1e9.5", f"1.{10**30}"])
    def test_a_nonsense_cursor_never_fails(self, user: User, cursor: str) -> None:
        image = add(user)
        assert images_page(images=Image.objects.all(), cursor=cursor, size=5).images in ([image], [])

    def test_the_number_of_statements_doesnt_grow(self, user: User, django_assert_num_queries: Any) -> None:
        for _ in range(7):
            add(user)
        for size in (1, 7):
            with django_assert_num_queries(3):
                page = images_page(images=Image.objects.listed_for(user), cursor=None, size=size)
                for image in page.images:
                    assert image.thumbnail is not None
                    assert image_work(image).state == "working"


class TestNeighbours:
    def test_in_the_order_of_the_list(self, user: User) -> None:
        made = [add(user, NOON + timedelta(hours=index // 2)) for index in range(5)]
        for older, image, newer in zip([None, *made], made, [*made[1:], None], strict=False):
            assert image_neighbours(image=image, images=Image.objects.all()) == (newer, older)

    def test_of_that_list_only(self, user: User, other_user: User) -> None:
        theirs, mine, theirs_too = add(other_user), add(user), add(other_user)
        assert image_neighbours(image=mine, images=Image.objects.filter(owner=user)) == (None, None)
        assert image_neighbours(image=mine, images=Image.objects.all()) == (theirs_too, theirs)


class TestWork:
    def work(self, image: Image, states: Sequence[tuple[str, str, str, str]]) -> Any:
        image.stages.all().delete()
        for step, model, state, error in states:
            Stage.objects.create(image=image, step=step, model=model, state=state, error=error)
        return image_work(image)

    @pytest.mark.parametrize(
        ("states", "overall"),
        [
            ([], "ready"),
            (["done", "done"], "ready"),
            (["done", "skipped"], "ready"),
            (["done", "pending"], "working"),
            (["running", "failed"], "working"),
            (["done", "failed"], "failed"),
        ],
    )
    def test_overall(self, user: User, states: list[str], overall: str) -> None:
        rows = [(f"step {index}", "", state, "") for index, state in enumerate(states)]
        assert self.work(add(user), rows).state == overall

    def test_steps_come_in_order_with_their_errors(self, user: User) -> None:
        work = self.work(
            add(user), [("renditions", "", "done", "old"), ("caption", "a", "failed", "No caption came out of it.")]
        )
        assert [(step.name, step.state, step.error) for step in work.steps] == [
            ("renditions", "done", ""),
            ("caption", "failed", "No caption came out of it."),
        ]
        assert work.can_retry

    @pytest.mark.parametrize(("state", "is_open", "can_retry"), [("pending", True, False), ("failed", False, True)])
    def test_a_picture_is_ready_whatever_becomes_of_steps_that_come_later(
        self, user: User, state: str, is_open: bool, can_retry: bool
    ) -> None:
        image = add(user)
        image.stages.update(state="done")
        Stage.objects.create(image=image, step="text", state=state, priority=Stage.Priority.LATER)
        work = image_work(image)
        assert (work.state, work.is_open, work.can_retry) == ("ready", is_open, can_retry)
        assert [(step.name, step.state) for step in work.steps] == [("renditions", "done"), ("text", state)]

    def test_a_new_model_in_the_shadow_of_the_old_doesnt_show(self, user: User) -> None:
        work = self.work(add(user), [("embedding", "old", "done", ""), ("embedding", "new", "pending", "")])
        assert (work.state, [step.state for step in work.steps]) == ("ready", ["done"])


class TestWhoSeesWhat:
    @pytest.fixture
    def shared(self, user: User) -> dict[str, Image]:
        return {visibility: add(user, visibility=visibility) for visibility in Visibility.values}

    def test_owners_see_all_of_theirs(self, user: User, shared: dict[str, Image]) -> None:
        assert set(Image.objects.listed_for(user)) == set(shared.values())
        assert set(Image.objects.reachable_by(user)) == set(shared.values())

    @pytest.mark.parametrize("stranger", ["other", "anonymous"])
    def test_others_see_what_is_shared(self, other_user: User, shared: dict[str, Image], stranger: str) -> None:
        viewer = other_user if stranger == "other" else AnonymousUser()
        assert set(Image.objects.listed_for(viewer)) == {shared["public"]}
        assert set(Image.objects.reachable_by(viewer)) == {shared["public"], shared["link"]}
