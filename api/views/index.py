"""The front door, for programs."""

from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.reverse import reverse

from api.base import ApiView
from api.models import Token
from api.serializers.index import IndexSerializer

COLLECTIONS = (
    "images",
    "search",
    "albums",
    "tags",
    "trash",
    "uploads",
    "jobs",
    "models",
    "judgements",
    "searches",
    "webhooks",
    "tokens",
    "me",
)


class Index(ApiView):
    """Where things are."""

    open_to_strangers: ClassVar[bool] = True

    @extend_schema(operation_id="index", responses=IndexSerializer, tags=["index"])
    def get(self, request: Request) -> Response:
        """Where to find what, and who you are here."""

        def address(name: str) -> str:
            return reverse(f"api:{name}", request=request)

        said = {
            "version": settings.SPECTACULAR_SETTINGS["VERSION"],
            "you": _caller(request),
            "schema": address("schema"),
            "docs": address("docs"),
            "collections": {name: address(name) for name in COLLECTIONS},
        }
        return Response(IndexSerializer(said).data)


def _caller(request: Request) -> dict[str, Any] | None:
    if not request.user.is_authenticated:
        return None
    scopes = request.auth.scopes if isinstance(request.auth, Token) else None
    return {"username": request.user.username, "scopes": scopes}
