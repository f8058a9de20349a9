"""What the gallery would say of a picture, without keeping it."""

import base64
import io
from dataclasses import dataclass, field
from typing import IO

from django.utils.translation import gettext as _
from PIL.Image import Image as Picture

from captioning.selectors import picture_describe
from gallery.decoding import open_picture
from gallery.models import Viewer
from gallery.pictures import WORKING_SIDE, flatten, shrink
from gallery.validators import digest_upload
from ml.errors import ModelError
from search.query.answer import SearchHit, images_like_picture

NEAREST = 5
PREVIEW_SIDE = 800  # pixels


@dataclass
class Description:
    """A picture's caption and the nearest pictures of the library; `problems` says in sentences what is missing, or not
    as it should be."""

    preview: str
    width: int
    height: int
    caption: str = ""
    unsure: bool = False
    hits: list[SearchHit] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)


def describe(*, viewer: Viewer, file: IO[bytes]) -> Description:
    """Look at a picture as the worker would. Raises UploadRefused; a model that is missing is told in `problems`."""
    digest_upload(file)
    picture = flatten(open_picture(file, max_side=WORKING_SIDE))
    preview = shrink(picture, PREVIEW_SIDE)
    description = Description(preview=_data_url(preview), width=preview.width, height=preview.height)
    _add_caption(description, picture)
    _add_nearest(description, picture, viewer)
    return description


def _add_caption(description: Description, picture: Picture) -> None:
    try:
        said = picture_describe(picture=picture)
    except ModelError as error:
        description.problems.append(_("There is no caption: %(reason)s") % {"reason": error})
    else:
        description.caption, description.unsure = said.text, said.unsure


def _add_nearest(description: Description, picture: Picture, viewer: Viewer) -> None:
    found = images_like_picture(viewer=viewer, picture=picture, limit=NEAREST)
    description.hits = found.hits
    if found.state == "not_ready":
        description.problems.append(_("There are no nearest pictures: %(reason)s") % {"reason": found.sentence})
    if found.notice:
        description.problems.append(found.notice)


def _data_url(picture: Picture) -> str:
    """The picture inside the page, so that it needs no address of its own and nothing more is stored."""
    buffer = io.BytesIO()
    picture.save(buffer, "WEBP", quality=80, method=0)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
