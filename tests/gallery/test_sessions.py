"""Where people are signed in: noted at sign-in, seen now and then, ended one by one or all but this one."""

from datetime import timedelta
from typing import Any

import pytest
from django.contrib.sessions.models import Session
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from gallery import sessions
from gallery.models import AuditEntry, PersonSession, User
from gallery.user_agents import in_words

FIREFOX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
CHROME = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Safari/537.36"
EDGE = f"{CHROME} Edg/140.0"
IPHONE = "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 Version/19.0 Mobile Safari/604.1"
PIXEL = "Mozilla/5.0 (Linux; Android 16; Pixel 9) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0 Mobile Safari"
FORM = {"username": "ada", "password": "analytical engine"}


def signed_in(agent: str) -> Client:
    client = Client(headers={"User-Agent": agent})
    assert client.post(reverse("sign-in"), FORM).status_code == 302
    return client


def is_signed_in(client: Client) -> bool:
    return client.get(reverse("account")).status_code == 200


@pytest.mark.parametrize(
    ("agent", "words"),
    [
        (FIREFOX, "Firefox on Linux"),
        (CHROME, "Chrome on Windows"),
        (EDGE, "Edge on Windows"),
        (IPHONE, "Safari on an iPhone"),
        (PIXEL, "Chrome on Android"),
        ("Something (Macintosh)", "A browser on a Mac"),
        ("python-requests/2.32", "A Python program"),
        ("", "An unknown browser"),
    ],
)
def test_browsers_in_words(agent: str, words: str) -> None:
    assert in_words(agent) == words


def test_signing_in_is_noted(user: User) -> None:
    client = signed_in(FIREFOX)
    [noted] = sessions.sessions_of(user)
    assert (noted.session_key, noted.user_agent) == (client.session.session_key, FIREFOX)
    page = client.get(reverse("account")).content.decode()
    assert "Firefox on Linux" in page
    assert "(this one)" in page


def test_last_seen_is_written_now_and_then_only(user: User) -> None:
    client = signed_in(FIREFOX)
    before = PersonSession.objects.get().last_seen_at
    client.get(reverse("account"))
    assert PersonSession.objects.get().last_seen_at == before
    stored = client.session
    stored["noted"] = stored.session_key, int((timezone.now() - timedelta(minutes=6)).timestamp())
    stored.save()
    client.get(reverse("account"))
    assert PersonSession.objects.get().last_seen_at > before


def test_a_page_that_asks_for_nobody_costs_nothing(user: User, django_assert_num_queries: Any) -> None:
    client = signed_in(FIREFOX)
    with django_assert_num_queries(0):
        client.get(reverse("favicon"))


def test_a_session_from_before_is_noted_when_it_comes_again(client: Client, user: User) -> None:
    client.force_login(user)
    stored = client.session
    del stored["noted"]
    stored.save()
    PersonSession.objects.all().delete()
    client.get(reverse("account"))
    assert PersonSession.objects.get().session_key == client.session.session_key


def test_ending_one_session_signs_out_there_alone(user: User) -> None:
    here, there, elsewhere = (signed_in(agent) for agent in (FIREFOX, CHROME, IPHONE))
    ended = PersonSession.objects.get(user_agent=CHROME)
    here.post(reverse("account-sessions-end"), {"session": ended.pk})
    assert [is_signed_in(each) for each in (here, there, elsewhere)] == [True, False, True]
    assert AuditEntry.objects.filter(action="session.end", actor=user).count() == 1


def test_ending_all_others_leaves_this_one(user: User) -> None:
    here, there, elsewhere = (signed_in(agent) for agent in (FIREFOX, CHROME, IPHONE))
    here.post(reverse("account-sessions-end"))
    assert [is_signed_in(each) for each in (here, there, elsewhere)] == [True, False, False]
    assert [each.user_agent for each in sessions.sessions_of(user)] == [FIREFOX]


@pytest.mark.parametrize("given", ["", "0", "x", "99999999999999999999999"])
def test_what_is_not_ones_own_is_not_ended(user: User, other_user: User, given: str) -> None:
    theirs = Client()
    theirs.force_login(other_user)
    row = PersonSession.objects.get(user=other_user)
    here = signed_in(FIREFOX)
    assert here.post(reverse("account-sessions-end"), {"session": given or row.pk}).status_code == 302
    assert is_signed_in(theirs)
    assert is_signed_in(here)


def test_sessions_that_ended_by_themselves_are_not_listed_and_go(user: User) -> None:
    left, outdated = signed_in(CHROME), signed_in(IPHONE)
    left.post(reverse("sign-out"))
    assert not PersonSession.objects.filter(user_agent=CHROME).exists()
    key = outdated.session.session_key
    Session.objects.filter(session_key=key).update(expire_date=timezone.now() - timedelta(days=1))
    assert sessions.sessions_of(user) == []
    signed_in(FIREFOX)
    assert PersonSession.objects.get().user_agent == FIREFOX


def test_the_sweep_clears_away_what_ran_out(user: User) -> None:
    here, outdated = signed_in(FIREFOX), signed_in(IPHONE)
    yesterday = timezone.now() - timedelta(days=1)
    Session.objects.filter(session_key=outdated.session.session_key).update(expire_date=yesterday)
    sessions.sessions_clear()
    assert Session.objects.get().session_key == here.session.session_key
    assert PersonSession.objects.get().user_agent == FIREFOX


def test_a_new_password_ends_the_others_and_keeps_this_one_as_old_as_it_is(user: User) -> None:
    here, there = signed_in(FIREFOX), signed_in(CHROME)
    since = PersonSession.objects.get(user_agent=FIREFOX).created_at
    new = "difference engine"
    form = {"old_password": FORM["password"], "new_password1": new, "new_password2": new}
    assert here.post(reverse("password-change"), form)["Location"] == reverse("account")
    assert is_signed_in(here)
    assert not is_signed_in(there)
    [only] = sessions.sessions_of(user)
    assert (only.created_at, only.session_key) == (since, here.session.session_key)
    assert AuditEntry.objects.filter(action="account.password").exists()
