"""Files in pieces, by the tus protocol: see gallery.tus, which answers. Its refusals become problems here."""

import json
from typing import Any, ClassVar
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import exceptions
from rest_framework.request import Request
from rest_framework.reverse import reverse

from api import problems
from api.base import ApiView, person_of
from api.schema import PIECE
from api.serializers.uploads import UploadSerializer, UploadsSerializer
from gallery import tus

BINARY = {PIECE: {"type": "string", "format": "binary"}}
CODES = {
    404: "not_found",
    409: "conflict",
    410: "gone",
    412: "protocol",
    413: "refused",
    415: "unsupported_media_type",
    503: "unavailable",
    507: "no_room",
}


def _header(name: str, description: str, *, is_needed: bool = True, pattern: str = "^[0-9]{1,12}$") -> OpenApiParameter:
    kind = {"type": "string", "pattern": pattern}
    return OpenApiParameter(name, kind, OpenApiParameter.HEADER, required=is_needed, description=description)


VERSION = OpenApiParameter(
    "Tus-Resumable", str, OpenApiParameter.HEADER, required=True, enum=[tus.VERSION], description="The protocol."
)
LENGTH = _header("Upload-Length", "Bytes of the whole file.", pattern="^[1-9][0-9]{0,11}$")
OFFSET = _header("Upload-Offset", "Where this piece begins.")
METADATA = _header(
    "Upload-Metadata",
    "`filename` and, if you like, `visibility`, each with its value in base64, separated by commas.",
    is_needed=False,
    pattern=".*",
)


class _Tus(ApiView):
    throttle_scope: ClassVar[str] = "upload"

    def _answer(self, request: Request, uuid: UUID | None = None) -> HttpResponse:
        address = lambda upload: reverse("api:upload", args=[upload.uuid], request=request)  # noqa: E731
        answer = tus.answer(request._request, owner=person_of(request), uuid=uuid, address=address)
        return _as_problem(request, answer) if answer.status_code >= 400 else answer  # noqa: PLR2004

    def options(self, request: Request, *args: Any, **kwargs: Any) -> HttpResponse:  # type: ignore[override]
        """What of tus there is."""
        return self._answer(request, kwargs.get("uuid"))


class Uploads(_Tus):
    """Files on their way in."""

    @extend_schema(operation_id="uploads_list", responses=UploadsSerializer)
    def get(self, request: Request) -> HttpResponse:
        """Yours that are on their way in."""
        return self._answer(request)

    @extend_schema(
        operation_id="uploads_create", parameters=[VERSION, LENGTH, METADATA], request=None, responses={201: None}
    )
    def post(self, request: Request) -> HttpResponse:
        """Opens an upload (tus 1.0.0, creation). `Location` says where its pieces go."""
        return self._answer(request)


class OneUpload(_Tus):
    """A file on its way in."""

    @extend_schema(operation_id="uploads_retrieve", responses=UploadSerializer)
    def get(self, request: Request, uuid: UUID) -> HttpResponse:
        """How far it is, and what became of it: `outcome`, and the picture's `uuid`."""
        return self._answer(request, uuid)

    @extend_schema(exclude=True)
    def head(self, request: Request, uuid: UUID) -> HttpResponse:
        """How far it is: `Upload-Offset`."""
        return self._answer(request, uuid)

    @extend_schema(operation_id="uploads_append", parameters=[VERSION, OFFSET], request=BINARY, responses={204: None})
    def patch(self, request: Request, uuid: UUID) -> HttpResponse:
        """Adds a piece. With the last one, the file becomes a picture."""
        return self._answer(request, uuid)

    @extend_schema(operation_id="uploads_delete", parameters=[VERSION], responses={204: None})
    def delete(self, request: Request, uuid: UUID) -> HttpResponse:
        """Forgets an upload; the picture that it became stays."""
        return self._answer(request, uuid)


def _as_problem(request: Request, answer: HttpResponse) -> HttpResponse:
    if answer.status_code == 404:  # noqa: PLR2004
        raise exceptions.NotFound(problems.NOT_FOUND)
    sentence = json.loads(answer.content)["message"] if answer.content else problems.SENSELESS
    code = CODES.get(answer.status_code, "parse_error")
    title = "Checksum Mismatch" if answer.status_code == tus.CHECKSUM_MISMATCH else None
    data = problems.body(answer.status_code, code, sentence, instance=request.path, title=title)
    answer.content = json.dumps(data).encode()
    answer["Content-Type"] = problems.MEDIA_TYPE
    return answer
