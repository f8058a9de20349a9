"""What is said of pictures in addresses and bodies."""

from typing import Any

from rest_framework import serializers

from api.fields import Choice, FieldChoice, Flag, Form, Id, Moment, Name, PageQuery, Query, TagName, Text
from api.pagination import Order
from api.serializers.images import ImageSerializer
from gallery.formats import FORMATS
from gallery.models import Tag, Visibility

ORDERS = {
    "newest": Order("sort_date"),
    "oldest": Order("sort_date", descending=False),
    "uploaded": Order("pk"),
    "first_uploaded": Order("pk", descending=False),
}


class ImageFilters(PageQuery):
    """Which pictures, in which order, and how much of them."""

    own = Flag(required=False, help_text="true: your own alone; false: other people's.")
    visibility = Choice(choices=Visibility.choices, required=False)
    taken_after = Moment(required=False, help_text="Taken, else uploaded, then or later.")
    taken_before = Moment(required=False, help_text="Taken, else uploaded, earlier.")
    tag = TagName(required=False, max_length=Tag.LONGEST_NAME, help_text="With this tag, whoever's.")
    album = Id(required=False, help_text="In this album of yours, or one shared with you.")
    camera = Name(required=False, max_length=100, help_text="Part of its make or model.")
    format = Choice(choices=list(FORMATS), required=False)
    described_by = Choice(choices=["person", "model", "nobody"], required=False)
    state = Choice(choices=["ready", "working", "failed"], required=False, help_text="Of the work.")
    favourite = Flag(required=False)
    order = Choice(choices=list(ORDERS), required=False, default="newest")
    fields = FieldChoice(ImageSerializer)  # type: ignore[assignment]  # a name in the address


class OneImageQuery(Query):
    """How much of a picture."""

    fields = FieldChoice(ImageSerializer)  # type: ignore[assignment]  # a name in the address


class DeleteQuery(Query):
    """What deleting means."""

    permanent = Flag(
        required=False, default=False, help_text="true: for good, of a picture that lies in the trash already."
    )


class NewImageSerializer(Form):
    """A file, and who may see the picture that it becomes."""

    file = serializers.FileField(help_text="JPEG, PNG, WebP, GIF, AVIF, HEIC or TIFF.")
    visibility = Choice(choices=Visibility.choices, required=False, default=Visibility.PRIVATE.value)


class ImageChangeSerializer(serializers.Serializer[Any]):
    """What the owner may say of a picture."""

    title = Name(max_length=200, allow_blank=True, required=False)
    notes = Text(max_length=10_000, allow_blank=True, required=False)
    place = Name(max_length=200, allow_blank=True, required=False, help_text="In words; all who see it read it.")
    taken_at = Moment(allow_null=True, required=False)
    visibility = Choice(choices=Visibility.choices, required=False)
    favourite = Flag(required=False)


class TagChangesSerializer(serializers.Serializer[Any]):
    """Names of tags to put on a picture, and to take off it."""

    add = serializers.ListField(child=TagName(max_length=Tag.LONGEST_NAME), max_length=20, required=False, default=list)
    remove = serializers.ListField(
        child=TagName(max_length=Tag.LONGEST_NAME), max_length=20, required=False, default=list
    )
