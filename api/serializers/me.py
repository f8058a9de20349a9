"""Oneself."""

from typing import Any

from rest_framework import serializers

from api.fields import Name


class UsageSerializer(serializers.Serializer[Any]):
    """How much one has here."""

    pictures = serializers.IntegerField()
    bytes = serializers.IntegerField(help_text="Of originals, the trash included.")
    quota_bytes = serializers.IntegerField(allow_null=True, help_text="null: no limit.")


class MeSerializer(serializers.Serializer[Any]):
    """Who asks."""

    username = serializers.CharField()
    display_name = serializers.CharField()
    about = serializers.CharField()
    email = serializers.CharField()
    is_staff = serializers.BooleanField()
    date_joined = serializers.DateTimeField()
    scopes = serializers.ListField(
        child=serializers.CharField(), allow_null=True, help_text="Of the token; null with a session."
    )
    usage = UsageSerializer()


class MeChangeSerializer(serializers.Serializer[Any]):
    """What one may say of oneself."""

    display_name = Name(max_length=100, allow_blank=True, required=False)
    about = Name(max_length=300, allow_blank=True, required=False)
