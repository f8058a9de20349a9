"""Tokens: made, shown once, refused when they must be."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from api.exceptions import TokenRefused
from api.models import Token
from api.tokens import token_create, token_find, token_revoke
from gallery.models import AuditEntry, User
from tests.api.conftest import Api


def test_the_secret_is_not_kept(user: User) -> None:
    made = token_create(owner=user, name="  My   phone ", scopes=["write", "read"])
    assert made.secret.startswith("mms_")
    row = Token.objects.values().get()
    assert made.secret not in repr(row)
    assert made.secret.startswith(row["prefix"])
    assert (row["name"], row["scopes"]) == ("My phone", ["read", "write"])
    assert token_find(secret=made.secret) == made.token


def test_who_made_and_revoked_it_is_written_down(user: User) -> None:
    made = token_create(owner=user, name="phone", scopes=["read"])
    token_revoke(token=made.token, actor=user)
    token_revoke(token=made.token, actor=user)
    assert list(AuditEntry.objects.order_by("pk").values_list("action", "target")) == [
        ("token.create", "phone"),
        ("token.revoke", "phone"),
    ]
    assert made.secret not in repr(list(AuditEntry.objects.values()))


@pytest.mark.parametrize(
    ("wish", "field"),
    [
        ({"name": " ", "scopes": ["read"]}, "name"),
        ({"name": "x", "scopes": []}, "scopes"),
        ({"name": "x", "scopes": ["admin"]}, "scopes"),
        ({"name": "x", "scopes": ["read"], "expires_at": timezone.now() - timedelta(days=1)}, "expires_at"),
    ],
)
def test_what_is_refused(user: User, wish: dict[str, Any], field: str) -> None:
    with pytest.raises(TokenRefused) as refusal:
        token_create(owner=user, **wish)
    assert refusal.value.field == field


def test_it_lets_in_until_it_is_revoked_or_expires(user: User) -> None:
    made = token_create(owner=user, name="x", scopes=["read"], expires_at=timezone.now() + timedelta(hours=1))
    assert Api(made.secret).get("me/").json()["username"] == "ada"
    Token.objects.update(expires_at=timezone.now())
    refused = Api(made.secret).get("me/")
    assert refused.status_code == 401
    assert refused["WWW-Authenticate"].startswith("Bearer")
    Token.objects.update(expires_at=None)
    assert Api(made.secret).get("me/").status_code == 200
    token_revoke(token=made.token, actor=user)
    assert Api(made.secret).get("me/").status_code == 401


def test_it_lets_nobody_in_whose_account_is_closed(user: User) -> None:
    secret = token_create(owner=user, name="x", scopes=["read"]).secret
    User.objects.update(is_active=False)
    assert Api(secret).get("me/").status_code == 401


@pytest.mark.parametrize("secret", ["", "mms_wrong", "münchen", "a b", "\x7f" * 300])
def test_wrong_secrets(db: None, secret: str) -> None:
    header = f"Bearer {secret}".encode().decode("latin-1")
    assert Api(None).get("me/", headers={"Authorization": header}).status_code == 401


def test_its_use_is_written_down_once_a_minute(user: User) -> None:
    secret = token_create(owner=user, name="x", scopes=["read"]).secret
    api = Api(secret)
    api.get("me/")
    first = Token.objects.get().last_used_at
    assert first is not None
    api.get("me/")
    assert Token.objects.get().last_used_at == first
    Token.objects.update(last_used_at=first - timedelta(minutes=2))
    api.get("me/")
    assert Token.objects.get().last_used_at > first - timedelta(minutes=1)


def test_a_session_makes_lists_and_revokes_them(user: User) -> None:
    client = Client()
    client.force_login(user)
    made = client.post("/api/v1/tokens/", {"name": "x", "scopes": ["read"]}, content_type="application/json")
    assert made.status_code == 201
    assert Api(made.json()["secret"]).get("me/").json()["scopes"] == ["read"]
    listed = client.get("/api/v1/tokens/").json()["results"]
    assert [each["id"] for each in listed] == [made.json()["id"]]
    assert made.json()["secret"] not in str(listed)
    assert client.delete(f"/api/v1/tokens/{made.json()['id']}/").status_code == 204
    assert Api(made.json()["secret"]).get("me/").status_code == 401
    assert client.get("/api/v1/tokens/").json()["results"] == []


def test_a_token_makes_no_others(api: Api) -> None:
    refused = api.post("tokens/", {"name": "x", "scopes": ["read"]})
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:mmsite:problem:session-only"


def test_others_tokens_are_absent(user: User, other_user: User) -> None:
    token = token_create(owner=other_user, name="x", scopes=["read"]).token
    client = Client()
    client.force_login(user)
    assert client.delete(f"/api/v1/tokens/{token.pk}/").status_code == 404
    token.refresh_from_db()
    assert token.is_open


def test_a_session_needs_the_token_of_a_form(user: User) -> None:
    client = Client(enforce_csrf_checks=True)
    client.force_login(user)
    refused = client.post("/api/v1/tokens/", {"name": "x", "scopes": ["read"]}, content_type="application/json")
    assert refused.status_code == 403
    assert refused.json()["type"] == "urn:mmsite:problem:csrf"


def test_the_page_shows_a_new_secret_once(user: User) -> None:
    client = Client()
    client.force_login(user)
    page = client.post("/account/tokens/new/", {"name": "phone", "scopes": ["read"], "days": "30"})
    assert page.status_code == 200
    secret = page.context["made"].secret
    assert secret in page.content.decode()
    token = Token.objects.get()
    assert token.expires_at is not None
    assert timedelta(days=29) < token.expires_at - timezone.now() <= timedelta(days=30)
    again = client.get("/account/tokens/").content.decode()
    assert "phone" in again
    assert secret not in again
    asked = client.post("/account/tokens/revoke/", {"token": token.pk})
    assert "Revoke the token" in asked.content.decode()
    assert token_find(secret=secret) == token
    client.post("/account/tokens/revoke/", {"token": token.pk, "sure": "on"})
    assert token_find(secret=secret) is None


def test_the_page_says_what_is_wrong(user: User) -> None:
    client = Client()
    client.force_login(user)
    page = client.post("/account/tokens/new/", {"name": "", "scopes": ["admin"]})
    assert page.status_code == 400
    assert "Say what the token is for." in page.content.decode()
    assert not Token.objects.exists()
