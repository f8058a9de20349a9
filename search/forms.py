"""What people ask the search."""

from typing import Any

from django import forms

SHOW_CHOICES = (12, 24, 48, 96)
DEFAULT_SHOW = 24
LONGEST_QUERY = 300


class SearchForm(forms.Form):
    """The search box and how many pictures to show."""

    q = forms.CharField(
        label="What does the picture show?",
        max_length=LONGEST_QUERY,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "a dog on a beach", "autocomplete": "off"}),
    )
    show = forms.ChoiceField(label="How many to show", choices=[(str(number), number) for number in SHOW_CHOICES])

    def __init__(self, data: Any) -> None:
        # The box shows what is being searched for, also where the address leaves something out.
        query = data.get("q", "")
        super().__init__({"q": query, "show": data.get("show") or DEFAULT_SHOW})
        # Not over what was found: on a phone the keyboard would hide it.
        self.fields["q"].widget.attrs["autofocus"] = not query.strip()

    def clean_show(self) -> int:
        return int(self.cleaned_data["show"])
