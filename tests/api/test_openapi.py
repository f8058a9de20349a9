"""What the API says of itself, and whether it keeps its word."""

import gc
import io
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import yaml
from django.conf import settings as django_settings
from django.core.management import call_command
from django.core.signals import request_finished, request_started
from django.db import close_old_connections, transaction
from django.test import Client
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from PIL import Image as PILImage

from gallery.models import Upload, User
from gallery.uploads import upload_create
from mmsite.wsgi import application
from tests.api.conftest import Api

DESCRIPTION = Path(django_settings.BASE_DIR) / "docs" / "openapi.yaml"
EXAMPLES = int(os.environ.get("MMSITE_TEST_EXAMPLES", "2"))
KINDS = {"uuid": "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", "number": "[0-9]+", "name": "[A-Za-z0-9]{1,30}"}
THOROUGH = 100


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


@pytest.fixture
def statuses(request: pytest.FixtureRequest) -> Iterator["Counter[int]"]:
    """How often an operation gave each answer. Thoroughly asked, it has done what it is for as well as refused it."""
    counts: Counter[int] = Counter()
    yield counts
    operation = request.node.operation_label
    if sum(counts.values()) >= EXAMPLES >= THOROUGH:
        wanted = {2, 4} if operation in TAKE_PICTURES else {2}
        seen = {status // 100 for status in counts}
        assert operation in SELDOM or wanted <= seen, f"{operation} answered with {dict(counts)} alone"


def _picture(kind: str, size: tuple[int, int], **options: Any) -> bytes:
    file = io.BytesIO()
    PILImage.new("RGB", size, (size[0], size[1], 90)).save(file, kind, **options)
    return file.getvalue()


PICTURES = [
    _picture("JPEG", (64, 48)),
    _picture("PNG", (40, 40)),
    _picture("WEBP", (30, 60)),
    _picture("GIF", (16, 16)),
    _picture("TIFF", (20, 10)),
]
# Where a file is wanted, every other one is a picture, and of the others some are nearly one.
schemathesis.openapi.format(
    "binary",
    st.one_of(st.sampled_from(PICTURES), st.one_of(st.binary(), st.sampled_from([file[:-20] for file in PICTURES]))),
)
schemathesis.serializer.alias("application/offset+octet-stream", "application/octet-stream")
schemathesis.serializer.alias("application/jsonl", "text/plain")
schemathesis.serializer.alias("application/zip", "application/octet-stream")
# What the checks of schemathesis expect of valid and of invalid data unless told.
ACCEPTED = ["2xx", "3xx", "401", "403", "404", "409", "429", "5xx"]
REFUSED = ["400", "401", "403", "404", "405", "406", "409", "415", "422", "428", "429", "5xx"]
# Why these operations may answer otherwise, where no schema can say so.
MAY_REFUSE = {
    "400": [
        "uploads_create",  # a name that is no base64 of UTF-8
        "images_create",  # an empty file, which a form leaves out
        "captions_import",
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
        "captions_import",  # what is no table
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
    "410": ["uploads_append"],  # all of it is here
    "413": ["uploads_create", "uploads_append"],  # past what the site takes, or what was announced
}
TAKE_PICTURES = {
    "POST /api/v1/caption/",
    "POST /api/v1/embed/picture/",
    "POST /api/v1/images/",
    "POST /api/v1/search/picture/",
    "PATCH /api/v1/uploads/{uuid}/",
}
SELDOM = {
    "GET /api/v1/tokens/",  # a session alone
    "POST /api/v1/tokens/",
    "DELETE /api/v1/tokens/{id}/",
    "POST /api/v1/models/roll-back/",  # there is one model
    "POST /api/v1/models/activate/",
}
# In a form, a number is text like any other, and an empty part may be none; so is an object a line of a table.
MAY_TAKE = {
    operation: ["2xx"] for operation in ("captions_import", "embed_picture", "images_create", "search_by_picture")
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
    for operation, statuses in MAY_TAKE.items():
        told.setdefault(operation, {})["negative_data_rejection"] = {"expected-statuses": [*REFUSED, *statuses]}
    for operation in MAY_BE_412:
        for check in ("negative_data_rejection", "missing_required_header"):
            told.setdefault(operation, {})[check] = {"expected-statuses": [*REFUSED, "412"]}
    return [{"include-operation-id": operation, "checks": checks} for operation, checks in told.items()]


described = schemathesis.openapi.from_wsgi(
    "/api/v1/schema/",
    application,
    config=schemathesis.Config.from_dict(
        {
            "generation": {"max-examples": EXAMPLES, "deterministic": True},
            "phases": {"coverage": {"enabled": EXAMPLES >= THOROUGH}},
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
def test_it_keeps_its_word(case: Any, scene: dict[str, Any], statuses: "Counter[int]", _stays_connected: None) -> None:
    """Whatever is asked, the answer is one that the description names, and none is a 5xx."""
    _meet(case, scene)
    with transaction.atomic():
        answer = case.call_and_validate(headers={"Authorization": f"Bearer {scene['secret']}"})
        transaction.set_rollback(case.method.upper() == "DELETE")  # so that the next one finds it
    if case.method.upper() == case.operation.method.upper():
        statuses[answer.status_code] += 1


@pytest.fixture
def scene(world: dict[str, Any]) -> dict[str, Any]:
    """The world, with files on their way in, of which pictures fill all but the last one."""
    User.objects.create_user("kim")
    person, sizes = User.objects.get(username="fuzz"), [*map(len, PICTURES), 10_000_000]
    opened = [upload_create(owner=person, file_name="sea", byte_size=size) for size in sizes]
    world["images"]["kind"] = ["thumbnail"]
    return {**world, "uploads": {"uuid": [str(upload.uuid) for upload in opened]}}


def _meet(case: Any, scene: dict[str, Any]) -> None:
    """Has most requests be about something that is there."""
    known = scene.get(case.operation.path.removeprefix("/api/v1/").split("/")[0], {})
    for name, value in (case.path_parameters or {}).items():
        if name in known and _is_chosen(value) and _kind(value) == _kind(known[name][0]):
            case.path_parameters[name] = known[name][_sum(value) // 4 % len(known[name])]
    headers, uuid = case.headers or {}, (case.path_parameters or {}).get("uuid")
    offset = str(headers.get("Upload-Offset", ""))
    if offset.isdigit() and _is_chosen(offset) and uuid in scene["uploads"]["uuid"]:
        headers["Upload-Offset"] = str(Upload.objects.get(uuid=uuid).received)
    _meet_in(case.body, scene)


def _meet_in(said: Any, scene: dict[str, Any]) -> None:
    """In place: schemathesis takes a body that is set for another one, and judges it anew."""
    for name, value in said.items() if isinstance(said, dict) else enumerate(said if isinstance(said, list) else []):
        if isinstance(value, str) and _kind(value) == "uuid" and _is_chosen(value):
            said[name] = scene["images"]["uuid"][_sum(value) // 4 % 3]
        elif name == "username" and isinstance(value, str) and _kind(value) == "name" and _is_chosen(value):
            said[name] = "kim"
        else:
            _meet_in(value, scene)


def _kind(value: Any) -> str:
    """What is sent on purpose as no key stays what it is."""
    return next((kind for kind, pattern in KINDS.items() if re.fullmatch(pattern, str(value))), "")


def _is_chosen(value: Any) -> bool:
    return _sum(value) % 4 > 0


def _sum(value: Any) -> int:
    return sum(str(value).encode("utf-8", "replace"))
