"""Every way by which a picture comes in, as a stranger uses it: each tells what became of one file."""

import base64
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

from django.test import Client

from gallery import folders, unpacking
from gallery.models import Image, Upload, User

BOUNDARY = "hostile"
TUS = {"Tus-Resumable": "1.0.0"}


@dataclass(frozen=True)
class Result:
    """A picture, or the reason why there is none."""

    image: Image | None
    reason: str = ""


@dataclass(frozen=True)
class Visitor:
    """Somebody with an account, a browser, a token, and a folder that is imported."""

    user: User
    browser: Client
    secret: str
    folder: Path


def multipart(field: str, content: bytes, name: bytes) -> dict[str, Any]:
    """The body of a form with one file. Its name goes as it is: whoever wants to deceive writes it by hand."""
    head = b'--%s\r\nContent-Disposition: form-data; name="%s"; filename="%s"\r\nContent-Type: image/jpeg\r\n\r\n'
    body = head % (BOUNDARY.encode(), field.encode(), name) + content + f"\r\n--{BOUNDARY}--\r\n".encode()
    return {"data": body, "content_type": f"multipart/form-data; boundary={BOUNDARY}"}


def as_sent(name: str) -> bytes:
    """As a browser writes a name into a form."""
    return name.encode("utf-8", "surrogateescape").replace(b'"', b"%22").replace(b"\n", b"%0A").replace(b"\r", b"%0D")


def form(visitor: Visitor, content: bytes, name: str) -> Result:
    request = multipart("pictures", content, as_sent(name))
    response = visitor.browser.post("/upload/", headers={"Accept": "application/json"}, **request)
    said = response.json()
    if response.status_code != 200:
        assert 400 <= response.status_code < 500, said
        return Result(None, said["message"])
    [outcome] = said["files"]
    return Result(Image.objects.get(uuid=outcome["uuid"]))


def api(visitor: Visitor, content: bytes, name: str) -> Result:
    headers = {"Authorization": f"Bearer {visitor.secret}"}
    response = Client().post("/api/v1/images/", headers=headers, **multipart("file", content, as_sent(name)))
    said = response.json()
    if response.status_code not in (200, 201):
        assert 400 <= response.status_code < 500, said
        return Result(None, said["detail"])
    return Result(Image.objects.get(uuid=said["uuid"]))


def in_pieces(visitor: Visitor, content: bytes, name: str) -> Result:
    encoded = base64.b64encode(name.encode("utf-8", "replace")).decode()
    headers = {**TUS, "Upload-Length": str(len(content)), "Upload-Metadata": f"filename {encoded}"}
    response = visitor.browser.post("/uploads/", headers=headers)
    if response.status_code != 201:
        assert 400 <= response.status_code < 500
        return Result(None, response.json()["message"])
    middle = len(content) // 2
    for begin, end in ((0, middle), (middle, len(content)))[middle == 0 :]:
        sent = visitor.browser.patch(
            response["Location"],
            content[begin:end],
            content_type="application/offset+octet-stream",
            headers={**TUS, "Upload-Offset": str(begin)},
        )
        assert sent.status_code == 204, sent.content
    said = visitor.browser.get(response["Location"]).json()
    assert said["outcome"] in ("created", "duplicate", "refused"), said
    return Result(Image.objects.get(uuid=said["uuid"]) if said.get("uuid") else None, said["message"])


def archive(visitor: Visitor, content: bytes, name: str) -> Result:
    """Within a ZIP archive, which the worker unpacks."""
    packed = BytesIO()
    with zipfile.ZipFile(packed, "w") as opened:
        opened.writestr("picture.jpg", content)
    request = multipart("pictures", packed.getvalue(), b"all.zip")
    response = visitor.browser.post("/upload/", headers={"Accept": "application/json"}, **request)
    assert response.json()["files"][0]["outcome"] == "unpacking", response.json()
    while unpacking.any_due():
        assert unpacking.unpack_some(most=8)
    upload = Upload.objects.filter(owner=visitor.user).latest("pk")
    refusals = upload.report.get("refusals", [])
    image = Image.objects.filter(owner=visitor.user).order_by("-pk").first()
    return Result(None, refusals[0][1]) if refusals else Result(image)


def folder(visitor: Visitor, content: bytes, name: str) -> Result:
    """In a folder that is imported."""
    path = visitor.folder / "picture.jpg"
    path.write_bytes(content)
    [outcome] = folders.file_take(owner=visitor.user, path=path)
    path.unlink()
    return Result(outcome.image, outcome.sentence)


DOORS: dict[str, Callable[[Visitor, bytes, str], Result]] = {
    door.__name__: door for door in (form, api, in_pieces, archive, folder)
}
