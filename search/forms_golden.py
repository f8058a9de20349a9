"""What people say of what a search found."""

from typing import Any

from django import forms
from django.utils.translation import gettext as _

from search.models import Judgement


class JudgeForm(forms.Form):
    """A query, and the picture in one of `right`, `wrong` and `clear`: the name of the button that was pressed."""

    q = forms.CharField(max_length=Judgement.LONGEST_TEXT)
    right = forms.UUIDField(required=False)
    wrong = forms.UUIDField(required=False)
    clear = forms.UUIDField(required=False)

    def clean(self) -> dict[str, Any]:
        """Adds `image`, and `is_right`: None where a judgement is taken back."""
        said = self.cleaned_data
        pressed = [name for name in ("right", "wrong", "clear") if said.get(name)]
        if len(pressed) != 1:
            raise forms.ValidationError(_("One button is pressed at a time."))
        is_right = {"right": True, "wrong": False, "clear": None}[pressed[0]]
        return said | {"image": said[pressed[0]], "is_right": is_right}
