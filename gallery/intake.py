"""One file that somebody gives, whichever way it comes, and what became of it in a sentence."""

from dataclasses import dataclass
from typing import Literal

from django.core.files import File
from django.utils.translation import gettext as _

from gallery import services
from gallery.exceptions import UploadRefused
from gallery.models import Image, Stage, User, Visibility

Kind = Literal["created", "duplicate", "refused", "unpacking"]


@dataclass(frozen=True)
class Outcome:
    """What became of one file: a picture, one that was there already, or why it is none."""

    name: str
    kind: Kind
    sentence: str
    image: Image | None = None
    refusal: UploadRefused | None = None  # why, where whoever gives it has to tell reasons apart

    @property
    def waits(self) -> bool:
        """Whether it is the site that can't take it now."""
        return self.refusal is not None and self.refusal.passes


def picture_take(
    *,
    owner: User,
    file: "File[bytes]",
    file_name: str,
    visibility: str = Visibility.PRIVATE,
    priority: Stage.Priority = Stage.Priority.INTERACTIVE,
    caption: str = "",
) -> Outcome:
    """As services.image_create, but a refusal is an outcome too."""
    try:
        creation = services.image_create(
            owner=owner, file=file, file_name=file_name, visibility=visibility, priority=priority, caption=caption
        )
    except UploadRefused as refusal:
        return Outcome(file_name, "refused", str(refusal), refusal=refusal)
    if creation.created:
        return Outcome(file_name, "created", _("Uploaded"), creation.image)
    if creation.restored:
        return Outcome(file_name, "duplicate", _("This picture was in your trash, and is back"), creation.image)
    return Outcome(file_name, "duplicate", _("You have this picture already"), creation.image)
