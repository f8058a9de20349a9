"""Settings from the environment: typed, and refused in a sentence when they are wrong."""

from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.exceptions import ImproperlyConfigured

from mmsite import env
from mmsite.secret_key import read_or_create_secret_key


@pytest.fixture
def given(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    def give(text: str) -> None:
        monkeypatch.setenv("MMSITE_THING", text)

    return give


@pytest.mark.parametrize("text", ["", "   "])
def test_an_empty_variable_counts_as_absent(given: Callable[[str], None], text: str) -> None:
    given(text)
    assert env.text("THING", "default") == "default"
    assert env.positive("THING", 7) == 7
    assert env.boolean("THING", default=True) is True


def test_an_absent_variable_gives_the_default() -> None:
    assert env.items("ABSENT", ["a"]) == ["a"]
    assert env.path("ABSENT", Path("/here")) == Path("/here")


@pytest.mark.parametrize(
    ("text", "value"), [("1", True), ("Yes", True), ("on", True), ("0", False), ("FALSE", False), ("off", False)]
)
def test_booleans(given: Callable[[str], None], text: str, value: bool) -> None:
    given(text)
    assert env.boolean("THING", default=not value) is value


def test_numbers_lists_and_paths(given: Callable[[str], None]) -> None:
    given(" 12 ")
    assert env.positive("THING", 1) == 12
    given("a.example, b.example,,")
    assert env.items("THING", []) == ["a.example", "b.example"]
    given("~/photos")
    assert env.path("THING", Path()) == Path.home() / "photos"
    given("photos")
    assert env.path("THING", Path()).is_absolute()


@pytest.mark.parametrize("text", ["0", "-3", "many", "1.5"])
def test_a_wrong_number_is_named_with_what_was_expected(given: Callable[[str], None], text: str) -> None:
    given(text)
    with pytest.raises(ImproperlyConfigured, match=f"MMSITE_THING='{text}' is not a whole number above zero"):
        env.positive("THING", 1)


def test_seconds(given: Callable[[str], None]) -> None:
    given("0.5")
    assert env.seconds("THING", 2) == 0.5
    for wrong in ("0", "-1", "soon", "inf", "nan"):
        given(wrong)
        with pytest.raises(ImproperlyConfigured, match="not a number of seconds above zero"):
            env.seconds("THING", 2)


def test_days(given: Callable[[str], None]) -> None:
    given("0")
    assert env.days("THING", 30) == 0
    assert env.days("ABSENT", 30) == 30
    for wrong in ("-1", "soon", "1.5", "36501"):
        given(wrong)
        with pytest.raises(ImproperlyConfigured, match="not a number of days from 0 to 36500"):
            env.days("THING", 30)


def test_urls(given: Callable[[str], None]) -> None:
    assert env.url("ABSENT", ("http",), "http://here") == ""
    given("https://user:word@here.example:6333/path")
    assert env.url("THING", ("http", "https"), "http://here") == "https://user:word@here.example:6333/path"


@pytest.mark.parametrize("text", ["here:6333", "ftp://here", "https://", "http://secret@here:many", "http://h:99999"])
def test_a_wrong_url_is_refused_and_not_repeated(given: Callable[[str], None], text: str) -> None:
    given(text)
    with pytest.raises(ImproperlyConfigured) as error_info:
        env.url("THING", ("http", "https"), "http://here:1")
    assert str(error_info.value) == "MMSITE_THING is not such as http://here:1."


@pytest.mark.parametrize("text", ["127.0.0.1:8000", "[::1]:80", "gallery.example:65535"])
def test_addresses(given: Callable[[str], None], text: str) -> None:
    given(text)
    assert env.address("THING", "") == text


@pytest.mark.parametrize(
    ("text", "policy"), [("invited", "invited"), ("closed", "closed"), ("1", "open"), ("Off", "closed")]
)
def test_a_choice_may_be_a_switch_as_well(given: Callable[[str], None], text: str, policy: str) -> None:
    given(text)
    allowed = ("open", "invited", "closed")
    assert env.one_of_or_switch("THING", "open", allowed, on="open", off="closed", expected="a policy") == policy
    given("perhaps")
    with pytest.raises(ImproperlyConfigured, match="not a policy"):
        env.one_of_or_switch("THING", "open", allowed, on="open", off="closed", expected="a policy")


def test_whole_numbers(given: Callable[[str], None]) -> None:
    given("0")
    assert env.whole("THING", 5) == 0
    given("-1")
    with pytest.raises(ImproperlyConfigured, match="not a whole number, zero or above"):
        env.whole("THING", 5)


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("smtp://me:pass%40word@mail.example.com", ("mail.example.com", 587, "me", "pass@word", True, False)),
        ("smtp://mail.example.com:2525/?tls=1", ("mail.example.com", 2525, "", "", True, False)),
        ("smtp://localhost?tls=0", ("localhost", 25, "", "", False, False)),
        ("smtps://me:word@mail.example.com", ("mail.example.com", 465, "me", "word", False, True)),
    ],
)
def test_servers_for_mail(given: Callable[[str], None], text: str, server: tuple[object, ...]) -> None:
    given(text)
    found = env.email("THING")
    assert found is not None
    assert (found.host, found.port, found.user, found.password, found.starttls, found.tls) == server


def test_mail_into_a_folder_and_none(given: Callable[[str], None]) -> None:
    given("file:///var/mail")
    found = env.email("THING")
    assert found is not None
    assert (found.folder, found.backend.rpartition(".")[2]) == ("/var/mail", "EmailBackend")
    assert env.email("ABSENT") is None


@pytest.mark.parametrize(
    "text", ["mail.example.com", "http://secret@mail", "smtp://secret@mail?ssl=1", "smtp://?tls=0"]
)
def test_a_wrong_server_for_mail_is_refused_and_not_repeated(given: Callable[[str], None], text: str) -> None:
    given(text)
    with pytest.raises(ImproperlyConfigured, match="MMSITE_THING is not such as smtp://") as error_info:
        env.email("THING")
    assert "secret" not in str(error_info.value)


@pytest.mark.parametrize("text", ["8000", "localhost", ":8000", "localhost:http", "localhost:0", "localhost:70000"])
def test_a_wrong_address_is_refused(given: Callable[[str], None], text: str) -> None:
    given(text)
    with pytest.raises(ImproperlyConfigured, match="not an address such as"):
        env.address("THING", "")


def test_a_wrong_boolean_is_refused(given: Callable[[str], None]) -> None:
    given("maybe")
    with pytest.raises(ImproperlyConfigured, match="not one of 1, 0, true"):
        env.boolean("THING", default=False)


def test_pairs_of_a_name_and_a_folder(given: Callable[[str], None]) -> None:
    assert env.pairs("THING", "a list") == []
    given(" ada:/photos/ada , grace: /photos/a:b,ada:/more ")
    assert env.pairs("THING", "a list") == [
        ("ada", Path("/photos/ada")),
        ("grace", Path("/photos/a:b")),
        ("ada", Path("/more")),
    ]


@pytest.mark.parametrize("text", ["ada", "ada:", ":/photos", "ada:/photos,grace"])
def test_wrong_pairs_are_refused(given: Callable[[str], None], text: str) -> None:
    given(text)
    with pytest.raises(ImproperlyConfigured, match="is not a list"):
        env.pairs("THING", "a list")


def test_the_secret_key_is_made_once_and_kept_from_others(tmp_path: Path) -> None:
    path = tmp_path / "secret_key"
    key = read_or_create_secret_key(path)
    assert len(key) >= 50
    assert read_or_create_secret_key(path) == key
    assert path.stat().st_mode & 0o077 == 0
    assert [each.name for each in tmp_path.iterdir()] == ["secret_key"]
