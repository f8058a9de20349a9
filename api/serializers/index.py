"""What there is."""

from typing import Any

from rest_framework import serializers


class CallerSerializer(serializers.Serializer[Any]):
    """Who asks."""

    username = serializers.CharField()
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Of the token; null with a session."
    )


class IndexSerializer(serializers.Serializer[Any]):
    """Where things are."""

    version = serializers.CharField(help_text="Of the API.")
    you = CallerSerializer(allow_null=True, help_text="null: a stranger.")
    schema = serializers.URLField(help_text="All of it, as OpenAPI 3.")
    docs = serializers.URLField(help_text="The page for people, where all of it can be tried.")
    collections = serializers.DictField(
        child=serializers.URLField(), help_text="Addresses by name, to which GET answers those who may."
    )
