"""Oneself."""

from typing import Any

from django.db.models import Count, Sum
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiView, person_of
from api.fields import read_body
from api.models import Token
from api.serializers.me import MeChangeSerializer, MeSerializer
from gallery.accounts import profile_set
from gallery.models import Image


class Me(ApiView):
    """Who asks, and how much they have here."""

    @extend_schema(operation_id="me_retrieve", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """You, the scopes of your token, and what you use of the site."""
        return Response(MeSerializer(_me(request)).data)

    @extend_schema(operation_id="me_update", request=MeChangeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Changes what you say of yourself to people whom you share with; what isn't named stays."""
        person, said = person_of(request), read_body(request, MeChangeSerializer)
        profile_set(
            user=person,
            display_name=said.get("display_name", person.display_name),
            about=said.get("about", person.about),
        )
        return Response(MeSerializer(_me(request)).data)


def _me(request: Request) -> dict[str, Any]:
    person = person_of(request)
    used = Image.with_trash.filter(owner=person).aggregate(pictures=Count("pk"), bytes=Sum("byte_size", default=0))
    return {
        "username": person.username,
        "display_name": person.display_name,
        "about": person.about,
        "email": person.email,
        "is_staff": person.is_staff,
        "date_joined": person.date_joined,
        "scopes": request.auth.scopes if isinstance(request.auth, Token) else None,
        "usage": {**used, "quota_bytes": person.quota_bytes},
    }
