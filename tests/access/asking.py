"""Asking as somebody, and what of an answer tells something."""

import io
import json
import re
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.contrib.messages.storage.cookie import CookieStorage
from django.db import connection, transaction
from django.http import HttpRequest
from django.test import Client

from gallery.tus import VERSION
from tests.access.people import Person
from tests.access.pictures import Subject

# Differ from one answer to the next, or tell what was sent: the last is compared with the body.
CHANCE = {
    "date",
    "expires",
    "content-length",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-request-id",
}
RANDOM = [
    (re.compile(r'(name="csrfmiddlewaretoken" value=")\w+'), r"\1"),
    (re.compile(r"(nonce[-=][\"']?)[\w+/=-]+"), r"\1"),
]
# What is written whoever asks, and tells nothing of pictures.
OWN_TABLES = ("django_session", "gallery_personsession", "api_token", "gallery_try", "search_savedsearch")
OK = 200
_TAG = re.compile(r"^ETag: .*$", re.MULTILINE)
WRITES = re.compile(r"(?:INSERT INTO|UPDATE|DELETE FROM) \"(\w+)\"")


@dataclass(frozen=True)
class Answer:
    """What came back: `body` is text, with what lies in archives; `writes` are the tables that were written to."""

    address: str
    status: int
    headers: dict[str, str]
    body: str
    statements: int = 0
    writes: set[str] = field(default_factory=set)

    @property
    def text(self) -> str:
        """All of it."""
        head = "\n".join(f"{name}: {value}" for name, value in sorted(self.headers.items()))
        return f"{self.status}\n{head}\n\n{self.body}"

    def about(self, subject: Subject) -> str:
        """The same, with blanks where it names what was asked for."""
        text = _TAG.sub("ETag: <of the body>", self.text) if self.status == OK else self.text
        for address in (self.address, quote(self.address)):
            text = text.replace(address, "<address>")
        path = self.address.partition("?")[0]
        for address in (path, quote(path)):
            text = text.replace(address, "<path>")
        for name, value in {**subject.names, "key": subject.key}.items():
            text = text.replace(value, f"<{name}>")
        return text.replace(subject.code, "<code>")


def ask(
    person: Person,
    method: str,
    address: str,
    data: Any = None,
    *,
    as_json: bool = False,
    headers: Mapping[str, str] | None = None,
) -> Answer:
    """Sends it, and takes back whatever it changed. The API is asked with the person's token, pages by session."""
    client = Client(raise_request_exception=False)
    given: dict[str, Any] = {"Tus-Resumable": VERSION, **(headers or {})}
    if address.startswith("/api/"):
        if person.secret:
            given["Authorization"] = f"Bearer {person.secret}"
        as_json = not _has_file(data)
    elif person.session:
        client.cookies = SimpleCookie({settings.SESSION_COOKIE_NAME: person.session})
    sent: dict[str, Any] = {"headers": given}
    if method not in ("get", "head"):
        sent |= {"data": data or {}, "content_type": "application/json"} if as_json else _form(method, data)
    queries: list[str] = []
    with transaction.atomic(), connection.execute_wrapper(_noting(queries)):
        response: Any = getattr(client, method)(address, **sent)
        body = response.getvalue()
        transaction.set_rollback(True)
    writes = {match[1] for sql in queries if (match := WRITES.match(sql))} - set(OWN_TABLES)
    return Answer(address, response.status_code, dict(_headers(response, len(body))), _text(body), len(queries), writes)


def _noting(queries: list[str]) -> Callable[..., Any]:
    def note(execute: Callable[..., Any], sql: str, *more: Any) -> Any:
        queries.append(sql)
        return execute(sql, *more)

    return note


def _has_file(data: Any) -> bool:
    return isinstance(data, dict) and any(hasattr(value, "read") for value in data.values())


def _form(method: str, data: Any) -> dict[str, Any]:
    if data is None or method != "post":
        return {}
    for value in data.values():
        if hasattr(value, "seek"):
            value.seek(0)
    return {"data": data}


def _headers(response: Any, length: int) -> Iterator[tuple[str, str]]:
    for name, value in response.headers.items():
        if name.lower() == "content-length" and response.request["REQUEST_METHOD"] != "HEAD":
            assert int(value) == length
        if name.lower() not in CHANCE and not name.startswith("X-RateLimit"):
            yield name, value
    for name, morsel in sorted(response.cookies.items()):
        yield f"Set-Cookie {name}", json.dumps(_messages(morsel.value) if name == "messages" else [])


def _messages(cookie: str) -> list[tuple[int, str, str]]:
    """What the next page will say."""
    storage: Any = CookieStorage(HttpRequest())
    return [(each.level, str(each.message), each.tags) for each in storage._decode(cookie) or []]


def _text(body: bytes) -> str:
    if body.startswith(b"PK"):
        with zipfile.ZipFile(io.BytesIO(body)) as archive:
            body = b"\n".join(part for name in archive.namelist() for part in (name.encode(), archive.read(name)))
    text = body.decode("utf-8", "replace")
    for pattern, blank in RANDOM:
        text = pattern.sub(blank, text)
    return text
