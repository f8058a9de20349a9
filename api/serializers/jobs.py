"""The work on many pictures."""

from typing import Any

from rest_framework import serializers

from api.fields import Choice
from gallery.pauses import EVERYTHING

STEPS = ["renditions", "caption", "embedding", "text"]


class StepJobsSerializer(serializers.Serializer[Any]):
    """How the work of one step stands."""

    name = serializers.CharField()
    waiting = serializers.IntegerField()
    running = serializers.IntegerField()
    done = serializers.IntegerField()
    is_done_exact = serializers.BooleanField(help_text="False: there are more than could be counted.")
    failed = serializers.IntegerField()
    rate = serializers.FloatField(allow_null=True, help_text="Pictures a minute of late; null: nothing moves.")
    seconds_left = serializers.FloatField(allow_null=True, help_text="null: nobody knows.")
    is_paused = serializers.SerializerMethodField()

    def get_is_paused(self, step: Any) -> bool:
        return step.pause is not None


class JobsSerializer(serializers.Serializer[Any]):
    """How the work stands."""

    is_worker_seen = serializers.BooleanField(source="worker.is_seen")
    is_paused = serializers.BooleanField(help_text="Everything is.")
    steps = StepJobsSerializer(many=True)


class StepSaidSerializer(serializers.Serializer[Any]):
    """A step of the work; none: all of them."""

    step = Choice(choices=STEPS, required=False, allow_blank=True, default=EVERYTHING)


class ToldSerializer(serializers.Serializer[Any]):
    """Whether anything changed, or how much."""

    changed = serializers.IntegerField()
