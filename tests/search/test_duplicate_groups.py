"""Putting pairs of pictures into groups around the best of each."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from gallery.models import Image, User
from gallery.trash import images_trash
from search import duplicate_groups
from search.duplicate_groups import GroupPage, groups_page
from search.models import NearDuplicate

Kind = NearDuplicate.Kind
Make = Callable[..., Image]


@pytest.fixture
def images(make_image: Make) -> list[Image]:
    """Six pictures, each with more pixels than the next."""
    made = [make_image((40 * number, 0, 0)) for number in range(6)]
    for number, image in enumerate(made):
        Image.objects.filter(pk=image.pk).update(width=1000 - 100 * number)
    return made


def pair(one: Image, other: Image, kind: Kind = Kind.COPY, *, is_dismissed: bool = False) -> None:
    first, second = sorted([one.pk, other.pk])
    NearDuplicate.objects.create(first_id=first, second_id=second, kind=kind, is_dismissed=is_dismissed)


def page(user: User, number: int = 1, *kinds: Kind) -> GroupPage:
    return groups_page(owner=user, kinds=kinds or list(Kind), number=number)


def groups(user: User, *kinds: Kind) -> list[list[int]]:
    return [[group.best.pk, *(image.pk for image, _ in group.others)] for group in page(user, 1, *kinds).groups]


def test_a_group_is_around_its_best(user: User, images: list[Image]) -> None:
    a, b, c, *_ = images
    pair(b, c)
    pair(a, c, Kind.SHOT)
    pair(a, b)
    (group,) = page(user).groups
    assert group.best == a
    assert group.others == [(b, Kind.COPY), (c, Kind.SHOT)]


def test_a_chain_is_not_a_group(user: User, images: list[Image]) -> None:
    for one, other in pairwise(images):
        pair(one, other)
    a, b, c, d, e, f = (image.pk for image in images)
    assert groups(user) == [[e, f], [c, d], [a, b]]


@pytest.mark.parametrize(
    ("better", "worse"),
    [
        ({"width": 400}, {"width": 300, "description_by_person": True, "visibility": "public", "byte_size": 9_000}),
        ({"description_by_person": True}, {"visibility": "public", "byte_size": 9_000}),
        ({"visibility": "public"}, {"visibility": "link", "byte_size": 9_000}),
        ({"visibility": "link"}, {"byte_size": 9_000}),
        ({"byte_size": 9_000}, {}),
    ],
)
@pytest.mark.parametrize("is_older", [True, False])
def test_which_is_the_best(user: User, make_image: Make, better: dict, worse: dict, is_older: bool) -> None:  # type: ignore[type-arg]
    made = [make_image(color) for color in ("red", "blue")]
    best, other = made if is_older else reversed(made)
    for image, facts in ((best, better), (other, worse)):
        Image.objects.filter(pk=image.pk).update(**{"width": 300, "height": 200, "byte_size": 5_000} | facts)
    pair(best, other)
    assert groups(user) == [[best.pk, other.pk]]


def test_of_equals_the_earliest_is_the_best(user: User, make_image: Make) -> None:
    made = [make_image(color) for color in ("red", "blue")]
    Image.objects.update(byte_size=1)
    pair(*made)
    assert groups(user) == [[image.pk for image in made]]


def test_copies_alone(user: User, images: list[Image]) -> None:
    pair(images[0], images[1], Kind.SHOT)
    pair(images[0], images[2], Kind.COPY)
    assert groups(user, Kind.COPY) == [[images[0].pk, images[2].pk]]


def test_what_was_dismissed_comes_back_only_for_what_is_new(user: User, images: list[Image]) -> None:
    a, b, c, *_ = images
    pair(a, b, is_dismissed=True)
    assert groups(user) == []
    pair(a, c)
    pair(b, c)
    assert groups(user) == [[a.pk, c.pk]]


def test_the_groups_of_others_are_theirs(user: User, other_user: User, images: list[Image], make_image: Make) -> None:
    pair(images[0], images[1])
    assert groups(other_user) == []
    theirs = make_image("blue", owner=other_user)
    pair(images[2], theirs)  # as after somebody gave a picture away
    assert groups(other_user) == []
    assert len(groups(user)) == 1


def test_large_groups_are_cut(user: User, images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_groups, "MOST_IN_GROUP", 3)
    for number, one in enumerate(images):
        for other in images[number + 1 :]:
            pair(one, other)
    a, b, c, d, e, f = (image.pk for image in images)
    assert groups(user) == [[d, e, f], [a, b, c]]


def test_of_very_many_pairs_the_newest_come_first(
    user: User, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    a, b, c, d, e, f = images
    for one, other in ((a, b), (e, f), (c, d)):
        pair(one, other)
    assert page(user).is_total_exact
    monkeypatch.setattr(duplicate_groups, "MOST_PAIRS", 2)
    shown = page(user)
    assert ([group.best for group in shown.groups], shown.total, shown.is_total_exact) == ([e, c], 2, False)
    images_trash(images=[c])
    shown = page(user)
    assert ([group.best for group in shown.groups], shown.total, shown.is_total_exact) == ([e, a], 2, True)


def test_pages_newest_first_in_few_statements(user: User, images: list[Image], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicate_groups, "GROUPS_A_PAGE", 2)
    a, b, c, d, e, f = images
    for one, other in ((a, b), (c, d), (e, f)):
        pair(one, other)
    with CaptureQueriesContext(
        connection,
    ) as statements:
        first = page(user, 1)
    assert len(statements) == 6
    assert [group.best for group in first.groups] == [e, c]
    assert (first.total, first.pages) == (3, 2)
    for number in (2, 7):
        last = page(user, number)
        assert ([group.best for group in last.groups], last.number) == ([a], 2)


def test_a_picture_deleted_meanwhile_takes_its_group_along(
    user: User, images: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    pair(images[0], images[1])
    find = duplicate_groups._best_first

    def delete_after(*args: Any) -> list[int]:
        found = find(*args)
        images[1].delete()
        return found

    monkeypatch.setattr(duplicate_groups, "_best_first", delete_after)
    assert page(user).groups == []


def test_no_pairs_no_groups(user: User) -> None:
    assert page(user) == GroupPage(groups=[], total=0, number=1, pages=1, is_total_exact=True)
