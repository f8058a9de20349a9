"""The page of near-duplicates, and what is done there."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from django.http import HttpResponse
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from gallery.albums import album_add, album_create
from gallery.models import Image, User
from gallery.tags import images_tag
from search import duplicate_groups
from search.models import Look, NearDuplicate
from tests.search.photographs import photograph, take_in

Kind = NearDuplicate.Kind
PAGE = "/duplicates/"
SOME = str(uuid4())


@pytest.fixture
def signed_in(client: Client, user: User) -> Client:
    client.force_login(user)
    return client


@pytest.fixture
def group(user: User) -> list[Image]:
    """A picture, a smaller copy of it and a shot of the same moment."""
    images = [
        take_in(photograph(0), user, name="original.jpg"),
        take_in(photograph(0, (160, 120)), user, name="small.jpg"),
        take_in(photograph(1, (240, 180)), user, name="shot.jpg"),
    ]
    for image, kind in ((images[1], Kind.COPY), (images[2], Kind.SHOT)):
        NearDuplicate.objects.create(first=images[0], second=image, kind=kind)
    return images


def send(client: Client, what: str, group: Sequence[Image], ticked: Sequence[Image] = (), **more: Any) -> HttpResponse:
    data = {"group": [image.uuid for image in group], "image": [image.uuid for image in ticked], **more}
    return client.post(reverse(f"duplicates-{what}"), data, follow=True)  # type: ignore[return-value]


def text_of(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.mark.parametrize(
    ("best", "copy", "is_ticked"),
    [("", "", True), ("Grand Hotel", "", True), ("a b c d e f", "a b c d x", True), ("Page 1", "Page 2", False)],
)
def test_a_copy_is_only_ticked_where_it_says_no_more_than_the_best(
    signed_in: Client, group: list[Image], best: str, copy: str, is_ticked: bool
) -> None:
    for image, said in zip(group, (best, copy), strict=False):
        Image.objects.filter(pk=image.pk).update(text_in_picture=said)
    assert (f'value="{group[1].uuid}" checked' in text_of(signed_in.get(PAGE))) is is_ticked


def test_pictures_stand_side_by_side_with_what_tells_them_apart(signed_in: Client, group: list[Image]) -> None:
    page = text_of(signed_in.get(PAGE))
    assert "3 pictures that are nearly the same" in page
    for image in group:
        assert image.get_absolute_url() in page
    assert page.count("Suggested to keep") == 1
    assert '<dt>Size</dt><dd class="break">160 × 120</dd>' in page
    assert "small.jpg" in page
    assert "<dt>Camera</dt>" not in page  # none of them tells


def test_only_copies_are_ticked(signed_in: Client, group: list[Image]) -> None:
    page = text_of(signed_in.get(PAGE))
    ticked = [image.file_name for image in group if f'value="{image.uuid}" checked' in page]
    assert ticked == ["small.jpg"]


def test_copies_alone(signed_in: Client, group: list[Image]) -> None:
    page = text_of(signed_in.get(PAGE, {"copies": "on"}))
    assert "2 copies of one picture" in page
    assert str(group[2].uuid) not in page


def test_the_page_takes_as_many_statements_for_many_groups(signed_in: Client, group: list[Image], user: User) -> None:
    def statements() -> int:
        with CaptureQueriesContext(connection) as captured:
            signed_in.get(PAGE)
        return len(captured)

    before = statements()
    for seed in (2, 3):
        pair = [take_in(photograph(seed), user), take_in(photograph(seed), user, quality=50)]
        NearDuplicate.objects.create(first=pair[0], second=pair[1], kind=Kind.COPY)
    assert statements() == before <= 11


def test_of_very_many_it_says_that_others_follow(
    signed_in: Client, group: list[Image], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "Others follow" not in text_of(signed_in.get(PAGE))
    monkeypatch.setattr(duplicate_groups, "MOST_PAIRS", 1)
    assert "Others follow once these are seen to." in text_of(signed_in.get(PAGE))


def test_nothing_found(signed_in: Client) -> None:
    page = text_of(signed_in.get(PAGE))
    assert "No duplicates" in page
    assert "compared" not in page


def test_it_says_how_far_comparing_is(signed_in: Client, user: User) -> None:
    images = [take_in(photograph(seed), user) for seed in range(3)]
    Look.objects.create(image=images[0], is_compared=True)
    Look.objects.create(image=images[1])
    page = text_of(signed_in.get(PAGE))
    assert "1 of 3 pictures compared" in page
    assert "Nothing found so far" in page


def test_what_was_ticked_moves_to_the_trash(signed_in: Client, group: list[Image]) -> None:
    page = send(signed_in, "delete", group, group[1:], page=3, copies="on")
    assert list(Image.objects.all()) == [group[0]]
    assert Image.with_trash.count() == 3
    assert "2 pictures moved to the trash." in text_of(page)
    assert "none of them stays" not in text_of(page)
    assert page.redirect_chain[-1][0] == f"{PAGE}?page=3&copies=on"  # type: ignore[attr-defined]
    assert "original.jpg" not in text_of(signed_in.get(PAGE))


def test_what_speaks_for_a_picture_is_said(signed_in: Client, group: list[Image], user: User) -> None:
    some = Image.objects.filter(pk=group[1].pk)
    images_tag(owner=user, images=some, names=["family"])
    album_add(album=album_create(owner=user, title="The fifties"), images=some)
    page = text_of(signed_in.get(PAGE))
    assert '<dt>Albums</dt><dd class="break">The fifties</dd>' in page
    assert page.count('<dt>Tags</dt><dd class="break">none</dd>') == 2


def test_ticking_all_is_told_of(signed_in: Client, group: list[Image]) -> None:
    gone, *present = group
    Image.objects.filter(pk=gone.pk).delete()
    assert "none of them stays" in text_of(send(signed_in, "delete", group, present))


def test_nothing_ticked_nothing_deleted(signed_in: Client, group: list[Image]) -> None:
    page = send(signed_in, "delete", group)
    assert "Tick the pictures to delete first" in text_of(page)
    assert Image.objects.count() == 3


def test_kept_ones_are_not_shown_again(signed_in: Client, group: list[Image]) -> None:
    Look.objects.bulk_create(Look(image=image, is_compared=True) for image in group)
    page = text_of(send(signed_in, "keep", group))
    assert "won’t be asked" in page
    assert "No duplicates" in page
    assert Image.objects.count() == 3


@pytest.mark.parametrize("what", ["keep", "delete"])
def test_pictures_of_others_are_left_alone(client: Client, other_user: User, group: list[Image], what: str) -> None:
    client.force_login(other_user)
    send(client, what, group, group)
    assert Image.objects.count() == 3
    assert not NearDuplicate.objects.filter(is_dismissed=True).exists()


@pytest.mark.parametrize(
    "data", [{}, {"group": "x"}, {"group": str(uuid4()), "page": "0"}, {"group": str(uuid4()), "image": "x"}]
)
@pytest.mark.parametrize("what", ["keep", "delete"])
def test_nonsense_is_not_found(signed_in: Client, what: str, data: dict[str, str]) -> None:
    assert signed_in.post(reverse(f"duplicates-{what}"), data).status_code == 404


@pytest.mark.parametrize("page", ["0", "x", "1000000"])
def test_no_such_page(signed_in: Client, page: str) -> None:
    assert signed_in.get(PAGE, {"page": page}).status_code == 404


@pytest.mark.parametrize("what", ["keep", "delete"])
def test_strangers_sign_in_first(client: Client, group: list[Image], what: str) -> None:
    response = client.post(reverse(f"duplicates-{what}"), {"group": str(group[0].uuid)})
    assert response["Location"] == f"{reverse('sign-in')}?next={PAGE}"
