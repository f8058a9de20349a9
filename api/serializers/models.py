"""Models, and what searches by them are worth."""

from typing import Any

from rest_framework import serializers

from api.fields import Flag, Id, Name, PageQuery, Text
from search.models import Judgement, ModelVersion, SavedSearch
from search.saved import LONGEST_NAME


class VersionSerializer(serializers.Serializer[Any]):
    """An encoder exactly as it made vectors, and how far it is."""

    id = serializers.IntegerField()
    key = serializers.CharField()
    name = serializers.CharField(
        help_text="How it was asked for; for staff, since it may be a folder.", allow_null=True
    )
    state = serializers.ChoiceField(choices=ModelVersion.State.choices)
    is_active = serializers.BooleanField(help_text="Searches use it.")
    activates_itself = serializers.BooleanField(help_text="Searches use it as soon as it is covered.")
    dimension = serializers.IntegerField()
    share = serializers.FloatField(help_text="Of the pictures, that have its vector: 0 to 1.")
    embedded = serializers.IntegerField(allow_null=True, help_text="Pictures that have its vector; for staff.")
    failed = serializers.IntegerField(allow_null=True, help_text="Pictures that it failed on; for staff.")
    pictures = serializers.IntegerField(allow_null=True, help_text="All there are; for staff.")
    created_at = serializers.DateTimeField()
    activated_at = serializers.DateTimeField(allow_null=True)


class ModelsSerializer(serializers.Serializer[Any]):
    """What looks at pictures here."""

    captioner = serializers.CharField(help_text="Which describes every picture.")
    other_captioners = serializers.ListField(
        child=serializers.CharField(), help_text="Which can be asked to describe a picture again."
    )
    reader = serializers.CharField(allow_null=True, help_text="Of text in pictures; null where none is.")
    encoders = VersionSerializer(many=True)


class ActivateSerializer(serializers.Serializer[Any]):
    """Which version searches are to use."""

    version = serializers.IntegerField(min_value=1, max_value=2**63 - 1, help_text="Its number.")
    force = Flag(default=False, help_text="Even where pictures lack its vectors, and aren't found for a while.")


class JudgementSerializer(serializers.ModelSerializer[Judgement]):
    """What you say of a picture that a search found."""

    query = serializers.CharField(source="text")
    image = serializers.UUIDField(source="image.uuid")

    class Meta:
        model = Judgement
        fields = ("id", "query", "image", "is_right", "created_at")
        read_only_fields = fields


class JudgementWishSerializer(serializers.Serializer[Any]):
    """A picture is what a search meant, or isn't."""

    query = Text(max_length=Judgement.LONGEST_TEXT, help_text="As in the search box.")
    image = Id()
    is_right = Flag()


class JudgementQuery(PageQuery):
    """Which judgements."""

    query = Text(required=False, max_length=Judgement.LONGEST_TEXT, help_text="Of this search alone.")


class FigureSerializer(serializers.Serializer[Any]):
    """A figure in [0, 1], and between what it would lie in 95 % of such sets of queries."""

    name = serializers.ChoiceField(choices=["recall_1", "recall_5", "recall_10", "mrr", "precision"])
    value = serializers.FloatField()
    low = serializers.FloatField()
    high = serializers.FloatField()


class OutcomeSerializer(serializers.Serializer[Any]):
    """How a search did on one query."""

    query = serializers.CharField()
    ranks = serializers.ListField(
        child=serializers.IntegerField(allow_null=True), help_text="Of the right pictures, from 1; null: not found."
    )


class ScoresSerializer(serializers.Serializer[Any]):
    """How well searches by a version find what is right."""

    version = serializers.IntegerField()
    key = serializers.CharField()
    what = serializers.ChoiceField(
        choices=["looks", "answer"], help_text="By looks alone, or the whole answer with words and filters."
    )
    figures = FigureSerializer(many=True)
    against_active = FigureSerializer(many=True, help_text="How much more than the version that searches use.")
    outcomes = OutcomeSerializer(many=True)
    problem = serializers.CharField(help_text="Why there is nothing to tell.")
    notes = serializers.ListField(child=serializers.CharField())


class EvaluationSerializer(serializers.Serializer[Any]):
    """Your golden queries, and how each version does on them."""

    queries = serializers.IntegerField(help_text="How many there are.")
    scored = serializers.IntegerField(help_text="How many of the newest were scored.")
    systems = ScoresSerializer(many=True)


class SavedSearchSerializer(serializers.ModelSerializer[SavedSearch]):
    """A search that you keep, or made of late."""

    query = serializers.CharField(source="text")

    class Meta:
        model = SavedSearch
        fields = ("id", "query", "name", "is_saved", "created_at", "last_used_at")
        read_only_fields = fields


class SavedSearchWishSerializer(serializers.Serializer[Any]):
    """A search to keep."""

    query = Text(max_length=1_000, help_text="As in the search box.")
    name = Name(max_length=LONGEST_NAME, required=False, allow_blank=True, default="")
