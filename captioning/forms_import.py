"""A table of captions to take in, or sidecars."""

from typing import Any

from django import forms
from django.conf import settings
from django.core.files.uploadedfile import UploadedFile
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.wording import grouped


class ImportForm(forms.Form):
    """A table of captions, or sidecars, and whether they count for more than what their owner wrote."""

    table = forms.FileField(
        error_messages={
            "required": gettext_lazy("Choose a file."),
            "empty": gettext_lazy("This file is empty."),
        },
    )
    replace = forms.BooleanField(required=False)

    def clean_table(self) -> "UploadedFile[Any]":
        table: UploadedFile[Any] = self.cleaned_data["table"]
        most: int = settings.GALLERY_LIMITS["bytes"]
        if table.size is None or table.size > most:
            raise forms.ValidationError(
                _("This file is too large: the limit is %(limit)s MB. Part it.")
                % {"limit": grouped(most // 1_000_000)},
                code="large",
            )
        return table
