"""HEAD and OPTIONS, which nobody writes."""

import re
from typing import Any

from django.test import Client

from tests.api.conftest import Api

NOBODYS = "00000000-0000-4000-8000-000000000000"
SAME = ("Content-Type", "ETag", "Cache-Control", "Vary", "Content-Length", "Content-Disposition", "Allow")


def addresses(world: dict[str, Any]) -> dict[str, set[str]]:
    """Every address below /api/v1/, about things that are there, with the methods that the description has of it."""
    paths = Api(None).get("schema/").json()["paths"]
    found = {}
    for path, operations in paths.items():
        known = {"kind": ["thumbnail"], "uuid": [NOBODYS], "id": [0], **world.get(path.split("/")[3], {})}
        named = re.sub(r"{(\w+)}", lambda name, known=known: str(known[name[1]][0]), path)
        found[named.removeprefix("/api/v1/")] = {method.upper() for method in operations}
    return found


def read(answer: Any) -> bytes:
    body = b"".join(answer.streaming_content) if answer.streaming else answer.content
    for close in answer._resource_closers:  # which a server does after a HEAD, too
        close()
    return body


def test_head_is_a_get_without_its_bytes(world: dict[str, Any]) -> None:
    api = Api(world["secret"])
    for path, methods in addresses(world).items():
        if "GET" not in methods or path == f"uploads/{NOBODYS}/":
            continue
        shown, asked = api.get(path), api("head", path)
        assert asked.status_code == shown.status_code, path
        assert {name: asked.get(name) for name in SAME} == {name: shown.get(name) for name in SAME}, path
        assert read(asked) == b"", path
        read(shown)
        if tag := shown.get("ETag"):
            assert api("head", path, headers={"If-None-Match": tag}).status_code == 304, path


def test_options_tells_the_methods(world: dict[str, Any]) -> None:
    api = Api(world["secret"])
    for path, methods in addresses(world).items():
        answer = api("options", path)
        if path.startswith("tokens/"):
            assert answer.status_code == 403  # a session alone
            continue
        if path.startswith("uploads/"):
            assert (answer.status_code, answer["Tus-Version"]) == (204, "1.0.0")
            continue
        assert answer.status_code == 200, path
        assert "ETag" not in answer
        told = set(answer["Allow"].split(", "))
        assert told == methods | {"OPTIONS"} | ({"HEAD"} if "GET" in methods else set()), path


def test_strangers_learn_no_methods_of_what_is_closed_to_them(db: None) -> None:
    assert Client().options("/api/v1/me/").status_code == 401
    assert Client().options("/api/v1/images/").status_code == 200
