"""What the API says of itself, and whether it keeps its word."""

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
from PIL import Image as PILImage

from api.models import Token
from api.tokens import token_create
from gallery import services
from gallery.albums import album_add, album_create
from gallery.models import Image, User
from gallery.tags import images_tag
from gallery.trash import images_trash
from mmsite.wsgi import application
from search.versions import model_version_ensure
from tests.api.conftest import Api

DESCRIPTION = Path(django_settings.BASE_DIR) / "docs" / "openapi.yaml"
EXAMPLES = int(os.environ.get("MMSITE_TEST_EXAMPLES", "2"))
IS_KEY = re.compile(r"[0-9]+|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # what is sent on purpose as none stays
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


@pytest.fixture
def world(db: None, _stays_connected: None, make_jpeg: Any) -> dict[str, Any]:
    """Somebody who may everything and has something of each kind, to be thrown away."""
    from django.core.files.base import ContentFile

    person = User.objects.create_user("fuzz", password="says anything", is_staff=True)
    images = []
    for number in range(4):
        file = ContentFile(make_jpeg((60 * number, 0, 0)), name=f"{number}.jpg")
        images.append(services.image_create(owner=person, file=file, file_name=file.name).image)
    services.renditions_create(image=images[0], picture=PILImage.new("RGB", (64, 48)))
    images_tag(owner=person, images=Image.objects.filter(owner=person), names=["sea", "boat"])
    album = album_create(owner=person, title="Iceland")
    album_add(album=album, images=Image.objects.filter(owner=person))
    images_trash(images=[images[3]], by=person)
    model_version_ensure()
    secret = token_create(owner=person, name="fuzz", scopes=Token.Scope.values).secret
    return {
        "secret": secret,
        "images": [str(image.uuid) for image in images],
        "albums": [str(album.uuid)],
        "tags": list(person.tags.values_list("pk", flat=True)),
    }


schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
# what is wrong with the state of things, or with the bytes of a file, no schema can say
POSSIBLE = ["2xx", "3xx", "401", "403", "404", "409", "410", "412", "413", "422", "423"]
described = schemathesis.openapi.from_wsgi(
    "/api/v1/schema/",
    application,
    config=schemathesis.Config.from_dict(
        {
            "generation": {"max-examples": EXAMPLES, "deterministic": True},
            "phases": {"coverage": {"enabled": IS_THOROUGH}},
            "checks": {
                "negative_data_rejection": {"expected-statuses": ["4xx"]},
                "positive_data_acceptance": {"expected-statuses": POSSIBLE},
            },
            # nor what is missing from a search, which addresses can be called, or how a form carries no file
            "operations": [
                {
                    "include-path-regex": "^/api/v1/(search|webhooks|searches|judgements|images|caption|embed)/",
                    "include-method": "POST",
                    "checks": {"positive_data_acceptance": {"expected-statuses": [*POSSIBLE, "400"]}},
                }
            ],
        }
    ),
)


@described.parametrize()
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    derandomize=True,
    database=None,
    # one world for all examples of an operation: each is a request like any other
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.filter_too_much],
)
def test_it_keeps_its_word(case: Any, world: dict[str, Any]) -> None:
    """Whatever is asked, the answer is one that the description names, and none is a 5xx."""
    _meet(case, world)
    case.call_and_validate(headers={"Authorization": f"Bearer {world['secret']}"})


def _meet(case: Any, world: dict[str, Any]) -> None:
    """Has every other request be about something that is there."""
    kind = case.operation.path.removeprefix("/api/v1/").split("/")[0]
    known = world.get(kind, [])
    for name in ("uuid", "id", "pk"):
        value = str(case.path_parameters.get(name, "")) if case.path_parameters else ""
        if known and IS_KEY.fullmatch(value) and sum(value.encode()) % 2:
            case.path_parameters[name] = known[sum(value.encode()) % len(known)]
