"""Errors below /api/, as problem details (RFC 9457), whoever raises them: views, Django, or what stands around them.

`type` is urn:mmsite:problem:<code>, which programs may rely on; `detail` is a sentence for people and may change.
"""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from django.http import HttpRequest, JsonResponse

PREFIX = "/api/"
MEDIA_TYPE = "application/problem+json"
TYPE = "urn:mmsite:problem:"

NOT_FOUND = "There is nothing here, or it is not yours to see."
FORBIDDEN = "You may not do this."
TOO_LARGE = "That is too much at once. Send fewer or smaller pictures at a time."
SENSELESS = "That request makes no sense here."
STORE = "The place where the pictures lie doesn't answer. Nothing is lost: try again in a minute."
DATABASE = "The database is busy, or doesn't answer. Nothing is lost: try again in a minute."
NO_ROOM = "There is no room left on this site. Nothing is lost: try again once its administrator has made some."
BROKEN = "Something went wrong on this site. It has been written down; try again later."
CSRF = "The request comes without the token of a form of this site: send X-CSRFToken, or use an API token."


def is_api(request: HttpRequest) -> bool:
    return request.path_info.startswith(PREFIX)


def body(
    status: int,
    code: str,
    detail: str,
    *,
    instance: str = "",
    errors: Mapping[str, Any] | None = None,
    title: str | None = None,
) -> dict[str, Any]:
    """The members of a problem. `errors` are sentences by field; `title` is HTTP's own phrase unless given."""
    problem: dict[str, Any] = {
        "type": f"{TYPE}{code.replace('_', '-')}",
        "title": title or HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "instance": instance,
    }
    if errors is not None:
        problem["errors"] = errors
    return problem


def answer(request: HttpRequest, status: int, code: str, detail: str) -> JsonResponse:
    """A problem from outside the views of the API."""
    return JsonResponse(body(status, code, detail, instance=request.path), status=status, content_type=MEDIA_TYPE)
