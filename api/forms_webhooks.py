"""What people fill in about webhooks."""

from django import forms
from django.utils.translation import gettext_lazy as _

from api.models_webhooks import Webhook


class NewWebhookForm(forms.Form):
    """Whom to tell, of what."""

    url = forms.CharField(
        label=_("Address"),
        max_length=Webhook.LONGEST_URL,
        error_messages={"required": _("Say where to send it.")},
        widget=forms.URLInput(attrs={"placeholder": "https://example.com/hook"}),
    )
    events = forms.MultipleChoiceField(
        label=_("What should it be told?"),
        choices=Webhook.Event.choices,
        initial=[Webhook.Event.READY],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing to be told of.")},
    )


class WebhookDeedForm(forms.Form):
    """A webhook, and what to do with it or with one of its deliveries."""

    DEEDS = ("pause", "resume", "ping", "again", "delete")

    webhook = forms.UUIDField()
    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])
    delivery = forms.UUIDField(required=False)
    sure = forms.BooleanField(required=False)
