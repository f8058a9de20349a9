"""Reads settings from the environment, once, each with a type; anything else raises ImproperlyConfigured.

Every variable is named MMSITE_*. An empty value counts as absent.
"""

import os
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

from django.core.exceptions import ImproperlyConfigured

T = TypeVar("T")
Rates = dict[str, tuple[int, int] | None]

PREFIX = "MMSITE_"
TRUE = {"1", "true", "yes", "on"}
FALSE = {"0", "false", "no", "off"}
MOST_DAYS = 36_500


def _read(name: str, default: T, parse: Callable[[str], T], expected: str) -> T:
    text = os.environ.get(PREFIX + name, "").strip()
    if not text:
        return default
    try:
        return parse(text)
    except ValueError as error:
        raise ImproperlyConfigured(f"{PREFIX}{name}={text!r} is not {expected}.") from error


def _boolean(text: str) -> bool:
    if text.lower() in TRUE:
        return True
    if text.lower() in FALSE:
        return False
    raise ValueError(text)


def _positive(text: str) -> int:
    if (number := int(text)) > 0:
        return number
    raise ValueError(text)


def _days(text: str) -> int:
    if 0 <= (number := int(text)) <= MOST_DAYS:
        return number
    raise ValueError(text)


def _whole(text: str) -> int:
    if (number := int(text)) >= 0:
        return number
    raise ValueError(text)


def _seconds(text: str) -> float:
    if 0 < (number := float(text)) < float("inf"):
        return number
    raise ValueError(text)


def _address(text: str) -> str:
    host, _, port = text.rpartition(":")
    if host and 0 < int(port) < 1 << 16:
        return text
    raise ValueError(text)


def _items(text: str) -> list[str]:
    return [item.strip() for item in text.split(",") if item.strip()]


def text(name: str, default: str = "") -> str:
    """The text of a variable."""
    return _read(name, default, str, "a text")


def one_of(name: str, default: str, allowed: Collection[str], expected: str) -> str:
    """One of these texts; `expected` names their kind."""

    def parse(text: str) -> str:
        if text in allowed:
            return text
        raise ValueError(text)

    return _read(name, default, parse, expected)


def one_of_or_switch(name: str, default: str, allowed: Collection[str], *, on: str, off: str, expected: str) -> str:
    """One of these texts; a boolean, as `boolean` takes it, stands for `on` or `off`."""

    def parse(text: str) -> str:
        if text in allowed:
            return text
        return on if _boolean(text) else off

    return _read(name, default, parse, expected)


def boolean(name: str, default: bool) -> bool:
    """1/0, true/false, yes/no, on/off."""
    return _read(name, default, _boolean, "one of 1, 0, true, false, yes, no, on, off")


def positive(name: str, default: int) -> int:
    """A whole number above zero."""
    return _read(name, default, _positive, "a whole number above zero")


def days(name: str, default: int) -> int:
    """A whole number of days, 0 for none."""
    return _read(name, default, _days, f"a number of days from 0 to {MOST_DAYS}")


def whole(name: str, default: int) -> int:
    """A whole number, zero or above."""
    return _read(name, default, _whole, "a whole number, zero or above")


def seconds(name: str, default: float) -> float:
    """A duration in seconds."""
    return _read(name, default, _seconds, "a number of seconds above zero")


def url(name: str, schemes: Collection[str], example: str) -> str:
    """An address with one of these schemes, or "". It may hold a password, so that the refusal doesn't repeat it."""
    given = text(name)
    parts = urlsplit(given)
    try:
        is_fine = not given or (parts.scheme in schemes and bool(parts.hostname) and (parts.port or 1) > 0)
    except ValueError:  # no number as the port
        is_fine = False
    if not is_fine:
        raise ImproperlyConfigured(f"{PREFIX}{name} is not such as {example}.")
    return given


@dataclass(frozen=True)
class Email:
    """How mail leaves the site. `folder`: it is written there, for trying out, instead of being sent."""

    backend: str
    host: str = ""
    port: int = 25
    user: str = ""
    password: str = ""
    starttls: bool = False
    tls: bool = False
    folder: str = ""


def email(name: str) -> Email | None:
    """A server for mail: `smtp://user:password@host:587` (with STARTTLS unless it ends in `?tls=0`),
    `smtps://…:465`, or `file:///folder`; None where it isn't set. It may hold a password: see `url`."""
    given = text(name)
    if given.startswith("file:///"):
        return Email("django.core.mail.backends.filebased.EmailBackend", folder=given.removeprefix("file://"))
    given = url(name, ("smtp", "smtps"), example := "smtp://user:password@mail.example.com:587")
    if not given:
        return None
    parts = urlsplit(given)
    asked = parse_qs(parts.query, keep_blank_values=True)
    switch = asked.pop("tls", ["1"])[-1].lower()
    if asked or switch not in TRUE | FALSE:
        raise ImproperlyConfigured(f"{PREFIX}{name} is not such as {example}, with ?tls=0 or ?tls=1 at most.")
    is_smtps = parts.scheme == "smtps"
    is_starttls = not is_smtps and switch in TRUE
    return Email(
        "django.core.mail.backends.smtp.EmailBackend",
        host=parts.hostname or "",
        port=parts.port or (465 if is_smtps else 587 if is_starttls else 25),
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
        starttls=is_starttls,
        tls=is_smtps,
    )


def items(name: str, default: list[str]) -> list[str]:
    """Comma-separated texts."""
    return _read(name, default, _items, "a comma-separated list")


def some_of(name: str, allowed: list[str]) -> list[str]:
    """Comma-separated texts, each one of these; all of them unless told."""

    def parse(text: str) -> list[str]:
        if set(given := _items(text)) <= set(allowed):
            return given
        raise ValueError(text)

    return _read(name, list(allowed), parse, f"a comma-separated choice from {', '.join(allowed)}")


def pairs(name: str, expected: str) -> list[tuple[str, Path]]:
    """Comma-separated `name:path`, for several names or one; a relative path is taken from the current folder."""

    def parse(text: str) -> list[tuple[str, Path]]:
        found = [item.partition(":") for item in _items(text)]
        if not all(key.strip() and value.strip() for key, _, value in found):
            raise ValueError(text)
        return [(key.strip(), Path(value.strip()).expanduser().absolute()) for key, _, value in found]

    return _read(name, [], parse, expected)


def rates(name: str, default: Rates) -> Rates:
    """`name=number/seconds` or `name=off`, comma-separated; the others are as they were. (number, seconds) by name."""

    def parse(text: str) -> Rates:
        given: Rates = {}
        for item in _items(text):
            rate, _, value = item.partition("=")
            if rate not in default:
                raise ValueError(rate)
            number, _, span = value.partition("/")
            given[rate] = None if value == "off" else (_positive(number), _positive(span))
        return default | given

    return _read(name, default, parse, f"such as user=1200/60,search=off (there are {', '.join(default)})")


def path(name: str, default: Path) -> Path:
    """A path; `~` is expanded, a relative one is taken from the current folder."""
    return _read(name, default, lambda value: Path(value).expanduser().absolute(), "a path")


def address(name: str, default: str) -> str:
    """Where to listen: `host:port`, `[IPv6]:port`."""
    return _read(name, default, _address, "an address such as 127.0.0.1:8000")
