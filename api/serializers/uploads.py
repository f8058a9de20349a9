"""Files on their way in, as gallery.tus tells of them."""

from typing import Any

from rest_framework import serializers

from gallery.models import Upload


class ArchiveSerializer(serializers.Serializer[Any]):
    """How far the unpacking of an archive is."""

    files = serializers.IntegerField()
    done = serializers.IntegerField()
    created = serializers.IntegerField()
    duplicate = serializers.IntegerField()
    refused = serializers.IntegerField()
    refusals = serializers.ListField(child=serializers.JSONField())


class UploadSerializer(serializers.Serializer[Any]):
    """A file on its way in."""

    id = serializers.UUIDField()
    name = serializers.CharField()
    bytes = serializers.IntegerField()
    received = serializers.IntegerField()
    modified = serializers.IntegerField(allow_null=True)
    visibility = serializers.CharField()
    state = serializers.ChoiceField(choices=Upload.State.choices)
    outcome = serializers.CharField(allow_null=True, help_text="created, duplicate, refused, …")
    message = serializers.CharField(help_text="What became of it, in a sentence.")
    upload_url = serializers.CharField()
    archive = ArchiveSerializer(required=False)
    uuid = serializers.UUIDField(required=False, help_text="Of the picture.")
    url = serializers.CharField(required=False, help_text="Of the picture's page.")
    state_url = serializers.CharField(required=False)


class UploadsSerializer(serializers.Serializer[Any]):
    """Files on their way in."""

    uploads = UploadSerializer(many=True)
