"""Files in pieces by the API."""

import base64
from typing import Any

from gallery.models import Image, Upload
from tests.api.conftest import Api

TUS = {"Tus-Resumable": "1.0.0"}
PIECE = "application/offset+octet-stream"


def test_a_file_in_two_pieces(api: Api, others_api: Api, make_jpeg: Any) -> None:
    content = make_jpeg("red")
    name = base64.b64encode(b"boat.jpg").decode()
    opened = api.post(
        "uploads/", headers={**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {name}"}
    )
    assert opened.status_code == 201, opened.content
    address = opened["Location"].removeprefix("http://testserver/api/v1/")
    assert address.startswith("uploads/")
    for offset, piece in ((0, content[:100]), (100, content[100:])):
        told = api("head", address, headers=TUS)
        assert told["Upload-Offset"] == str(offset)
        sent = api.patch(address, piece, content_type=PIECE, headers={**TUS, "Upload-Offset": str(offset)})
        assert sent.status_code == 204, sent.content
    said = api.get(address).json()
    assert (said["state"], said["uuid"]) == ("done", str(Image.objects.get().uuid))
    assert others_api.get(address).status_code == 404


def test_its_refusals_are_problems(api: Api, nobody: Api) -> None:
    assert nobody.post("uploads/", headers=TUS).status_code == 401
    for refused, status in (
        (api.post("uploads/"), 412),
        (api.post("uploads/", headers=TUS), 400),
        (api.post("uploads/", headers={**TUS, "Upload-Length": str(10**12)}), 413),
    ):
        assert refused.status_code == status
        assert refused["Content-Type"] == "application/problem+json"
        assert refused.json()["detail"]
        assert refused["Tus-Resumable"] == "1.0.0"
    assert not Upload.objects.exists()


def test_a_token_needs_the_scope(user: Any, secret_of: Any) -> None:
    assert Api(secret_of(user, "read")).post("uploads/", headers=TUS).status_code == 403


def test_what_it_can_is_told(api: Api) -> None:
    told = api("options", "uploads/")
    assert (told.status_code, told["Tus-Version"]) == (204, "1.0.0")
