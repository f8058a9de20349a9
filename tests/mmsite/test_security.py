"""What browsers are told of the site, and that its pages need no exception from it."""

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client
from django.urls import reverse

from gallery.models import User

PAGES = ["library", "sign-in", "sign-up", "upload", "search", "account", "admin:index", "admin:login", "api:docs"]
PAGES += ["admin:gallery_user_changelist", "admin:gallery_user_add", "albums", "describe"]


class Inline(HTMLParser):
    """What a page has of scripts and styles of its own, which `default-src 'self'` refuses."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = dict(attrs)
        is_data = (said.get("type") or "").endswith("json")
        if tag == "style" or (tag == "script" and "src" not in said and not is_data):
            self.found.append(tag)
        self.found += [name for name in said if name == "style" or name.startswith("on")]
        self.found += [value for value in said.values() if value and value.lower().startswith("javascript:")]


@pytest.fixture
def staff(client: Client, db: None) -> Client:
    client.force_login(User.objects.create_superuser("root"))
    return client


@pytest.mark.parametrize("page", PAGES)
def test_no_page_has_a_script_or_a_style_inline(staff: Client, page: str) -> None:
    asking = Client() if page in ("sign-in", "sign-up", "admin:login") else staff
    answer: Any = asking.get(reverse(page))
    assert answer.status_code == 200
    inline = Inline()
    inline.feed(answer.content.decode())
    assert inline.found == []


@pytest.mark.parametrize("path", ["/", "/sign-in/", "/admin/login/", "/nowhere/", "/api/v1/", "/media/x"])
def test_every_answer_says_what_browsers_may_do(client: Client, db: None, path: str) -> None:
    answer: Any = client.get(path)
    policy = dict(re.findall(r"([\w-]+) ([^;]+)", answer["Content-Security-Policy"]))
    assert (policy["default-src"], policy["frame-ancestors"], policy["object-src"]) == ("'self'", "'none'", "'none'")
    assert "unsafe" not in answer["Content-Security-Policy"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["Referrer-Policy"] == "same-origin"
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"


def test_cookies_are_for_this_site_and_behind_https_for_https_alone(client: Client, user: User, settings: Any) -> None:
    def sign_in() -> HttpResponse:
        answer: Any = client.post("/sign-in/", {"username": "ada", "password": "analytical engine"})
        return answer  # type: ignore[no-any-return]

    settings.SESSION_COOKIE_SECURE = settings.CSRF_COOKIE_SECURE = True
    cookies = sign_in().cookies
    assert set(cookies) >= {"sessionid", "browser", "csrftoken"}
    for name, cookie in cookies.items():
        assert (cookie["secure"], cookie["samesite"]) == (True, "Lax"), name
        assert bool(cookie["httponly"]) == (name != "csrftoken"), name
