"""Tokens."""

from typing import Any

from rest_framework import serializers

from api.fields import Choice, Moment, Name
from api.models import Token


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token, without its secret."""

    scopes = serializers.ListField(child=serializers.ChoiceField(choices=Token.Scope.choices))

    class Meta:
        model = Token
        fields = ("id", "name", "scopes", "prefix", "created_at", "last_used_at", "expires_at")
        read_only_fields = fields


class NewTokenSerializer(TokenSerializer):
    """A token with its secret, which is shown this once."""

    secret = serializers.CharField()

    class Meta(TokenSerializer.Meta):
        fields = (*TokenSerializer.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


class TokenWishSerializer(serializers.Serializer[Any]):
    """What a new token is for and may do."""

    name = Name(max_length=Token.LONGEST_NAME)
    scopes = serializers.ListField(child=Choice(choices=Token.Scope.choices), min_length=1, max_length=len(Token.Scope))
    expires_at = Moment(allow_null=True, default=None)
