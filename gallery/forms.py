"""What people fill in: accounts, uploads, who may see a picture."""

from typing import TYPE_CHECKING, Any, ClassVar

from django import forms
from django.contrib.auth.forms import UserCreationForm
from django.core.files.uploadedfile import UploadedFile

from gallery.models import User, Visibility

# With extensions where some systems know no type.
PICTURE_TYPES = (
    "image/jpeg,image/png,image/webp,image/gif,image/avif,image/heic,image/heif,image/tiff,.heic,.heif,.avif"
)


if TYPE_CHECKING:  # generic for the type checker alone
    _UserCreationForm = UserCreationForm[User]
else:
    _UserCreationForm = UserCreationForm


class SignUpForm(_UserCreationForm):
    """A new account. No e-mail address is asked for: the site sends no mail."""

    class Meta(UserCreationForm.Meta):
        model = User
        fields = ("username",)
        help_texts: ClassVar = {"username": "Letters, digits and @ . + - _"}


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One or more files. Each is judged on its own later, so that a bad or an empty one spoils no other."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":
        if not data:
            raise forms.ValidationError("Choose at least one picture.", code="required")
        return list(data)


class UploadForm(forms.Form):
    """Files of one upload, and who may see them; private where nothing is said."""

    pictures = ManyFilesField(label="Pictures", widget=ManyFilesInput(attrs={"accept": PICTURE_TYPES}))
    visibility = forms.ChoiceField(
        label="Who may see them", choices=Visibility.choices, initial=Visibility.PRIVATE, required=False
    )

    def clean_visibility(self) -> Visibility:
        return Visibility(self.cleaned_data["visibility"] or Visibility.PRIVATE)


class VisibilityForm(forms.Form):
    """Who may see a picture."""

    visibility = forms.ChoiceField(label="Who may see it", choices=Visibility.choices)

    def clean_visibility(self) -> Visibility:
        return Visibility(self.cleaned_data["visibility"])
