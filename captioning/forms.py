"""What people say of captions."""

from django import forms

from captioning.models import Caption


class CaptionForm(forms.Form):
    """A caption in a person's words; `before` is what the page showed as its current one, "" for none."""

    text = forms.CharField(
        max_length=Caption.LONGEST,
        error_messages={
            "required": "A caption needs words.",
            "max_length": f"A caption has at most {Caption.LONGEST:,} characters.",
        },
    )
    before = forms.CharField(required=False)


class ChoiceForm(forms.Form):
    """A caption of a picture's history; none for the describer's latest."""

    caption = forms.ModelChoiceField(Caption.objects.none(), required=False)
    before = forms.CharField(required=False)
