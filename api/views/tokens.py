"""One's own tokens."""

from typing import ClassVar

from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import status
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from api import pagination, tokens
from api.base import ApiView, person_of
from api.exceptions import TokenRefused
from api.fields import PageQuery, read_body, read_query
from api.models import Token
from api.schema import PageSchema
from api.serializers.tokens import NewTokenSerializer, TokenSerializer, TokenWishSerializer


class Tokens(ApiView):
    """Made with a session alone: a stolen token makes no others."""

    session_only: ClassVar[bool] = True

    @extend_schema(operation_id="tokens_list", parameters=[PageQuery], responses=PageSchema.of(TokenSerializer))
    def get(self, request: Request) -> Response:
        """Your tokens that are not revoked, the newest first."""
        query = read_query(request, PageQuery)
        return pagination.page(
            request,
            tokens.tokens_of(person_of(request)),
            size=query["limit"],
            represent=lambda rows: TokenSerializer(rows, many=True).data,
        )

    @extend_schema(operation_id="tokens_create", request=TokenWishSerializer, responses={201: NewTokenSerializer})
    def post(self, request: Request) -> Response:
        """Makes a token. The answer has its secret, which nobody can show again."""
        wish = read_body(request, TokenWishSerializer)
        try:
            made = tokens.token_create(owner=person_of(request), **wish)
        except TokenRefused as refusal:
            raise ValidationError({refusal.field: [str(refusal)]}) from refusal
        data = {**TokenSerializer(made.token).data, "secret": made.secret}
        return Response(data, status=status.HTTP_201_CREATED, headers={"Cache-Control": "no-store"})


class OneToken(ApiView):
    """One of one's own tokens."""

    session_only: ClassVar[bool] = True

    @extend_schema(operation_id="tokens_revoke", responses={204: None})
    def delete(self, request: Request, pk: int) -> Response:
        """Revokes a token: it lets nobody in any more, at once."""
        token = Token.objects.filter(owner=person_of(request), pk=pk).first()
        if token is None:
            raise Http404
        tokens.token_revoke(token=token, actor=person_of(request))
        return Response(status=status.HTTP_204_NO_CONTENT)
