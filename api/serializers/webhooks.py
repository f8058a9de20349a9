"""Webhooks, and what they were told."""

from typing import Any

from rest_framework import serializers

from api.fields import Choice, Flag, WebAddress
from api.models_webhooks import Webhook, WebhookDelivery

EVENTS = [event.value for event in Webhook.Event]


class WebhookSerializer(serializers.ModelSerializer[Webhook]):
    """An address that is told of what happens to your pictures. Its secret is shown once, when it is made."""

    events = serializers.ListField(child=serializers.ChoiceField(choices=EVENTS))

    class Meta:
        model = Webhook
        fields = ("uuid", "url", "events", "is_active", "failures", "note", "created_at")
        read_only_fields = fields


class NewWebhookSerializer(WebhookSerializer):
    """A webhook with its secret, which is shown this once."""

    secret = serializers.CharField(help_text="What signs deliveries; /account/webhooks/ shows how to check that.")

    class Meta(WebhookSerializer.Meta):
        fields = (*WebhookSerializer.Meta.fields, "secret")  # type: ignore[assignment]
        read_only_fields = fields  # type: ignore[assignment]


def _events(**options: Any) -> serializers.ListField:
    child = Choice(choices=EVENTS)
    return serializers.ListField(child=child, min_length=1, max_length=len(EVENTS), **options)


class WebhookWishSerializer(serializers.Serializer[Any]):
    """Whom to tell, of what."""

    url = WebAddress(max_length=Webhook.LONGEST_URL, help_text="Such as https://example.com/hook.")
    events = _events()


class WebhookChangeSerializer(serializers.Serializer[Any]):
    """What is to be otherwise; what isn't said stays."""

    url = WebAddress(max_length=Webhook.LONGEST_URL, required=False)
    events = _events(required=False)
    is_active = Flag(required=False, help_text="What happens while it is paused, it isn't told.")


class DeliverySerializer(serializers.ModelSerializer[WebhookDelivery]):
    """Something that a webhook was, or is to be, told."""

    state = serializers.ChoiceField(choices=[state.value for state in WebhookDelivery.State])
    payload = serializers.DictField(help_text="The body: type, timestamp and data.")

    class Meta:
        model = WebhookDelivery
        fields = (
            "uuid",
            "event",
            "state",
            "attempts",
            "due_at",
            "status",
            "error",
            "payload",
            "created_at",
            "finished_at",
        )
        read_only_fields = fields
