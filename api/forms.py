"""What people fill in about tokens."""

from datetime import datetime, timedelta
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from api.models import Token
from gallery.forms import NameField
from gallery.models import User

LIVES = (("30", _("30 days")), ("90", _("90 days")), ("365", _("a year")), ("", _("for ever")))


class NewTokenForm(forms.Form):
    """What a token is for, what it may do, and how long. Only staff may let one run the site."""

    name = NameField(
        label=_("What is it for?"),
        max_length=Token.LONGEST_NAME,
        error_messages={"required": _("Say what the token is for.")},
        widget=forms.TextInput(attrs={"placeholder": _("Backup of my phone")}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What may it do?"),
        choices=Token.Scope.choices,
        initial=[Token.Scope.READ],
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing that the token may do.")},
    )
    days = forms.ChoiceField(label=_("How long?"), choices=LIVES, initial="365", required=False)

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not owner.is_staff:
            scopes = self.fields["scopes"]
            assert isinstance(scopes, forms.MultipleChoiceField)  # noqa: S101  # as declared above
            scopes.choices = [choice for choice in Token.Scope.choices if choice[0] != Token.Scope.ADMIN]

    def expires_at(self) -> datetime | None:
        """When it expires, counted from now; None: never."""
        days = self.cleaned_data["days"]
        return timezone.now() + timedelta(days=int(days)) if days else None
