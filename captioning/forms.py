"""What people say of captions."""

from typing import TYPE_CHECKING, Any

from django import forms
from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from captioning.describers import LONGEST_BEGINNING, Describer, beginning, describer_called
from captioning.exceptions import BadCaption
from captioning.models import Caption
from gallery.wording import grouped

if TYPE_CHECKING:  # generic for the type checker alone
    _CaptionField = forms.ModelChoiceField[Caption]
else:
    _CaptionField = forms.ModelChoiceField


class OwnCaptionField(_CaptionField):
    """A caption, of those that the form allows."""

    def __init__(self, *, required: bool = True) -> None:
        super().__init__(Caption.objects.none(), required=required)


class CaptionForm(forms.Form):
    """A caption in a person's words; `before` is what the page showed as its current one, "" for none."""

    text = forms.CharField(
        max_length=Caption.LONGEST,
        error_messages={
            "required": _("A caption needs words."),
            "max_length": _("A caption has at most %(most)s characters.") % {"most": grouped(Caption.LONGEST)},
        },
    )
    before = forms.CharField(required=False)


class ChoiceForm(forms.Form):
    """A caption of a picture's history; none for the describer's latest."""

    caption = OwnCaptionField(required=False)
    before = forms.CharField(required=False)

    def __init__(self, data: Any, *, captions: QuerySet[Caption]) -> None:
        super().__init__(data)
        self.fields["caption"].queryset = captions  # type: ignore[attr-defined]


class AgainForm(forms.Form):
    """Who is to describe a picture again, and with which words its caption is to begin."""

    by = forms.CharField(error_messages={"required": _("Choose who is to describe it.")})
    begin = forms.CharField(required=False, max_length=LONGEST_BEGINNING)

    def clean_begin(self) -> str:
        try:
            return beginning(self.cleaned_data["begin"])
        except BadCaption as problem:
            raise forms.ValidationError(str(problem), code="wordless") from problem

    def clean_by(self) -> Describer:
        describer = describer_called(self.cleaned_data["by"])
        if describer is None:
            raise forms.ValidationError(_("Choose who is to describe it."), code="unknown")
        return describer


class PlaceForm(forms.Form):
    """Where somebody is in their captions to check: `at` one of them, or `after` one; so many are `done`."""

    at = OwnCaptionField(required=False)
    after = OwnCaptionField(required=False)
    done = forms.IntegerField(required=False, min_value=0)

    def __init__(self, data: Any, *, captions: QuerySet[Caption]) -> None:
        super().__init__(data)
        for name in ("at", "after"):
            self.fields[name].queryset = captions  # type: ignore[attr-defined]


class ReviewForm(ChoiceForm):
    """What somebody thinks of a caption; approved with another text, it is corrected."""

    DEEDS = ("approve", "reject")

    caption = OwnCaptionField()
    text = forms.CharField(required=False, max_length=Caption.LONGEST)
    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])
    done = forms.IntegerField(required=False, min_value=0)
