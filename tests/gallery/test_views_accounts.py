"""Signing in, up and out."""

from typing import Any

import pytest
from django.test import Client
from django.urls import reverse

from gallery.models import User

NEW = {"username": "hedy", "password1": "frequency hopping", "password2": "frequency hopping"}
ELSEWHERE = ["https://evil.example/", "//evil.example/", "javascript:alert(1)", "/\\evil.example"]


def test_signing_up_makes_an_account_and_signs_it_in(client: Client, db: None) -> None:
    response = client.post(reverse("sign-up"), NEW)
    assert response["Location"] == reverse("library")
    user = User.objects.get(username="hedy")
    assert client.session["_auth_user_id"] == str(user.pk)
    assert not user.is_staff


def test_a_bad_password_is_explained(client: Client, db: None) -> None:
    response = client.post(reverse("sign-up"), NEW | {"password1": "12345", "password2": "12345"})
    assert "too short" in response.content.decode()
    assert not User.objects.exists()


def test_signing_up_can_be_turned_off(client: Client, db: None, settings: Any) -> None:
    address = reverse("sign-up")
    assert address in client.get(reverse("sign-in")).content.decode()
    settings.SIGN_UP = "closed"
    for page in ("sign-in", "library"):
        assert address not in client.get(reverse(page)).content.decode()
    assert client.get(address).status_code == 404
    assert client.post(address, NEW).status_code == 404
    assert not User.objects.exists()


def test_signing_in_leads_on_to_where_one_was_going(client: Client, user: User) -> None:
    asked = client.get(reverse("upload"))
    assert asked["Location"] == f"{reverse('sign-in')}?next={reverse('upload')}"
    form = {"username": "ada", "password": "analytical engine", "next": reverse("upload")}
    assert client.post(reverse("sign-in"), form)["Location"] == reverse("upload")


@pytest.mark.parametrize("elsewhere", ELSEWHERE)
def test_nobody_is_led_to_another_site(client: Client, user: User, elsewhere: str) -> None:
    form = {"username": "ada", "password": "analytical engine", "next": elsewhere}
    assert client.post(reverse("sign-in"), form)["Location"] == reverse("library")
    client.logout()
    assert client.post(reverse("sign-up"), NEW | {"next": elsewhere})["Location"] == reverse("library")
    assert elsewhere not in client.get(reverse("sign-up"), {"next": elsewhere}).content.decode()


def test_signing_out_takes_a_post(client: Client, user: User) -> None:
    client.force_login(user)
    client.get(reverse("sign-out"))
    assert "_auth_user_id" in client.session
    assert client.post(reverse("sign-out"))["Location"] == reverse("library")
    assert "_auth_user_id" not in client.session


def test_staff_are_shown_the_way_to_the_admin(client: Client, user: User) -> None:
    client.force_login(user)
    assert reverse("admin:index") not in client.get(reverse("library")).content.decode()
    user.is_staff = True
    user.save()
    assert reverse("admin:index") in client.get(reverse("library")).content.decode()
