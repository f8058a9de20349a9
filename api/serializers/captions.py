"""Captions, and what programs say of them."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import HIDDEN, Choice, Flag, Form, Query, Text
from captioning.describers import LONGEST_BEGINNING, beginning
from captioning.exceptions import BadCaption
from captioning.imports import Reason
from captioning.models import Caption

BEFORE = "What you saw as the current caption, “” for none. Where it is another by now, the answer is 409."


class CaptionSerializer(serializers.ModelSerializer[Caption]):
    """Something that a model or a person said of a picture."""

    image = serializers.UUIDField(source="image.uuid", read_only=True)
    author = serializers.SerializerMethodField(help_text="Who wrote it; null for a model.")
    reviewed_by = serializers.SerializerMethodField()

    class Meta:
        model = Caption
        fields = (
            "id",
            "image",
            "text",
            "source",
            "model",
            "author",
            "confidence",
            "unsure",
            "is_current",
            "review",
            "reviewed_by",
            "reviewed_at",
            "created_at",
        )
        read_only_fields = fields

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_author(self, caption: Caption) -> str | None:
        return caption.author.username if caption.author else None

    @extend_schema_field(serializers.CharField(allow_null=True))
    def get_reviewed_by(self, caption: Caption) -> str | None:
        return caption.reviewed_by.username if caption.reviewed_by else None


class CaptionWishSerializer(serializers.Serializer[Any]):
    """A caption in a person's words."""

    text = Text(max_length=Caption.LONGEST)
    before = Text(
        required=False, allow_blank=True, allow_null=True, default=None, trim_whitespace=False, help_text=BEFORE
    )


class JudgementOfCaptionSerializer(serializers.Serializer[Any]):
    """What becomes of a caption of the history."""

    DEEDS = ("choose", "approve", "reject", "reopen")

    do = Choice(
        choices=DEEDS,
        help_text="`choose`: the picture has it from now on. Of a model's alone: `approve` as well says that it is "
        "right, `reject` takes it away, `reopen` makes it current as if nobody had judged it.",
    )
    before = Text(
        required=False, allow_blank=True, allow_null=True, default=None, trim_whitespace=False, help_text=BEFORE
    )


class TableQuery(Query):
    """Which table."""

    table = Choice(choices=["csv", "jsonl"], default="csv")


class ImportQuery(Query):
    """How a table, or sidecars, are taken in."""

    replace = Flag(required=False, default=False, help_text="What you wrote or approved otherwise gives way, too.")


class TableSerializer(Form):
    """A table of captions, or sidecars."""

    table = serializers.FileField(
        help_text="CSV or JSON Lines, in UTF-8; a ZIP archive of XMP sidecars; or one of these, called `.xmp`.",
        allow_empty_file=True,
    )


class ProblemOfRowSerializer(serializers.Serializer[Any]):
    """A row, or a sidecar, that could not be used."""

    row = serializers.IntegerField(
        help_text="As spreadsheets and editors count; of CSV, the first has the headings. Sidecars are counted as they "
        "come in their archive."
    )
    file = serializers.CharField(help_text="The sidecar; empty for a row.")
    reason = serializers.ChoiceField(choices=Reason.values)
    detail = serializers.CharField(source="__str__", help_text="The same, in a sentence.")


class ImportSerializer(serializers.Serializer[Any]):
    """What became of the rows of a table, or of sidecars."""

    written = serializers.IntegerField()
    same = serializers.IntegerField(help_text="Captions that were there already.")
    kept = serializers.IntegerField(help_text="Pictures that keep what you wrote or approved; see `replace`.")
    left = serializers.IntegerField(help_text="Captions still to be written: send the same file again to go on.")
    unused = serializers.IntegerField(help_text="Rows or sidecars that could not be used.")
    problems = ProblemOfRowSerializer(many=True, help_text="Of those, the first hundred.")


@extend_schema_field({"type": "string", "maxLength": LONGEST_BEGINNING, "pattern": rf"^[{HIDDEN}]+$|[\p{{L}}\p{{N}}]"})
class Beginning(Text):
    """Words, or nothing; whether there are any, captioning.describers decides."""


class RecaptionSerializer(serializers.Serializer[Any]):
    """Who is to describe a picture again."""

    model = Text(
        required=False, max_length=300, help_text="A captioner that `/models/` names; the site's own without it."
    )
    begin = Beginning(
        required=False,
        allow_blank=True,
        max_length=LONGEST_BEGINNING,
        help_text="Words with which the caption is to begin, in the captioner's language.",
    )

    def validate_begin(self, begin: str) -> str:
        try:
            return beginning(begin)
        except BadCaption as problem:
            raise serializers.ValidationError(str(problem)) from problem


class RequeuedSerializer(serializers.Serializer[Any]):
    """Work that the worker will do again."""

    steps = serializers.IntegerField(
        help_text="How many were opened; 0 where one runs already, or that other captioner has described the picture."
    )
    model = serializers.CharField(help_text="Who describes it.")
    captions = serializers.URLField(help_text="Where its caption will be among those of the picture.")


class PictureSerializer(Form):
    """A picture, which is not kept."""

    picture = serializers.FileField(help_text="JPEG, PNG, WebP, GIF, AVIF, HEIC or TIFF.", allow_empty_file=True)


class DescriptionSerializer(serializers.Serializer[Any]):
    """What the captioner says of a picture."""

    caption = serializers.CharField()
    confidence = serializers.FloatField(help_text="How sure the model is, 0 to 1.")
    unsure = serializers.BooleanField(help_text="Not to be stated as fact.")
    model = serializers.CharField(help_text="Which model, with revision and hash.")


ENCODINGS = ("floats", "base64")
ENCODING = "`floats`: lists of numbers; `base64`: little-endian float32, row by row."
MOST_TEXTS = 64
LONGEST_TEXT = 1_000


class TextsSerializer(serializers.Serializer[Any]):
    """Texts to embed."""

    texts = serializers.ListField(child=Text(max_length=LONGEST_TEXT), min_length=1, max_length=MOST_TEXTS)
    encoding = Choice(choices=ENCODINGS, default="floats", help_text=ENCODING)


class PictureToEmbedSerializer(PictureSerializer):
    """A picture to embed, which is not kept."""

    encoding = Choice(choices=ENCODINGS, default="floats", required=False, help_text=ENCODING)


class VectorsSerializer(serializers.Serializer[Any]):
    """Vectors of length 1, to compare by their dot product; those of texts with those of pictures too."""

    model = serializers.CharField(help_text="Vectors of different models can't be compared.")
    version = serializers.IntegerField(help_text="Its number here.")
    dimension = serializers.IntegerField()
    encoding = serializers.ChoiceField(choices=ENCODINGS)
    vectors = serializers.ListField(
        child=serializers.ListField(child=serializers.FloatField()), help_text="Empty where they are in base64."
    )
    base64 = serializers.CharField(allow_null=True, help_text="All of them, where that was asked for.")
