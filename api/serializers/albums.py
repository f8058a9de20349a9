"""Albums and tags."""

from typing import Any

from rest_framework import serializers
from rest_framework.reverse import reverse

from api.base import viewer_of
from api.fields import Choice, Id, Name, PageQuery, TagName
from api.pagination import Order
from gallery.models import Album, Tag

MOST_AT_ONCE = 500
ALBUM_ORDERS = {
    "changed": Order("updated_at"),
    "newest": Order("pk"),
    "oldest": Order("pk", descending=False),
}


class TagSerializer(serializers.Serializer[Any]):
    """A tag of one's own."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    pictures = serializers.IntegerField()


class TagNameSerializer(serializers.Serializer[Any]):
    """What a tag is to be called."""

    name = TagName(max_length=Tag.LONGEST_NAME, required=False)


class TagMergeSerializer(serializers.Serializer[Any]):
    """The tag that takes over another's pictures."""

    into = serializers.IntegerField(min_value=1, max_value=2**63 - 1)


class AlbumsQuery(PageQuery):
    """Which page of one's albums."""

    order = Choice(
        choices=list(ALBUM_ORDERS),
        required=False,
        default="changed",
        help_text="`changed`: the last changed first, so one that changes meanwhile moves to the front, where who is "
        "past it doesn't see it; `newest` and `oldest`: by when they were made, which stays.",
    )


class AlbumSerializer(serializers.Serializer[Any]):
    """An album."""

    uuid = serializers.UUIDField()
    url = serializers.SerializerMethodField(help_text="Here.")
    page = serializers.SerializerMethodField(help_text="Its page on the site.")
    owner = serializers.CharField(source="owner.username")
    is_own = serializers.SerializerMethodField()
    title = serializers.CharField()
    pictures = serializers.IntegerField()
    cover = serializers.UUIDField(source="front", allow_null=True, help_text="The picture in front.")
    created_at = serializers.DateTimeField()
    updated_at = serializers.DateTimeField()

    def get_url(self, album: Album) -> str:
        return reverse("api:album", args=[album.uuid], request=self.context["request"])

    def get_page(self, album: Album) -> str:
        return str(self.context["request"].build_absolute_uri(album.get_absolute_url()))

    def get_is_own(self, album: Album) -> bool:
        return album.owner_id == viewer_of(self.context["request"]).pk


class AlbumTitleSerializer(serializers.Serializer[Any]):
    """What a new album is called."""

    title = Name(max_length=Album.LONGEST_TITLE)


class AlbumChangeSerializer(serializers.Serializer[Any]):
    """Another title, and another picture in front."""

    title = Name(max_length=Album.LONGEST_TITLE, required=False)
    cover = Id(required=False, help_text="A picture of the album.")


class PicturesSerializer(serializers.Serializer[Any]):
    """Pictures, by their uuids."""

    images = serializers.ListField(child=Id(), min_length=1, max_length=MOST_AT_ONCE)


class MoveSerializer(serializers.Serializer[Any]):
    """A picture of an album, and the one whose place it takes."""

    image = Id()
    place_of = Id(help_text="It makes room.")


class AddedSerializer(serializers.Serializer[Any]):
    """How many pictures were put in or taken out; the others were there, or gone, already, or aren't yours."""

    changed = serializers.IntegerField()
