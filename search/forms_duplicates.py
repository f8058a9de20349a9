"""Where on the page of near-duplicates somebody is, and the pictures that they ticked there."""

from django import forms

from gallery.forms import UuidsField
from search.duplicate_groups import MOST_IN_GROUP


class PlaceForm(forms.Form):
    """`page`, from 1, and `copies`: without shots of one moment."""

    page = forms.IntegerField(min_value=1, max_value=100_000, required=False)
    copies = forms.BooleanField(required=False)

    def clean_page(self) -> int:
        return self.cleaned_data["page"] or 1


class GroupForm(PlaceForm):
    """A group of the page: its pictures, and those that are ticked."""

    group = UuidsField(most=MOST_IN_GROUP)
    image = UuidsField(most=MOST_IN_GROUP, required=False)
