"""Whole numbers out of addresses and forms."""

import pytest
from django.test import Client
from django.urls import reverse

from gallery.albums import album_create
from gallery.models import User
from gallery.numbers import whole


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("007", 7), ("9" * 18, 10**18 - 1)])
def test_numbers(text: str, number: int) -> None:
    assert whole(text) == number


@pytest.mark.parametrize("text", ["", "-1", "+1", " 1", "1.0", "1e3", "²", "٣", "9" * 19, "9" * 5_000])
def test_what_is_none(text: str) -> None:
    assert whole(text) is None


def test_the_bound_may_be_nearer() -> None:
    assert (whole("123", digits=3), whole("1234", digits=3)) == (123, None)


@pytest.mark.parametrize(
    ("page", "field"),
    [("account-sessions-end", "session"), ("invitation-withdraw", "invitation"), ("album-links", "revoke")],
)
def test_a_number_of_5000_digits_is_nothing_that_is_there(client: Client, user: User, page: str, field: str) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    args = [album_create(owner=user, title="Iceland").uuid] if page == "album-links" else []
    assert client.post(reverse(page, args=args), {field: "9" * 5_000}).status_code == 302
