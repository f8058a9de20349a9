"""With whom an album is shared."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers
from rest_framework.reverse import reverse

from api.fields import Choice, Flag, Moment, Name
from gallery.links import tells_address
from gallery.models import AlbumLink, AlbumMember


class MemberSerializer(serializers.Serializer[Any]):
    """Somebody who sees an album."""

    username = serializers.CharField(source="person.username")
    name = serializers.CharField(source="person.shown_name")
    role = serializers.ChoiceField(choices=AlbumMember.Role.choices)
    created_at = serializers.DateTimeField()


class MemberWishSerializer(serializers.Serializer[Any]):
    """Somebody to share an album with, and what they may do there."""

    username = Name(max_length=150)
    role = Choice(choices=AlbumMember.Role.choices, default=AlbumMember.Role.VIEW.value)


class RoleSerializer(serializers.Serializer[Any]):
    """What a member may do from now on."""

    role = Choice(choices=AlbumMember.Role.choices, required=False)


class LinkSerializer(serializers.Serializer[Any]):
    """An address by which anybody who has it sees an album."""

    id = serializers.IntegerField()
    address = serializers.SerializerMethodField(
        help_text="Null for links that others made: each is told their own, and those that all can see."
    )
    label = serializers.CharField()  # type: ignore[assignment]  # a name in the answer
    is_public = serializers.BooleanField(help_text="Listed among the public albums.")
    has_password = serializers.SerializerMethodField()
    allows_download = serializers.BooleanField()
    expires_at = serializers.DateTimeField(allow_null=True)
    created_by = serializers.CharField(source="created_by.username")
    created_at = serializers.DateTimeField()

    def get_address(self, link: AlbumLink) -> str | None:
        request = self.context["request"]
        return reverse("link", args=[link.key], request=request) if tells_address(link, viewer=request.user) else None

    def get_has_password(self, link: AlbumLink) -> bool:
        return bool(link.password)


@extend_schema_field({"type": "string", "minLength": 6, "maxLength": 100, "pattern": "^[^\\u0000]*$"})
class Password(serializers.CharField):
    """What visitors of a link have to know."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(min_length=6, max_length=100, trim_whitespace=False, **kwargs)


class LinkWishSerializer(serializers.Serializer[Any]):
    """A new link."""

    label = Name(max_length=100, allow_blank=True, required=False, default="")  # type: ignore[assignment]
    is_public = Flag(required=False, default=False)
    password = Password(required=False, default="", help_text="None: none is asked.")
    allows_download = Flag(required=False, default=False, help_text="Originals of your own pictures.")
    expires_at = Moment(required=False, allow_null=True, default=None)


class LinkChangeSerializer(serializers.Serializer[Any]):
    """What is to be different about a link."""

    label = Name(max_length=100, allow_blank=True, required=False)  # type: ignore[assignment]
    password = Password(
        required=False,
        allow_null=True,
        help_text="Null: none is asked any more. Who said the former has to say another one.",
    )
    allows_download = Flag(required=False, help_text="Originals of your own pictures.")
    expires_at = Moment(required=False, allow_null=True, help_text="Null: without end.")
