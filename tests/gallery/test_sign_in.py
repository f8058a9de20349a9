"""How often passwords may be tried, and by whom."""

import logging
from datetime import timedelta
from typing import Any
from unittest import mock

import pytest
from django.contrib.auth.hashers import MD5PasswordHasher
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery.models import AuditEntry, Tries, User
from gallery.sign_in import COOKIE

RIGHT, WRONG = "analytical engine", "difference engine"
HOME, ELSEWHERE = "192.0.2.1", "203.0.113.9"


@pytest.fixture(autouse=True)
def _rates(settings: Any, db: None) -> None:
    settings.RATES = settings.RATES | {"sign-in": (3, 900), "sign-in-address": (5, 900), "sign-in-name": (6, 86_400)}


def sign_in(
    password: str = WRONG, *, username: str = "ada", address: str = HOME, client: Client | None = None, to: str = ""
) -> HttpResponse:
    where = to or reverse("sign-in")
    answer: Any = (client or Client()).post(
        where, {"username": username, "password": password, "next": "/"}, REMOTE_ADDR=address
    )
    return answer  # type: ignore[no-any-return]


def later(seconds: int) -> None:
    """Lets time pass for what is counted."""
    for tries in Tries.objects.all():
        Tries.objects.filter(pk=tries.pk).update(since=tries.since - timedelta(seconds=seconds))


@pytest.mark.parametrize("username", ["ada", "nobody"])
@pytest.mark.parametrize("page", ["sign-in", "admin:login"])
def test_few_wrong_passwords_for_a_name_whoever_has_it(user: User, page: str, username: str) -> None:
    to = reverse(page)
    assert [sign_in(username=username, to=to).status_code for _ in range(3)] == [200] * 3
    refused = sign_in(RIGHT, username=username, to=to)
    assert refused.status_code == 429
    assert 890 < int(refused["Retry-After"]) <= 900
    assert "Try again in about 15 min." in refused.content.decode()
    later(901)
    assert sign_in(username=username, to=to).status_code == 200


def test_it_is_said_in_german(user: User) -> None:
    client = Client(headers={"Accept-Language": "de"})
    for _ in range(3):
        sign_in(client=client)
    refused = sign_in(client=client).content.decode()
    assert "etwa 15 Min" in refused
    assert "Try again" not in refused


def test_right_passwords_use_nothing_up(user: User) -> None:
    assert [sign_in(RIGHT).status_code for _ in range(8)] == [302] * 8
    assert sign_in().status_code == 200


def test_one_address_has_few_tries_for_all_names_together(user: User) -> None:
    assert [sign_in(username=f"name{number}").status_code for number in range(6)] == [200] * 5 + [429]
    assert sign_in(RIGHT).status_code == 429
    assert sign_in(RIGHT, address=ELSEWHERE).status_code == 302


def test_wrong_ones_from_elsewhere_keep_nobody_out(user: User) -> None:
    for _ in range(4):
        sign_in(address=ELSEWHERE)
    assert sign_in(address=ELSEWHERE).status_code == 429
    assert sign_in(RIGHT).status_code == 302


def test_thousands_of_addresses_are_stopped_but_not_the_browser_that_is_known(user: User) -> None:
    known = Client()
    assert sign_in(RIGHT, client=known).status_code == 302
    known.post(reverse("sign-out"))
    cookie = known.cookies[COOKIE]
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Lax")

    answers = [sign_in(address=f"203.0.113.{number}").status_code for number in range(8)]
    assert answers == [200] * 6 + [429] * 2
    assert sign_in(RIGHT).status_code == 429
    assert sign_in(RIGHT, client=known).status_code == 302


def test_a_known_browser_is_bounded_as_well_and_known_for_one_person_alone(user: User, other_user: User) -> None:
    known = Client()
    sign_in(RIGHT, client=known)
    known.post(reverse("sign-out"))
    for address in ("10.0.0.1", "10.0.0.2", "10.0.0.3"):
        assert sign_in(client=known, address=address).status_code == 200
    assert sign_in(RIGHT, client=known, address="10.0.0.4").status_code == 429
    for _ in range(3):
        sign_in(username="grace", client=known)
    assert sign_in(username="grace", client=known).status_code == 429
    assert sign_in("nanoseconds matter", username="grace", address=ELSEWHERE).status_code == 302


def test_a_stolen_cookie_has_no_more_tries_a_day_than_a_crowd(user: User) -> None:
    stolen = Client()
    sign_in(RIGHT, client=stolen)
    stolen.post(reverse("sign-out"))
    answers = []
    for _ in range(3):
        answers += [sign_in(client=stolen).status_code for _ in range(3)]
        later(901)
    assert answers == [200] * 6 + [429] * 3


@pytest.mark.parametrize("page", ["sign-in", "sign-up", "admin:login", "password-change", "account-delete"])
def test_reports_of_errors_show_no_password(client: Client, user: User, page: str) -> None:
    if page in ("password-change", "account-delete"):
        client.force_login(user)
    answer = client.post(reverse(page), {"username": "ada", "password": RIGHT})
    assert answer.wsgi_request.sensitive_post_parameters == "__ALL__"


def test_a_forged_cookie_makes_no_browser_known(user: User) -> None:
    client = Client()
    client.cookies[COOKIE] = "WzEsICJhIl0:1abcde:forged"
    for _ in range(3):
        sign_in(client=client)
    assert sign_in(RIGHT, client=client).status_code == 429


def test_bounds_can_be_switched_off(user: User, settings: Any) -> None:
    settings.RATES = settings.RATES | {"sign-in": None, "sign-in-address": None, "sign-in-name": None}
    assert {sign_in().status_code for _ in range(10)} == {200}


def test_staff_read_of_it_once_without_what_was_typed(user: User, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING, logger="gallery.sign_in"):
        for _ in range(6):
            sign_in()
        for _ in range(4):
            sign_in(username=WRONG, address=ELSEWHERE)  # the password in the wrong field
    entries = AuditEntry.objects.filter(action="account.throttled").order_by("pk")
    assert [(entry.target, entry.actor, entry.details) for entry in entries] == [("ada", None, {}), ("", None, {})]
    assert WRONG not in caplog.text
    assert HOME in caplog.text


@pytest.mark.parametrize("username", ["ada", "nobody"])
def test_names_that_nobody_has_take_as_much_work(user: User, username: str) -> None:
    with mock.patch.object(MD5PasswordHasher, "encode", autospec=True, side_effect=MD5PasswordHasher.encode) as hashed:
        sign_in(username=username)
    assert hashed.call_count == 1


def test_whoever_comes_by_an_open_session_guesses_no_more(client: Client, user: User) -> None:
    client.force_login(user)
    wrong = {"old_password": WRONG, "new_password1": "looms and cards", "new_password2": "looms and cards"}
    gone = {"username": "ada", "password": WRONG}
    assert client.post(reverse("password-change"), wrong).status_code == 200
    assert client.post(reverse("account-delete"), gone).status_code == 400
    assert client.post(reverse("password-change"), wrong).status_code == 200
    assert client.post(reverse("account-delete"), gone | {"password": RIGHT}).status_code == 429
    assert client.post(reverse("password-change"), wrong | {"old_password": RIGHT}).status_code == 429
    assert User.objects.get().check_password(RIGHT)


def test_staff_change_their_password_where_everybody_does(client: Client, user: User) -> None:
    user.is_staff = True
    user.save()
    client.force_login(user)
    assert client.get(reverse("admin:password_change"))["Location"] == reverse("password-change")
    guessed = {"old_password": RIGHT, "new_password1": "looms and cards", "new_password2": "looms and cards"}
    client.post(reverse("admin:password_change"), guessed)
    assert User.objects.get().check_password(RIGHT)


def test_accounts_and_mail_are_bounded_by_address(client: Client, settings: Any) -> None:
    settings.RATES = settings.RATES | {"sign-up": (2, 3_600), "password-reset": (2, 3_600)}
    settings.SENDS_MAIL = True
    for page, form in (("sign-up", {"username": "hedy"}), ("password-reset", {"email": "nobody@example.com"})):
        answers = [client.post(reverse(page), form) for _ in range(3)]
        assert answers[-1].status_code == 429
        assert answers[-1]["Retry-After"]
        assert 429 not in {answer.status_code for answer in answers[:-1]}
        assert client.get(reverse(page)).status_code == 200


def test_what_was_tried_long_ago_is_forgotten(user: User) -> None:
    from gallery.tries import tries_forget

    sign_in()
    tries_forget()
    assert Tries.objects.exists()
    Tries.objects.update(since=timezone.now() - timedelta(days=1, seconds=1))
    tries_forget()
    assert not Tries.objects.exists()
