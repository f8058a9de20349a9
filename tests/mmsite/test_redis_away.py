"""Redis that doesn't answer: nobody is kept from their pictures. It counts and wakes, and keeps nothing."""

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from api.throttles import count_again
from api.tokens import token_create
from gallery.models import Image, User
from mmsite import overview
from tests.mmsite.conftest import UseRedis

pytestmark = pytest.mark.django_db(transaction=True)  # wake-ups come after commits

PASSWORD = "nanoseconds of wire"
PAGES = (
    "library", "public", "albums", "upload", "describe", "search", "tags", "trash", "jobs", "review", "duplicates",
    "golden", "account", "activity", "tokens", "webhooks", "invitations", "admin:index", "metrics", "healthz", "readyz",
    "password-reset", "sign-up",
)  # fmt: skip


@contextmanager
def nothing_listens() -> Iterator[int]:
    """A port that refuses connections: it is bound, so that nobody else takes it, but nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield taken.getsockname()[1]


@contextmanager
def nothing_answers() -> Iterator[int]:
    """One that takes connections, and then says nothing."""
    with socket.socket() as deaf:
        deaf.bind(("127.0.0.1", 0))
        deaf.listen(128)
        yield deaf.getsockname()[1]


@pytest.fixture(params=[nothing_listens, nothing_answers])
def away(request: pytest.FixtureRequest, settings: Any, use_redis: UseRedis, monkeypatch: Any) -> Iterator[None]:
    """The cache and the broker of the settings, as MMSITE_REDIS_URL makes them."""
    with request.param() as port:
        url = f"redis://127.0.0.1:{port}/0"
        use_redis(url)
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": url,
                "OPTIONS": {"socket_timeout": 0.05, "socket_connect_timeout": 0.05},
            }
        }
        for name in ("CONNECT_SECONDS", "ANSWER_SECONDS"):
            monkeypatch.setattr(f"mmsite.broker.{name}", 0.05)
        count_again()
        with pytest.raises(Exception, match=r"[Tt]imeout|refused"):
            cache.get("anything")
        yield
        count_again()


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_superuser("grace", "grace@example.org", PASSWORD)


@pytest.mark.usefixtures("away")
def test_people_sign_in_and_every_page_answers(client: Client, person: User, make_image: Callable[..., Image]) -> None:
    image = make_image("red")
    Image.objects.update(visibility="public")
    asked = {"username": "grace", "password": "wrong"}
    assert client.post(reverse("sign-in"), asked).status_code == 200
    signed_in = client.post(reverse("sign-in"), asked | {"password": PASSWORD})
    assert signed_in.status_code == 302
    answers = {name: client.get(reverse(name)).status_code for name in PAGES if name != "sign-up"}
    assert set(answers.values()) == {200}, answers
    assert client.get(image.get_absolute_url()).status_code == 200
    assert client.get(reverse("search"), {"q": "red"}).status_code == 200
    assert client.post(reverse("sign-out")).status_code == 302


@pytest.mark.usefixtures("away")
def test_pictures_are_taken_in(client: Client, person: User, make_jpeg: Callable[..., bytes]) -> None:
    client.force_login(person)
    file = SimpleUploadedFile("red.jpg", make_jpeg("red"))
    assert client.post(reverse("upload"), {"pictures": file, "visibility": "private"}).status_code == 200
    assert Image.objects.count() == 1


@pytest.mark.usefixtures("away")
def test_accounts_are_made_and_passwords_forgotten(client: Client, person: User, settings: Any) -> None:
    settings.SENDS_MAIL = True
    new = {"username": "hedy", "password1": "frequency hopping", "password2": "frequency hopping"}
    assert client.post(reverse("sign-up"), new | {"email": "hedy@example.org"}).status_code == 302
    assert client.post(reverse("password-reset"), {"email": person.email}).status_code == 302
    assert client.post(reverse("account-email"), {"email": "other@example.org"}).status_code == 302


@pytest.mark.usefixtures("away")
def test_programs_are_served(person: User) -> None:
    secret = token_create(owner=person, name="script", scopes=["read"]).secret
    for name in ("api:images", "api:albums", "api:me"):
        answer = Client().get(reverse(name), headers={"Authorization": f"Bearer {secret}"})
        assert answer.status_code == 200
    assert Client().get(reverse("api:images")).status_code in (200, 401)


@pytest.mark.usefixtures("away")
def test_the_overview_of_the_admin_is_made(db: None) -> None:
    assert overview.overview().health
