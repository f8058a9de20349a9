"""How much one caller may ask."""

import socket
from collections.abc import Callable
from typing import Any

import pytest

from api import throttles
from gallery.models import User
from tests.api.conftest import Api


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Callable[[float], None]:
    """Stands still, so that no window ends within a test, until a test lets it pass."""
    now = [6_000.0]
    monkeypatch.setattr(throttles.time, "time", lambda: now[0])
    monkeypatch.setattr(throttles, "monotonic", lambda: now[0])

    def pass_by(seconds: float) -> None:
        now[0] += seconds

    return pass_by


def test_every_answer_says_what_is_left(settings: Any, api: Api, clock: Callable[[float], None]) -> None:
    settings.API_RATES = {"user": (2, 60)}
    clock(20)
    first = api.get("me/")
    told = [first[f"RateLimit-{name}"] for name in ("Limit", "Remaining", "Reset")]
    assert told == ["2", "1", "40"]
    assert api.get("nothing/").status_code == 404
    refused = api.get("me/")
    assert refused.status_code == 429
    assert refused.json()["type"] == "urn:mmsite:problem:throttled"
    assert (refused["Retry-After"], refused["RateLimit-Remaining"]) == ("40", "0")
    clock(40)
    assert api.get("me/").status_code == 200


def test_callers_are_counted_apart(
    settings: Any, user: User, secret_of: Callable[..., str], others_api: Api, nobody: Api
) -> None:
    settings.API_RATES = {"burst": (1, 3600)}
    for caller in (Api(secret_of(user)), Api(secret_of(user)), others_api):
        assert [caller.get("images/").status_code for _ in range(2)] == [200, 429]
    assert [nobody.get("images/").status_code for _ in range(2)] == [200, 429]


@pytest.mark.parametrize(("proxies", "is_told_apart"), [(0, False), (1, True)])
def test_strangers_are_counted_by_the_address_that_our_proxies_saw(
    db: None, settings: Any, nobody: Api, proxies: int, is_told_apart: bool
) -> None:
    settings.API_RATES, settings.PROXIES = {"anon": (1, 3600)}, proxies

    def status(said: str) -> int:
        return nobody.get("images/", headers={"X-Forwarded-For": said}).status_code

    # with an address of the caller's own invention in front
    assert [status(f"10.9.9.{number}, 10.0.0.1") for number in range(2)] == [200, 429]
    assert status("10.0.0.1, 10.0.0.2") == (200 if is_told_apart else 429)


def test_a_network_of_ipv6_is_one_stranger(db: None, settings: Any, nobody: Api) -> None:
    settings.API_RATES = {"anon": (1, 3600)}
    asked = ["2001:db8::1", "2001:db8::2", "2001:db8:1::1"]
    assert [nobody.get("images/", REMOTE_ADDR=address).status_code for address in asked] == [200, 429, 200]


def test_a_person_is_counted_with_all_tokens(
    settings: Any, user: User, secret_of: Callable[..., str], others_api: Api
) -> None:
    settings.API_RATES = {"user": (3, 3600)}
    callers = [Api(secret_of(user)) for _ in range(4)]
    assert [caller.get("images/").status_code for caller in callers] == [200, 200, 200, 429]
    assert others_api.get("images/").status_code == 200


def test_the_tightest_rate_is_told(settings: Any, api: Api) -> None:
    settings.API_RATES = {"user": (100, 60), "burst": (5, 60)}
    assert api.get("me/")["RateLimit-Limit"] == "5"


def test_without_rates_nothing_is_counted(settings: Any, api: Api) -> None:
    settings.API_RATES = {"user": None}
    assert "RateLimit-Limit" not in api.get("me/")


def test_a_cache_that_does_not_answer_lets_in(settings: Any, api: Api, caplog: Any) -> None:
    """It is asked once, since each who asks waits; and later again."""
    settings.API_RATES = {"burst": (1, 60), "user": (1, 60)}
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # nobody listens
        port = closed.getsockname()[1]
        there = settings.CACHES
        settings.CACHES = {
            "default": {
                "BACKEND": "django.core.cache.backends.redis.RedisCache",
                "LOCATION": f"redis://127.0.0.1:{port}/0",
            }
        }
        answers = [api.get("me/") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert "RateLimit-Limit" not in answers[0]
    assert caplog.text.count("not counted") == 1
    settings.CACHES = there
    throttles.count_again()
    assert [api.get("me/").status_code for _ in range(2)] == [200, 429]


def test_a_silent_cache_is_asked_again(
    settings: Any, api: Api, monkeypatch: pytest.MonkeyPatch, clock: Callable[[float], None]
) -> None:
    settings.API_RATES = {"user": (1, 60)}
    tries = []

    def fails(*args: Any, **kwargs: Any) -> None:
        tries.append(args)
        raise ConnectionError("no Redis")

    monkeypatch.setattr(throttles.cache, "add", fails)
    for passed in (0, throttles.SILENCE - 1, 2):
        clock(passed)
        api.get("me/")
    assert len(tries) == 2


def test_those_who_are_not_let_in_are_counted_too(db: None, settings: Any, nobody: Api) -> None:
    settings.API_RATES = {"anon": (1, 3600)}
    guess = {"Authorization": "Bearer mms_guess"}
    assert [nobody.get("me/", headers=guess).status_code for _ in range(2)] == [401, 429]
