"""What people ask the search."""

from typing import Any

from django import forms

from search.query.terms import LONGEST_TEXT

SHOW_CHOICES = (12, 24, 48, 96)
DEFAULT_SHOW = 24
# As far as the results go: see search.query.legs.DEPTH.
LAST_PAGE = 200


class SearchForm(forms.Form):
    """The search box and how many pictures to show."""

    q = forms.CharField(
        label="What does the picture show?",
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.TextInput(attrs={"type": "search", "placeholder": "a dog on a beach", "autocomplete": "off"}),
    )
    show = forms.ChoiceField(label="How many to show", choices=[(str(number), number) for number in SHOW_CHOICES])

    page = forms.IntegerField(min_value=1, max_value=LAST_PAGE, required=False, widget=forms.HiddenInput)

    def __init__(self, data: Any) -> None:
        # The box shows what is being searched for, also where the address leaves something out.
        query = data.get("q", "")
        super().__init__({"q": query, "show": data.get("show") or DEFAULT_SHOW, "page": data.get("page")})
        # Not over what was found: on a phone the keyboard would hide it.
        self.fields["q"].widget.attrs["autofocus"] = not query.strip()

    def clean_show(self) -> int:
        return int(self.cleaned_data["show"])

    def clean_page(self) -> int:
        return self.cleaned_data["page"] or 1
