"""What people ask the search."""

import re
from typing import Any

from django import forms
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.forms import PICTURE_TYPES
from search.query.terms import LONGEST_TEXT, Query

SHOW_CHOICES = (12, 24, 48, 96)
DEFAULT_SHOW = 24
# As far as the results go: see search.query.legs.DEPTH.
LAST_PAGE = 200
# The least that a part of a picture has of its width and height.
SMALLEST_PART = 0.02

# Left, top, width and height of a part, each as a share of the picture.
Box = tuple[float, float, float, float]

_SHARE = r"(?:0|1|0?\.\d{1,6}|1\.0{1,6})"
_BOX = re.compile(rf"({_SHARE}),({_SHARE}),({_SHARE}),({_SHARE})", re.ASCII)
_LIKE = re.compile(r"(?:^|(?<=\s))[-+]?~:?[0-9a-f-]{32,36}(?:\^\S*)?(?=\s|$)", re.IGNORECASE)


class SearchForm(forms.Form):
    """The search box and how many pictures to show. Pictures are asked by in three ways: `like` holds those of the
    query, which people see as pictures and not as text; `of` and `box` are a part of one; `picture` comes by POST."""

    q = forms.CharField(
        label=gettext_lazy("What does the picture show?"),
        max_length=LONGEST_TEXT,
        required=False,
        widget=forms.TextInput(
            attrs={"type": "search", "placeholder": gettext_lazy("a dog on a beach"), "autocomplete": "off"}
        ),
    )
    show = forms.ChoiceField(
        label=gettext_lazy("How many to show"), choices=[(str(number), number) for number in SHOW_CHOICES]
    )

    page = forms.IntegerField(min_value=1, max_value=LAST_PAGE, required=False, widget=forms.HiddenInput)
    like = forms.CharField(max_length=LONGEST_TEXT, required=False, widget=forms.HiddenInput)
    of = forms.UUIDField(required=False, widget=forms.HiddenInput)
    box = forms.CharField(required=False, widget=forms.HiddenInput)
    # An empty file is refused later, in the same words as everywhere.
    picture = forms.FileField(
        label=gettext_lazy("Search by a picture"),
        allow_empty_file=True,
        widget=forms.FileInput(attrs={"accept": PICTURE_TYPES, "form": "by-picture", "required": True}),
        error_messages={"required": gettext_lazy("Choose a picture.")},
    )

    def __init__(self, data: Any, files: Any = None) -> None:
        # The box shows what is being searched for, also where the address leaves something out.
        query = data.get("q", "")
        said = {name: data.get(name, "") for name in ("page", "like", "of", "box")}
        super().__init__({"q": query, "show": data.get("show") or DEFAULT_SHOW, **said}, files)
        # Not over what was found: on a phone the keyboard would hide it.
        self.fields["q"].widget.attrs["autofocus"] = not any([query.strip(), said["like"], said["of"], files])
        self.fields["picture"].required = files is not None

    def clean_show(self) -> int:
        return int(self.cleaned_data["show"])

    def clean_page(self) -> int:
        return self.cleaned_data["page"] or 1

    def clean_box(self) -> Box | None:
        """None where the whole picture is meant."""
        text = self.cleaned_data["box"]
        if not text:
            return None
        said = _BOX.fullmatch(text)
        left, top, width, height = (float(share) for share in said.groups()) if said else (0.0, 0.0, 0.0, 0.0)
        width, height = min(width, 1 - left), min(height, 1 - top)
        if width < SMALLEST_PART or height < SMALLEST_PART:
            raise forms.ValidationError(_("Choose a larger part of the picture."))
        return left, top, width, height

    def clean(self) -> dict[str, Any]:
        """`asked`: the text and the pictures together, as a query."""
        cleaned = self.cleaned_data
        return cleaned | {"asked": f"{cleaned.get('q', '')} {cleaned.get('like', '')}".strip()}

    def show_pictures_apart(self, query: Query) -> None:
        """Take the pictures of a query out of the box, where nobody can read them."""
        if query.pictures or self.data["like"]:
            text = " ".join(_LIKE.sub(" ", query.source).split())
            self.data = {**self.data, "q": text, "like": " ".join(str(like) for like in query.pictures)}
