"""What the API says of itself, and whether it keeps its word."""

import gc
import json
import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections
from django.test import Client
from hypothesis import HealthCheck, settings

from mmsite.wsgi import application
from tests.api.conftest import Api

DESCRIPTION = Path(django_settings.BASE_DIR) / "docs" / "openapi.yaml"
EXAMPLES = int(os.environ.get("MMSITE_TEST_EXAMPLES", "2"))
IS_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
IS_KEY = re.compile(rf"[0-9]+|{IS_UUID.pattern}")  # what is sent on purpose as none stays
IS_THOROUGH = EXAMPLES >= 100


def test_the_description_in_docs_is_todays(tmp_path: Path) -> None:
    """`make openapi` writes it anew; its warnings are errors."""
    made = tmp_path / "openapi.yaml"
    call_command("spectacular", "--fail-on-warn", "--validate", "--file", str(made))
    assert made.read_text() == DESCRIPTION.read_text(), "docs/openapi.yaml is out of date: run `make openapi`"


def test_it_is_served_as_json_and_yaml(db: None, nobody: Api) -> None:
    as_json = nobody.get("schema/")
    assert as_json["Content-Type"].startswith("application/json")
    as_yaml = nobody.get("schema.yaml")
    assert as_yaml["Content-Type"].startswith("application/yaml")
    assert yaml.safe_load(as_yaml.content) == json.loads(as_json.content)
    assert yaml.safe_load(DESCRIPTION.read_text()) == json.loads(as_json.content)


def test_every_operation_has_words_and_says_who_may(db: None, nobody: Api) -> None:
    for path, operations in nobody.get("schema/").json()["paths"].items():
        for method, operation in operations.items():
            assert operation["description"], (path, method)
            assert operation["security"], (path, method)
            assert "default" in operation["responses"], (path, method)


def test_the_page_to_try_it_needs_nothing_from_elsewhere(db: None) -> None:
    page = Client().get("/api/v1/docs/")
    assert "http" not in page.content.decode().replace("http-equiv", "")
    assert "<style" not in page.content.decode()
    assert " style=" not in page.content.decode()
    script = Client().get("/api/v1/docs/?script=")
    assert script["Content-Type"].startswith("application/javascript")


@pytest.fixture
def _stays_connected() -> Iterator[None]:
    """As for Django's own test client: the end of a request doesn't end the transaction of the test."""
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)
    gc.collect()  # while the warnings of files that are still open are ignored


schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
# What the checks of schemathesis expect of valid and of invalid data unless told.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429", "5xx"]
# Why these operations may answer otherwise, where no schema can say so.
MAY_REFUSE = {
    "400": [
        "search",  # a query of spaces or of NUL
        "images_heat",
        "search_suggestions",
        "uploads_create",  # a name that is no base64 of UTF-8
        "images_create",  # an empty file, which a form leaves out
        "caption",
        "embed_picture",
        "search_by_picture",
    ],
    "422": [
        "caption",  # bytes that are no picture
        "embed_picture",
        "images_create",
        "search_by_picture",
        "images_heat",  # words without a look of their own, or a model that can't tell where it looks
        "search_in_parts",  # nothing asked for, or a filter's value that means nothing: "before" of no date
        "webhooks_create",  # an address that leads nowhere, or to this machine
        "webhooks_change",
        "captions_regenerate",  # a model that isn't here
        "judgements_create",  # a query that asks for nothing
        "searches_create",
    ],
    "412": [  # If-Match
        "albums_delete",
        "albums_update",
        "images_delete",
        "images_update",
        "me_update",
        "tags_delete",
        "tags_rename",
        "webhooks_change",
        "webhooks_delete",
    ],
    "413": ["uploads_create", "uploads_append"],  # past what the site takes, or what was announced
}
MAY_BE_412 = ["uploads_append", "uploads_create", "uploads_delete"]  # tus: of another version, or of none


def _exceptions() -> list[dict[str, Any]]:
    accepted: dict[str, list[str]] = {}
    for status, operations in MAY_REFUSE.items():
        for operation in operations:
            accepted.setdefault(operation, list(ACCEPTED)).append(status)
    told: dict[str, dict[str, Any]] = {
        operation: {"positive_data_acceptance": {"expected-statuses": statuses}}
        for operation, statuses in accepted.items()
    }
    for operation in MAY_BE_412:
        told.setdefault(operation, {})["negative_data_rejection"] = {"expected-statuses": [*REFUSED, "412"]}
    return [{"include-operation-id": operation, "checks": checks} for operation, checks in told.items()]


described = schemathesis.openapi.from_wsgi(
    "/api/v1/schema/",
    application,
    config=schemathesis.Config.from_dict(
        {
            "generation": {"max-examples": EXAMPLES, "deterministic": True},
            "phases": {"coverage": {"enabled": IS_THOROUGH}},
            "operations": _exceptions(),
        }
    ),
)


# schemathesis reads files that are answered, and leaves closing them to the collector of garbage
@pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning")
@described.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    # one world for all examples of an operation: each is a request like any other
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_it_keeps_its_word(case: Any, world: dict[str, Any], _stays_connected: None) -> None:
    """Whatever is asked, the answer is one that the description names, and none is a 5xx."""
    _meet(case, world)
    case.call_and_validate(headers={"Authorization": f"Bearer {world['secret']}"})


def _meet(case: Any, world: dict[str, Any]) -> None:
    """Has every other request be about something that is there."""
    known = world.get(case.operation.path.removeprefix("/api/v1/").split("/")[0], {})
    for name, value in (case.path_parameters or {}).items():
        if name in known and (IS_KEY.fullmatch(str(value)) or name == "username") and _is_chosen(value):
            case.path_parameters[name] = known[name][len(str(value)) % len(known[name])]
    _meet_in(case.body, world)


def _meet_in(said: Any, world: dict[str, Any]) -> None:
    """In place: schemathesis takes a body that is set for another one, and judges it anew."""
    for name, value in said.items() if isinstance(said, dict) else enumerate(said if isinstance(said, list) else []):
        if isinstance(value, str) and IS_UUID.fullmatch(value) and _is_chosen(value):
            said[name] = world["images"]["uuid"][0]
        else:
            _meet_in(value, world)


def _is_chosen(value: Any) -> bool:
    return sum(str(value).encode("utf-8", "replace")) % 2 == 1
