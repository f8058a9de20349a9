"""Oneself."""

from typing import Any

from django.db.models import Count, Sum
from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from api.base import ApiView, person_of
from api.etags import etag_of, if_match
from api.fields import read_body
from api.models import Token
from api.schema import IF_MATCH
from api.serializers.me import MeChangeSerializer, MeSerializer
from gallery.accounts import profile_set
from gallery.models import Image, User


class Me(ApiView):
    """Who asks, and how much they have here."""

    @extend_schema(operation_id="me_retrieve", responses=MeSerializer)
    def get(self, request: Request) -> Response:
        """You, the scopes of your token, and what you use of the site."""
        return _answer(request)

    @extend_schema(operation_id="me_update", parameters=[IF_MATCH], request=MeChangeSerializer, responses=MeSerializer)
    def patch(self, request: Request) -> Response:
        """Changes what you say of yourself to people whom you share with; what isn't named stays."""
        person, said = person_of(request), read_body(request, MeChangeSerializer)
        with if_match(request, person, lambda: _me(request)):
            profile_set(
                user=person,
                display_name=said.get("display_name", person.display_name),
                about=said.get("about", person.about),
            )
        return _answer(request)


def _answer(request: Request) -> Response:
    data = _me(request)
    return Response(data, headers={"ETag": etag_of(data)})


def _me(request: Request) -> dict[str, Any]:
    person = User.objects.get(pk=person_of(request).pk)  # as it is now, whatever another request did meanwhile
    used = Image.with_trash.filter(owner=person).aggregate(pictures=Count("*"), bytes=Sum("byte_size", default=0))
    said = {
        "username": person.username,
        "display_name": person.display_name,
        "about": person.about,
        "email": person.email,
        "is_staff": person.is_staff,
        "date_joined": person.date_joined,
        "scopes": request.auth.scopes if isinstance(request.auth, Token) else None,
        "usage": {**used, "quota_bytes": person.quota_bytes},
    }
    return dict(MeSerializer(said).data)
