"""The tus protocol 1.0.0 for uploads in pieces, for whoever has been told who asks: pages and the API mount it alike.

Core, and the extensions creation, expiration, termination and checksum. https://tus.io/protocols/resumable-upload
"""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Callable, Iterator
from datetime import timedelta
from http import HTTPStatus
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.http.request import UnreadablePostError
from django.urls import reverse
from django.utils.http import http_date
from django.utils.translation import gettext as _

from gallery import uploads
from gallery.exceptions import (
    NoRoom,
    OffsetMismatch,
    TooOften,
    UploadBusy,
    UploadGone,
    UploadRefused,
)
from gallery.models import Upload, User, Visibility
from gallery.numbers import whole
from gallery.outages import RETRY_SECONDS
from gallery.tries import uploads_check

VERSION = "1.0.0"
EXTENSIONS = "creation,expiration,termination,checksum"
ALGORITHMS = {"sha1": hashlib.sha1, "sha256": hashlib.sha256, "md5": hashlib.md5}
PIECE = 4 << 20  # bytes that are made durable at once
MOST_CHECKED = 64 << 20  # a piece with a checksum is held until it is checked
CHECKSUM_MISMATCH = 460  # the protocol's own

Address = Callable[[Upload], str]


class _Problem(Exception):
    """A request that can't be served, and why."""

    def __init__(self, status: int, sentence: str, **headers: str) -> None:
        super().__init__(sentence)
        self.status, self.sentence, self.headers = status, sentence, headers


def answer(request: HttpRequest, *, owner: User, uuid: UUID | None, address: Address) -> HttpResponse:
    """The answer to a request about all uploads of a person (`uuid` None), or one of them. `address`: where each is.

    GET is ours, not the protocol's: what is on its way, and what became of it, as JSON.
    """
    try:
        response = _answer(request, owner, uuid, address)
    except _Problem as problem:
        response = _sentence(problem.status, problem.sentence)
        for name, value in problem.headers.items():
            response[name.replace("_", "-")] = value
    except UploadRefused as refusal:
        response = _sentence(_status(refusal), str(refusal))
        if response.status_code == HTTPStatus.SERVICE_UNAVAILABLE:
            response["Retry-After"] = str(RETRY_SECONDS)
    except TooOften as refusal:
        response = _sentence(429, str(refusal))
        response["Retry-After"] = str(refusal.seconds)
    except OffsetMismatch as mismatch:
        response = _sentence(409, str(mismatch))
        response["Upload-Offset"] = str(mismatch.expected)
    except UploadBusy:
        response = _sentence(423, _("This upload is being written to just now. Try again in a moment."))
    except UploadGone:
        response = _sentence(410, _("This upload is over, or its file is gone. Begin again."))
    response["Tus-Resumable"] = VERSION
    response["Cache-Control"] = "no-store"
    return response


def as_json(upload: Upload, *, url: str = "") -> dict[str, Any]:
    """What people and programs are told of an upload."""
    said: dict[str, Any] = {
        "id": str(upload.uuid),
        "name": upload.file_name,
        "bytes": upload.byte_size,
        "received": upload.received,
        "modified": upload.modified,
        "visibility": upload.visibility,
        "state": upload.state,
        "outcome": upload.report.get("kind"),
        "message": upload.outcome,
        "upload_url": url,
    }
    if upload.entries:
        numbers = {name: upload.report.get(name, 0) for name in ("created", "duplicate", "refused")}
        said["archive"] = {
            "files": upload.entries,
            "done": upload.entries_done,
            **numbers,
            "refusals": upload.report.get("refusals", []),
        }
    if upload.image:
        said["uuid"] = str(upload.image.uuid)
        said["url"] = upload.image.get_absolute_url()
        said["state_url"] = reverse("image-state", args=[upload.image.uuid])
    return said


def _answer(request: HttpRequest, owner: User, uuid: UUID | None, address: Address) -> HttpResponse:
    method = request.method
    if method == "POST":  # only then: what is checked against forgery must be what is done
        method = request.headers.get("X-HTTP-Method-Override", method).upper()
    if method == "OPTIONS":
        return _options()
    if method == "HEAD" and uuid is None:
        method = "GET"
    if method != "GET" and request.headers.get("Tus-Resumable") != VERSION:
        raise _Problem(412, f"This site speaks tus {VERSION}.", Tus_Version=VERSION)
    if uuid is None:
        return _of_all(method, request, owner, address)
    upload = uploads.upload_of(owner, uuid)
    if upload is None:
        raise _Problem(404, _("There is no such upload."))
    return _of_one(method, request, upload, address)


def _of_all(method: str | None, request: HttpRequest, owner: User, address: Address) -> HttpResponse:
    if method == "GET":
        return JsonResponse({"uploads": [as_json(each, url=address(each)) for each in uploads.uploads_of(owner)]})
    if method == "POST":
        return _create(request, owner, address)
    raise _Problem(405, _("There is nothing like that here."), Allow="OPTIONS, GET, POST")


def _of_one(method: str | None, request: HttpRequest, upload: Upload, address: Address) -> HttpResponse:
    if method == "GET":
        return JsonResponse(as_json(upload, url=address(upload)))
    if method == "HEAD":
        return _head(upload)
    if method == "PATCH":
        return _patch(request, upload)
    if method == "DELETE":
        uploads.upload_delete(upload=upload)
        return HttpResponse(status=204)
    raise _Problem(405, _("There is nothing like that here."), Allow="OPTIONS, GET, HEAD, PATCH, DELETE")


def _options() -> HttpResponse:
    limits = settings.GALLERY_LIMITS
    response = HttpResponse(status=204)
    response["Tus-Version"] = VERSION
    response["Tus-Extension"] = EXTENSIONS
    response["Tus-Max-Size"] = str(max(limits["bytes"], limits["archive"]))
    response["Tus-Checksum-Algorithm"] = ",".join(ALGORITHMS)
    return response


def _create(request: HttpRequest, owner: User, address: Address) -> HttpResponse:
    metadata = _metadata(request.headers.get("Upload-Metadata", ""))
    visibility = metadata.get("visibility") or Visibility.PRIVATE
    if visibility not in Visibility.values:
        raise _Problem(400, "There is no such visibility.")
    if "Upload-Defer-Length" in request.headers:
        raise _Problem(400, "Say how long the file is: Upload-Length.")
    modified = metadata.get("modified", "")
    byte_size = _number(request, "Upload-Length")
    if not byte_size:
        raise _Problem(400, _("This file is empty."))
    uploads_check(owner=owner)
    upload = uploads.upload_create(
        owner=owner,
        file_name=metadata.get("filename") or metadata.get("name") or "",
        byte_size=byte_size,
        visibility=visibility,
        modified=whole(modified),
    )
    response = HttpResponse(status=201)
    response["Location"] = address(upload)
    response["Upload-Expires"] = _expires(upload)
    return response


def _head(upload: Upload) -> HttpResponse:
    response = HttpResponse()
    response["Upload-Offset"] = str(upload.received)
    response["Upload-Length"] = str(upload.byte_size)
    if upload.state == Upload.State.RECEIVING:
        response["Upload-Expires"] = _expires(upload)
    return response


def _patch(request: HttpRequest, upload: Upload) -> HttpResponse:
    if request.content_type != "application/offset+octet-stream":
        raise _Problem(415, "A piece has the content type application/offset+octet-stream.")
    offset = _number(request, "Upload-Offset")
    length = int(request.META.get("CONTENT_LENGTH") or 0)
    if upload.state != Upload.State.RECEIVING:
        raise UploadGone
    if offset != upload.received:
        raise OffsetMismatch(upload.received)
    if offset + length > upload.byte_size:
        raise _Problem(413, _("This is more than was announced."))
    for piece in _pieces(request, length):
        uploads.upload_append(upload=upload, offset=offset, data=piece)
        offset += len(piece)
    if offset == upload.byte_size:
        uploads.upload_finish(upload=upload)
    response = HttpResponse(status=204)
    response["Upload-Offset"] = str(offset)
    response["Upload-Expires"] = _expires(upload)
    return response


def _pieces(request: HttpRequest, length: int) -> Iterator[bytes]:
    """The body. Where a checksum came with it, nothing of it is let through before all of it is checked."""
    if not (given := request.headers.get("Upload-Checksum")):
        while piece := _read(request, PIECE):
            yield piece
        return
    name, __, expected = given.partition(" ")
    if name not in ALGORITHMS:
        raise _Problem(400, "There is no such checksum algorithm here.")
    if length > MOST_CHECKED:
        raise _Problem(413, f"A piece with a checksum has {MOST_CHECKED >> 20} MB at most.")
    piece = _read(request, length)
    digest = base64.b64encode(ALGORITHMS[name](piece, usedforsecurity=False).digest()).decode()
    if not hmac.compare_digest(digest.encode(), expected.strip().encode()):
        raise _Problem(CHECKSUM_MISMATCH, _("The piece came changed. Send it again."))
    yield piece


def _read(request: HttpRequest, size: int) -> bytes:
    """So many bytes of the body, or what came of them when the connection broke: that is kept too."""
    data = bytearray()
    try:
        while len(data) < size and (some := request.read(min(size - len(data), 64 << 10))):
            data += some
    except (UnreadablePostError, OSError):
        pass  # the caller keeps what there is; nobody is left to answer
    return bytes(data)


def _metadata(header: str) -> dict[str, str]:
    """`name base64, name base64` as the protocol has it."""
    found = {}
    for pair in header.split(","):
        key, _, value = pair.strip().partition(" ")
        try:
            found[key] = base64.b64decode(value, validate=True).decode()
        except (binascii.Error, UnicodeDecodeError):
            raise _Problem(400, "Upload-Metadata has a value that isn't base64 of UTF-8.") from None
    return found


def _number(request: HttpRequest, header: str) -> int:
    number = whole(request.headers.get(header, ""))
    if number is None:
        raise _Problem(400, f"{header} must be a number of bytes.")
    return number


def _expires(upload: Upload) -> str:
    return http_date((upload.updated_at + timedelta(hours=settings.UPLOAD_HOURS)).timestamp())


def _status(refusal: UploadRefused) -> HTTPStatus:
    if isinstance(refusal, NoRoom):
        return HTTPStatus.INSUFFICIENT_STORAGE
    return HTTPStatus.SERVICE_UNAVAILABLE if refusal.passes else HTTPStatus.REQUEST_ENTITY_TOO_LARGE


def _sentence(status: int, sentence: str) -> HttpResponse:
    return JsonResponse({"message": sentence}, status=status)
