"""Searches: what programs ask, and what they are told."""

from typing import Any

from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from api.fields import Choice, Decimal, FieldChoice, Flag, Form, Id, Number, Query
from api.fields import Text as TextField
from api.serializers.images import ImagePartSerializer, ImageSerializer
from search.query.legs import LEGS
from search.query.terms import FIELDS, HEAVIEST, LIGHTEST, LONGEST_TEXT, MOST_PARTS, Sign

MOST_HITS = 100
DEFAULT_HITS = 24
CURSOR = r"^[A-Za-z0-9_-]+$"
WEIGHT = "How much it counts."
SIGNS: dict[str, Sign] = {"any": "", "all": "+", "none": "-"}


class SearchParameters(Query):
    """How to answer a search."""

    limit = Number(required=False, min_value=1, max_value=MOST_HITS, default=DEFAULT_HITS, help_text="Hits on a page.")
    cursor = serializers.RegexField(
        CURSOR, required=False, max_length=100, help_text="`next_cursor` of the page before."
    )
    explain = Flag(required=False, default=False, help_text="Say of each hit why it was found.")
    fields = FieldChoice(ImageSerializer)  # type: ignore[assignment]  # a field, which REST framework takes off


class SearchByBox(SearchParameters):
    """A search as one types it."""

    q = TextField(max_length=LONGEST_TEXT, help_text="All that the search box understands: see docs/search.md.")


class SuggestQuery(Query):
    """What stands before the cursor."""

    q = TextField(allow_blank=True, default="", max_length=LONGEST_TEXT, trim_whitespace=False)


class HeatQuery(Query):
    """What to look for in the picture."""

    q = TextField(max_length=LONGEST_TEXT, help_text="As in the search box.")


class WordsSerializer(serializers.Serializer[Any]):
    """Words, and how much they count."""

    text = TextField(max_length=LONGEST_TEXT)
    weight = Decimal(min_value=LIGHTEST, max_value=HEAVIEST, default=1.0, help_text=WEIGHT)


class LikeSerializer(serializers.Serializer[Any]):
    """A picture of the library, and how much it counts."""

    uuid = Id()
    weight = Decimal(min_value=LIGHTEST, max_value=HEAVIEST, default=1.0, help_text=WEIGHT)


class FilterSerializer(serializers.Serializer[Any]):
    """What pictures must be to be listed at all."""

    field = Choice(choices=list(FIELDS))
    value = TextField(max_length=LONGEST_TEXT)
    match = Choice(
        choices=list(SIGNS),
        default="any",
        help_text="Of several with one field and `any`, one is enough; each with `all` has to hold, none with `none`.",
    )


def _some(child: serializers.Field[Any, Any, Any, Any], sentence: str) -> serializers.ListField:
    return serializers.ListField(child=child, max_length=MOST_PARTS, required=False, default=list, help_text=sentence)


class SearchWishSerializer(serializers.Serializer[Any]):
    """A search in parts. Say at least one thing to look for, or a filter."""

    words = _some(WordsSerializer(), "What pictures should look like, or say.")
    phrases = _some(WordsSerializer(), "What must be said, word by word.")
    required = _some(  # type: ignore[assignment]  # likewise
        TextField(max_length=LONGEST_TEXT), "Words that must be said."
    )
    excluded = _some(TextField(max_length=LONGEST_TEXT), "Words that must not be said, nor be what it looks like.")
    like = _some(LikeSerializer(), "Pictures that hits should look like.")
    unlike = _some(LikeSerializer(), "Pictures that hits should not look like.")
    filters = _some(FilterSerializer(), "What hits must be.")
    limit = Number(min_value=1, max_value=MOST_HITS, default=DEFAULT_HITS, help_text="Hits on a page.")
    cursor = serializers.RegexField(
        CURSOR, required=False, max_length=100, help_text="`next_cursor` of the page before."
    )
    explain = Flag(default=False, help_text="Say of each hit why it was found.")


class SearchByPictureSerializer(Form):
    """A picture to search by, which is not kept, and perhaps words beside it."""

    picture = serializers.FileField(help_text="JPEG, PNG, WebP, GIF, AVIF, HEIC or TIFF.", allow_empty_file=True)
    q = TextField(
        required=False, allow_blank=True, default="", max_length=LONGEST_TEXT, help_text="As in the search box."
    )
    limit = Number(required=False, min_value=1, max_value=MOST_HITS, default=DEFAULT_HITS)
    cursor = serializers.RegexField(
        CURSOR, required=False, allow_blank=True, max_length=100, help_text="`next_cursor`, with the picture again."
    )
    explain = Flag(required=False, default=False)


class HintSerializer(serializers.Serializer[Any]):
    """What was not understood, or how something was read, in the characters [start, end) of what was asked."""

    start = serializers.IntegerField()
    end = serializers.IntegerField()
    sentence = serializers.CharField()
    suggestion = serializers.CharField(allow_null=True, help_text="What could stand there instead.")
    corrected = serializers.CharField(allow_null=True, help_text="The whole text with it.")
    is_mistake = serializers.BooleanField(help_text="False where it only says how something was read.")


class PieceSerializer(serializers.Serializer[Any]):
    """A piece of a text."""

    text = serializers.CharField(trim_whitespace=False)
    is_match = serializers.BooleanField(help_text="Whether it is one of the words that were asked for.")


class PlaceSerializer(serializers.Serializer[Any]):
    """How high a hit stands by one measure."""

    leg = serializers.ChoiceField(choices=list(LEGS))
    rank = serializers.IntegerField(help_text="From 1.")
    sentence = serializers.CharField(help_text="What that is, for people.")


class WhySerializer(serializers.Serializer[Any]):
    """Why a picture was found."""

    legs = PlaceSerializer(many=True)
    words = serializers.ListField(child=serializers.CharField(), help_text="Those of the query that are said.")
    caption = PieceSerializer(many=True)
    text_in_picture = PieceSerializer(many=True, help_text="The line that has the words; empty where none has.")


class HitSerializer(serializers.Serializer[Any]):
    """A picture that was found."""

    rank = serializers.IntegerField(help_text="From 1, over all pages.")
    score = serializers.FloatField(
        allow_null=True, help_text="Cosine of picture and query, -1 to 1; null where words or filters alone found it."
    )
    is_match = serializers.BooleanField(help_text="False: less likely; the nearest of what rather doesn't match.")
    image = serializers.SerializerMethodField()
    why = serializers.SerializerMethodField(help_text="With `explain` alone.")

    @extend_schema_field(ImagePartSerializer())
    def get_image(self, hit: Any) -> Any:  # pragma: no cover  # for the description alone
        return hit["image"]

    @extend_schema_field(WhySerializer(allow_null=True))
    def get_why(self, hit: Any) -> Any:  # pragma: no cover  # for the description alone
        return hit["why"]


class SearchSerializer(serializers.Serializer[Any]):
    """What a search found, best first."""

    state = serializers.ChoiceField(
        choices=["ok", "no_match", "empty_library", "not_ready"],
        help_text="`no_match`: what is listed is merely the nearest. `not_ready`: see `sentence`.",
    )
    query = serializers.CharField(allow_null=True, help_text="As one would type it; null where the box can't say it.")
    hints = HintSerializer(many=True)
    answered_by = serializers.ChoiceField(
        choices=["index", "fallback", "words", "filters"],
        help_text="`fallback`: the index that should answer doesn't; `words`: no model, so words alone.",
    )
    notice = serializers.CharField(help_text="A sentence where the search works, but not as it should.")
    sentence = serializers.CharField(help_text="Why there can be no answer.")
    total = serializers.IntegerField(help_text="Pictures that match.")
    is_total_exact = serializers.BooleanField(help_text="False: there may be more than could be counted.")
    is_judged = serializers.BooleanField(help_text="False: nothing tells which match, and all count as matches.")
    is_last = serializers.BooleanField(help_text="Nothing else is listed after these.")
    nothing_else_matches = serializers.BooleanField(help_text="No match follows on another page.")
    next_cursor = serializers.CharField(allow_null=True)
    results = HitSerializer(many=True)


class SuggestionSerializer(serializers.Serializer[Any]):
    """A way to go on."""

    kind = serializers.ChoiceField(choices=["field", "value", "word", "search"])
    text = serializers.CharField(trim_whitespace=False, help_text="What the box would hold.")
    label = serializers.CharField()  # type: ignore[assignment]  # likewise
    note = serializers.CharField()
    is_whole = serializers.BooleanField(help_text="It is a query to run, not a part of one.")


class SuggestionsSerializer(serializers.Serializer[Any]):
    """At most eight, the best first."""

    suggestions = SuggestionSerializer(many=True)


class GridSerializer(serializers.Serializer[Any]):
    """Where in a picture something is: values from 0 to 1, in reading order."""

    text = serializers.CharField(help_text="What was looked for.")
    rows = serializers.IntegerField()
    columns = serializers.IntegerField()
    values = serializers.ListField(child=serializers.FloatField())
