"""What people fill in: uploads, who may see a picture, its tags, albums."""

from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django import forms
from django.core.files.uploadedfile import UploadedFile
from django.utils import timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from gallery.metadata import FIRST_PHOTOGRAPH
from gallery.models import Album, Image, Tag, User, Visibility
from gallery.names import folded, tidy
from gallery.pipeline import get_pipeline

LAST_YEAR = 9_999  # beyond its beginning some time zones have no dates
# With extensions where some systems know no type.
PICTURE_TYPES = (
    "image/jpeg,image/png,image/webp,image/gif,image/avif,image/heic,image/heif,image/tiff,.heic,.heif,.avif,.zip"
)


if TYPE_CHECKING:  # generic for the type checker alone
    _AlbumField = forms.ModelChoiceField[Album]
else:
    _AlbumField = forms.ModelChoiceField


class ManyFilesInput(forms.ClearableFileInput):
    allow_multiple_selected = True


class ManyFilesField(forms.FileField):
    """One or more files. Each is judged on its own later, so that a bad or an empty one spoils no other."""

    widget = ManyFilesInput

    def clean(self, data: Any, initial: Any = None) -> "list[UploadedFile[Any]]":
        if not data:
            raise forms.ValidationError(_("Choose at least one picture."), code="required")
        return list(data)


class UploadForm(forms.Form):
    """Files of one upload, and who may see them; private where nothing is said."""

    pictures = ManyFilesField(label=gettext_lazy("Pictures"), widget=ManyFilesInput(attrs={"accept": PICTURE_TYPES}))
    visibility = forms.ChoiceField(
        label=gettext_lazy("Who may see them"), choices=Visibility.choices, initial=Visibility.PRIVATE, required=False
    )

    def clean_visibility(self) -> Visibility:
        return Visibility(self.cleaned_data["visibility"] or Visibility.PRIVATE)


class UrlForm(forms.Form):
    """Where on the web a picture is, and who may see it here."""

    url = forms.CharField(
        label=gettext_lazy("Address of a picture on the web"),
        max_length=2_000,
        error_messages={"required": gettext_lazy("Say at which address the picture is.")},
    )
    visibility = forms.ChoiceField(choices=Visibility.choices, required=False)

    def clean_visibility(self) -> Visibility:
        return Visibility(self.cleaned_data["visibility"] or Visibility.PRIVATE)


class VisibilityForm(forms.Form):
    """Who may see a picture."""

    visibility = forms.ChoiceField(label=gettext_lazy("Who may see it"), choices=Visibility.choices)

    def clean_visibility(self) -> Visibility:
        return Visibility(self.cleaned_data["visibility"])


class NameField(forms.CharField):
    """A name that people give, as it is kept."""

    def to_python(self, value: Any) -> str:
        return tidy(super().to_python(value) or "")


class LinesField(forms.CharField):
    """Text of several lines, each break of which is one character, as browsers count them against `maxlength`."""

    widget = forms.Textarea(attrs={"rows": 4})

    def to_python(self, value: Any) -> str:
        return (super().to_python(value) or "").replace("\r\n", "\n")


class MomentField(forms.DateTimeField):
    """A date and a time to the second, in the site's time zone. `known`, left as it is shown, stays to the fraction."""

    widget = forms.DateTimeInput(format="%Y-%m-%dT%H:%M:%S", attrs={"type": "datetime-local", "step": 1})
    known: datetime | None = None

    def to_python(self, value: Any) -> datetime | None:
        # known first: the hour that clocks repeat in autumn can be shown, but not be read again
        if self.known and isinstance(value, str):
            try:
                is_same = datetime.fromisoformat(value) == timezone.make_naive(self.known).replace(microsecond=0)
            except ValueError:
                is_same = False
            if is_same:
                return self.known
        return super().to_python(value)


class WordsForm(forms.Form):
    """The title of a picture, where and when it was taken, and the notes on it."""

    title = NameField(required=False, max_length=200)
    place = NameField(required=False, max_length=200)
    taken = MomentField(
        required=False,
        error_messages={"invalid": gettext_lazy("Say the day and the time, such as 2024-05-31T18:30.")},
    )
    notes = LinesField(required=False, max_length=10_000)

    def __init__(self, data: Any = None, *, image: Image) -> None:
        words = {"title": image.title, "place": image.place, "notes": image.notes, "taken": image.taken_at}
        super().__init__(data, initial=words)
        self.fields["taken"].known = image.taken_at  # type: ignore[attr-defined]

    def clean_taken(self) -> datetime | None:
        taken: datetime | None = self.cleaned_data["taken"]
        if taken and taken != self.initial["taken"] and not FIRST_PHOTOGRAPH <= taken.year < LAST_YEAR:
            raise forms.ValidationError(
                _("No photograph is from before %(year)s.") % {"year": FIRST_PHOTOGRAPH}
                if taken.year < FIRST_PHOTOGRAPH
                else _("That is too far in the future.")
            )
        return taken


class UuidsField(forms.Field):
    """Every value of its name, as UUIDs; at most so many."""

    widget = forms.MultipleHiddenInput

    def __init__(self, *, most: int, required: bool = True) -> None:
        super().__init__(required=required)
        self.most = most

    def to_python(self, value: Any) -> list[UUID]:
        texts = value or []
        if len(texts) > self.most:
            raise forms.ValidationError(_("At most %(most)s pictures at once.") % {"most": self.most}, code="many")
        one = forms.UUIDField()
        return [one.clean(text) for text in texts]


class TagNamesField(forms.CharField):
    """Names of tags, separated by commas; each once."""

    MOST = 20

    def clean(self, value: Any) -> list[str]:
        names: dict[str, str] = {}
        for part in super().clean(value).split(","):
            if name := tidy(part):
                names.setdefault(folded(name), name)
        if any(len(name) > Tag.LONGEST_NAME for name in names.values()):
            raise forms.ValidationError(
                _("A tag has at most %(most)s characters.") % {"most": Tag.LONGEST_NAME}, code="long"
            )
        if len(names) > self.MOST:
            raise forms.ValidationError(_("At most %(most)s tags at once.") % {"most": self.MOST}, code="many")
        if self.required and not names:
            raise forms.ValidationError(_("Say at least one tag."), code="required")
        return list(names.values())


class ImageTagsForm(forms.Form):
    """Tags to put on a picture, typed and by a press of a suggestion, and one to take off."""

    add = TagNamesField(required=False, max_length=1000)
    suggested = TagNamesField(required=False, max_length=1000)
    remove = forms.CharField(required=False)


class TagForm(forms.Form):
    """One of one's tags, and whether something is really to be done to it."""

    tag = forms.CharField()
    sure = forms.BooleanField(required=False)


class TagNameForm(forms.Form):
    """Another name for a tag."""

    name = NameField(
        max_length=Tag.LONGEST_NAME,
        error_messages={
            "required": gettext_lazy("Say what it should be called."),
            "max_length": gettext_lazy("A tag has at most %(most)s characters.") % {"most": Tag.LONGEST_NAME},
        },
    )

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if "," in name:
            raise forms.ValidationError(_("A tag has no comma: commas part tags."))
        return name


class AlbumForm(forms.Form):
    """The title of an album."""

    title = NameField(
        max_length=Album.LONGEST_TITLE,
        error_messages={
            "required": gettext_lazy("Say what the album should be called."),
            "max_length": gettext_lazy("A title has at most %(most)s characters.") % {"most": Album.LONGEST_TITLE},
        },
    )


class OwnAlbumField(_AlbumField):
    """An album by its uuid, of those that the form allows; none where nothing is said."""

    def __init__(self) -> None:
        super().__init__(
            Album.objects.none(),
            to_field_name="uuid",
            required=False,
            error_messages={"invalid_choice": gettext_lazy("There is no such album.")},
        )


class ArrangeForm(forms.Form):
    """A picture of an album, and what is to be done with it. `other`: the picture whose place it is to take."""

    DEEDS = ("first", "earlier", "later", "last", "place", "cover", "out")

    image = forms.UUIDField()
    other = forms.UUIDField(required=False)
    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])


class OwnAlbumsForm(forms.Form):
    """A form whose albums are those that one person sees, and in `album` those that they may add to."""

    def __init__(self, data: Any, *, owner: User) -> None:
        super().__init__(data)
        for name, field in self.fields.items():
            if isinstance(field, OwnAlbumField):
                albums = Album.objects
                field.queryset = albums.addable_by(owner) if name == "album" else albums.listed_for(owner)


class ImageAlbumsForm(OwnAlbumsForm):
    """An album to put a picture in, and one to take it out of."""

    album = OwnAlbumField()
    out = OwnAlbumField()


class ArchiveForm(forms.Form):
    """What an archive of pictures is to hold; `image`: which, where they are selected."""

    ORIGINALS, LARGE = "originals", "large"

    size = forms.ChoiceField(
        label=gettext_lazy("Size"),
        choices=[(ORIGINALS, gettext_lazy("Originals, where allowed")), (LARGE, gettext_lazy("As shown"))],
        required=False,
    )
    captions = forms.BooleanField(label=gettext_lazy("With a table of the captions"), required=False)
    image = UuidsField(most=500, required=False)


class SelectionForm(OwnAlbumsForm):
    """Pictures of a grid, and what is to be done with all of them. `within`: the album whose grid it is."""

    MOST = 500
    DEEDS = ("tag", "untag", "album", "share", "favourite", "unfavourite", "visibility", "describe", "out", "delete")

    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])
    image = UuidsField(most=MOST, required=False)
    tags = TagNamesField(required=False, max_length=1000)
    album = OwnAlbumField()
    title = NameField(required=False, max_length=Album.LONGEST_TITLE)
    within = OwnAlbumField()
    visibility = forms.ChoiceField(choices=Visibility.choices, required=False)
    by = forms.CharField(required=False)

    def clean(self) -> dict[str, Any]:
        said = self.cleaned_data
        no_album = not (said.get("album") or said.get("title")) and _("Choose an album, or name a new one.")
        no_tag = not said.get("tags") and _("Say at least one tag.")
        missing = {
            "tag": no_tag,
            "untag": no_tag,
            "album": no_album,
            "share": no_album,
            "visibility": not said.get("visibility") and _("Choose who may see them from the list."),
            "describe": said.get("by") not in get_pipeline().describers() and _("Choose who is to describe them."),
            "out": not said.get("within") and _("There is no such album."),
        }
        if not self.errors and (sentence := missing.get(said["do"])):
            raise forms.ValidationError(sentence, code="required")
        return said


class TrashForm(forms.Form):
    """Pictures in the trash, and what is to be done with all of them."""

    MOST = SelectionForm.MOST
    DEEDS = ("restore", "purge")

    do = forms.ChoiceField(choices=[(deed, deed) for deed in DEEDS])
    image = UuidsField(most=MOST, required=False)
    sure = forms.BooleanField(required=False)


def mistakes(form: forms.Form) -> str:
    """What is wrong with a form, in sentences."""
    return " ".join(str(error) for errors in form.errors.values() for error in errors)
