"""What people fill in to share an album: with a person, or by a link."""

from datetime import datetime, time, timedelta
from typing import Any

from django import forms
from django.utils import timezone

from gallery.forms import NameField
from gallery.models import AlbumLink, AlbumMember

PERIODS = [("", "Never"), ("1", "In a day"), ("7", "In a week"), ("30", "In 30 days"), ("date", "On a date…")]
SHORTEST_PASSWORD = 6
# Names and passwords, which no browser should fill in or correct.
AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class MemberForm(forms.Form):
    """Somebody to share an album with, by their user name, and what they may do there."""

    username = forms.CharField(
        label="User name",
        max_length=150,
        widget=forms.TextInput(attrs=AS_TYPED | {"placeholder": "User name"}),
        error_messages={"required": "Say with whom: type a user name."},
    )
    role = forms.ChoiceField(label="What they may do", choices=AlbumMember.Role.choices, required=False)

    def clean_role(self) -> str:
        return str(self.cleaned_data["role"] or AlbumMember.Role.VIEW)


class RoleForm(forms.Form):
    """A member, and what they may do from now on, or that they are to be removed."""

    member = forms.IntegerField()
    role = forms.ChoiceField(choices=AlbumMember.Role.choices, required=False)
    remove = forms.BooleanField(required=False)


class LinkForm(forms.Form):
    """A new link to an album."""

    label = NameField(label="Whom it is for", max_length=AlbumLink._meta.get_field("label").max_length, required=False)
    ends = forms.ChoiceField(label="Ends", choices=PERIODS, required=False)
    until = forms.DateField(
        label="Last day", required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    password = forms.CharField(
        label="Password",
        required=False,
        min_length=SHORTEST_PASSWORD,
        max_length=100,
        strip=False,
        widget=forms.TextInput(attrs=AS_TYPED),
        error_messages={"min_length": f"A password has at least {SHORTEST_PASSWORD} characters."},
    )
    allows_download = forms.BooleanField(label="Originals of my pictures may be downloaded", required=False)
    is_public = forms.BooleanField(label="List it among the public albums, for everyone", required=False)

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = self.cleaned_data
        if said.get("ends") == "date" and "until" in said:
            if said["until"] is None:
                raise forms.ValidationError("Say the last day on which the link should work.", code="until")
            if said["until"] < timezone.localdate():
                raise forms.ValidationError("That day is over: choose a later one.", code="until")
        return said

    def expires_at(self) -> datetime | None:
        """When the link ends; None: never."""
        ends = self.cleaned_data["ends"]
        if ends == "date":
            day = self.cleaned_data["until"] + timedelta(days=1)
            return timezone.make_aware(datetime.combine(day, time.min))
        return timezone.now() + timedelta(days=int(ends)) if ends else None


class LinkPasswordForm(forms.Form):
    """The password of a link."""

    password = forms.CharField(
        label="Password",
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
