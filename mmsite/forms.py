from django import forms

from gallery.forms import PICTURE_TYPES, VisibilityForm


class PictureForm(forms.Form):
    """One picture to describe. An empty file is refused later, in the same words as everywhere."""

    file = forms.FileField(
        label="Picture",
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": PICTURE_TYPES}),
        error_messages={"required": "Choose a picture."},
    )


class KeepForm(VisibilityForm):
    """Keep a picture that was described: `held` is the receipt of `mmsite.held`."""

    held = forms.CharField(widget=forms.HiddenInput)
