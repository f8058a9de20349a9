"""The languages that the site speaks."""

import pytest
from django.conf import settings
from django.test import Client
from django.urls import reverse

pytestmark = pytest.mark.django_db


def test_the_page_says_its_language(client: Client) -> None:
    assert b'<html lang="en">' in client.get("/").content
    german = client.get("/", headers={"Accept-Language": "de-AT, en;q=0.5"})
    assert b'<html lang="de">' in german.content
    assert "Accept-Language" in german["Vary"]


def test_what_somebody_chooses_outweighs_the_browser(client: Client) -> None:
    answer = client.post(reverse("language"), {"language": "de"}, headers={"Referer": "http://testserver/public/"})
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/public/")
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME]["httponly"]
    assert b'<html lang="de">' in client.get("/", headers={"Accept-Language": "en"}).content


def test_choosing_leads_to_no_other_site(client: Client) -> None:
    answer = client.post(reverse("language"), {"language": "de", "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_scripts_get_their_words_as_a_script(client: Client) -> None:
    answer = client.get(reverse("words"), headers={"Accept-Language": "de"})
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"ngettext" in answer.content
