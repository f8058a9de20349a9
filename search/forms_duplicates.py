"""Where on the page of near-duplicates somebody is, and the pictures that they ticked there."""

from typing import Any

from django import forms

from search.duplicate_groups import MOST_IN_GROUP


class PlaceForm(forms.Form):
    """`page`, from 1, and `copies`: without shots of one moment."""

    page = forms.IntegerField(min_value=1, max_value=100_000, required=False)
    copies = forms.BooleanField(required=False)

    def clean_page(self) -> int:
        return self.cleaned_data["page"] or 1


class UuidsField(forms.Field):
    """Every value of its name, as UUIDs."""

    widget = forms.MultipleHiddenInput

    def to_python(self, value: Any) -> list[Any]:
        one = forms.UUIDField()
        return [one.clean(each) for each in (value or [])[:MOST_IN_GROUP]]


class GroupForm(PlaceForm):
    """A group of the page: its pictures, those that are ticked, and whether somebody is sure."""

    group = UuidsField()
    image = UuidsField(required=False)
    sure = forms.BooleanField(required=False)
