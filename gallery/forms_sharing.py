"""What people fill in to share an album: with a person, or by a link."""

from datetime import datetime, time, timedelta
from typing import Any, Self

from django import forms
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.forms import NameField
from gallery.models import AlbumLink, AlbumMember

PERIODS = [
    ("", gettext_lazy("Never")),
    ("1", gettext_lazy("In a day")),
    ("7", gettext_lazy("In a week")),
    ("30", gettext_lazy("In 30 days")),
    ("date", gettext_lazy("On a date…")),
]
SHORTEST_PASSWORD = 6
# Names and passwords, which no browser should fill in or correct.
AS_TYPED = {"autocomplete": "off", "autocapitalize": "none", "spellcheck": "false"}


class MemberForm(forms.Form):
    """Somebody to share an album with, by their user name, and what they may do there."""

    username = forms.CharField(
        label=gettext_lazy("User name"),
        max_length=150,
        widget=forms.TextInput(attrs=AS_TYPED | {"placeholder": gettext_lazy("User name")}),
        error_messages={"required": gettext_lazy("Say with whom: type a user name.")},
    )
    role = forms.ChoiceField(label=gettext_lazy("What they may do"), choices=AlbumMember.Role.choices, required=False)

    def clean_role(self) -> str:
        return str(self.cleaned_data["role"] or AlbumMember.Role.VIEW)


class RoleForm(forms.Form):
    """A member, and what they may do from now on, or that they are to be removed."""

    member = forms.IntegerField()
    role = forms.ChoiceField(choices=AlbumMember.Role.choices, required=False)
    remove = forms.BooleanField(required=False)


class _LinkFields(forms.Form):
    """What is said of a link."""

    label = NameField(
        label=gettext_lazy("Whom it is for"), max_length=AlbumLink._meta.get_field("label").max_length, required=False
    )
    ends = forms.ChoiceField(label=gettext_lazy("Ends"), choices=PERIODS, required=False)
    until = forms.DateField(
        label=gettext_lazy("Last day"),
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    password = forms.CharField(
        label=gettext_lazy("Password"),
        required=False,
        min_length=SHORTEST_PASSWORD,
        max_length=100,
        strip=False,
        widget=forms.TextInput(attrs=AS_TYPED),
        error_messages={
            "min_length": gettext_lazy("A password has at least %(least)s characters.") % {"least": SHORTEST_PASSWORD}
        },
    )
    allows_download = forms.BooleanField(
        label=gettext_lazy("Originals of my pictures may be downloaded"), required=False
    )

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = self.cleaned_data
        if said.get("ends") == "date" and "until" in said:
            if said["until"] is None:
                raise forms.ValidationError(_("Say the last day on which the link should work."), code="until")
            if said["until"] < timezone.localdate():
                raise forms.ValidationError(_("That day is over: choose a later one."), code="until")
        return said

    def expires_at(self) -> datetime | None:
        """When the link ends; None: never."""
        ends = self.cleaned_data["ends"]
        if ends == "date":
            day = self.cleaned_data["until"] + timedelta(days=1)
            return timezone.make_aware(datetime.combine(day, time.min))
        return timezone.now() + timedelta(days=int(ends)) if ends else None


class LinkForm(_LinkFields):
    """A new link to an album."""

    is_public = forms.BooleanField(label=gettext_lazy("List it among the public albums, for everyone"), required=False)


class LinkChangeForm(_LinkFields):
    """What is to be different about a link. What it says of the end and the password may stay as it is."""

    AS_IT_IS = "as it is"

    field_order = ("label", "ends", "until", "password", "no_password", "allows_download")
    ends = forms.ChoiceField(
        label=gettext_lazy("Ends"), choices=[(AS_IT_IS, gettext_lazy("As before")), *PERIODS], required=False
    )
    no_password = forms.BooleanField(label=gettext_lazy("Ask for no password any more"), required=False)

    @classmethod
    def of(cls, link: AlbumLink) -> Self:
        """One that shows what the link says now."""
        said = {"label": link.label, "ends": cls.AS_IT_IS, "allows_download": link.allows_download}
        return cls(initial=said, auto_id=f"link-{link.pk}-%s")

    def changes(self) -> dict[str, Any]:
        """What gallery.links.link_change takes."""
        said = self.cleaned_data
        changes: dict[str, Any] = {"label": said["label"], "allows_download": said["allows_download"]}
        if "ends" in self.data and said["ends"] != self.AS_IT_IS:
            changes["expires_at"] = self.expires_at()
        if said["password"] or said["no_password"]:
            changes["password"] = said["password"]
        return changes


class LinkPasswordForm(forms.Form):
    """The password of a link."""

    password = forms.CharField(
        label=gettext_lazy("Password"),
        max_length=1000,
        strip=False,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "autofocus": True}),
    )
