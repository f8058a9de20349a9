"""Pictures that people search by: one that they send along, a part of one, and those that the query names."""

import base64
import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import IO
from uuid import UUID

from django.utils.text import get_text_list
from django.utils.translation import gettext as _
from PIL.Image import Image as Picture

from gallery.decoding import open_picture
from gallery.models import Image, Viewer
from gallery.permissions import reachable_image
from gallery.pictures import WORKING_SIDE, flatten, shrink
from gallery.renditions import rendition_pixels
from gallery.selectors import image_work, images_found
from gallery.validators import clean_file_name, digest_upload
from search.forms import Box
from search.query.answer import SearchResult
from search.query.terms import Like, Query, write

# Pixels on the longer side of what comes back in the page.
SENT_BACK_SIDE = 512
SMALLEST_SIDE = 8


@dataclass(frozen=True)
class Example:
    """A picture to search by that is none of the library: its pixels (RGB), and how it is shown and called.

    `parameters` ask for it again, in an address; empty where only the browser has it.
    """

    picture: Picture
    name: str
    data_url: str
    parameters: dict[str, str] = field(default_factory=dict)


class NotReady(Exception):
    """The worker has not looked at this picture yet; the text is a sentence for people."""


def sent_picture(file: IO[bytes], *, file_name: str) -> Example:
    """What somebody sent along, within the limits of an upload; nothing of it is kept. Raises UploadRefused."""
    digest_upload(file)
    picture = flatten(open_picture(file, max_side=WORKING_SIDE))
    return Example(picture, clean_file_name(file_name), _data_url(picture))


def part_of_picture(*, viewer: Viewer, uuid: UUID, box: Box | None) -> Example:
    """A part of a picture that the viewer may open: of its preview, which is all that others than its owner get.

    Raises Http404 or NotReady.
    """
    image = reachable_image(viewer=viewer, uuid=uuid)
    if image.preview is None:
        raise NotReady(
            _("%(file_name)s is still being worked on. Try again in a moment.") % {"file_name": image.file_name}
        )
    whole = rendition_pixels(image.preview)
    left, top, width, height = box or (0.0, 0.0, 1.0, 1.0)
    (x1, x2), (y1, y2) = _span(left, width, whole.width), _span(top, height, whole.height)
    part = whole.crop((x1, y1, x2, y2))
    parameters = {"of": str(uuid)} | ({"box": ",".join(f"{share:.4g}" for share in box)} if box else {})
    return Example(
        part,
        _("a part of %(file_name)s") % {"file_name": image.file_name} if box else image.file_name,
        _data_url(part),
        parameters,
    )


def pictures_of(result: SearchResult, *, viewer: Viewer) -> dict[UUID, Image]:
    """The pictures that a query names, by uuid, as far as the viewer may open them. Most are found themselves."""
    named = {like.picture for like in result.query.pictures}
    found = {hit.image.uuid: hit.image for hit in result.hits if hit.image.uuid in named}
    if missing := named - found.keys():
        others = Image.objects.reachable_by(viewer).filter(uuid__in=missing)
        found |= {image.uuid: image for image in images_found(others)}
    return found


def title_of(query: Query, text: str, *, pictures: Mapping[UUID, Image], example: Example | None) -> str:
    """What is looked for, as a person would say it: no picture is called by its uuid."""
    likes = [(like.sign, _name(like, pictures)) for like in query.pictures]
    like = ([example.name] if example else []) + [name for sign, name in likes if sign != "-"]
    unlike = [name for sign, name in likes if sign == "-"]
    if not (like or unlike):
        return _("“%(words)s”") % {"words": text}
    words = write(tuple(part for part in query.parts if not isinstance(part, Like)))
    values = {
        "what": _("“%(words)s”") % {"words": words} if words else _("pictures"),
        "like": get_text_list(like, _("and")),
        "unlike": get_text_list(unlike, _("and")),
    }
    if like and unlike:
        return _("%(what)s like %(like)s unlike %(unlike)s") % values
    return (_("%(what)s like %(like)s") if like else _("%(what)s unlike %(unlike)s")) % values


def picture_hints(query: Query, *, pictures: Mapping[UUID, Image]) -> list[str]:
    """What people should know of the pictures that they ask by. The same for those that are absent and not theirs."""
    hints = []
    if any(like.picture not in pictures for like in query.pictures):
        hints.append(_("A picture that you search by isn't here, or not for you to see: it counts for nothing."))
    hints += [
        _("%(file_name)s is still being worked on: it counts for nothing until that is done.")
        % {"file_name": image.file_name}
        for image in pictures.values()
        if not image.description and image_work(image).state == "working"
    ]
    return hints


def _name(like: Like, pictures: Mapping[UUID, Image]) -> str:
    return pictures[like.picture].file_name if like.picture in pictures else _("a picture that isn’t here")


def _span(at: float, share: float, side: int) -> tuple[int, int]:
    """The first pixel of a part along one side, and the first past it: a few at least, whatever its share."""
    least = min(SMALLEST_SIDE, side)
    start = max(0, min(round(at * side), side - least))
    return start, min(side, max(round((at + share) * side), start + least))


def _data_url(picture: Picture) -> str:
    """The picture inside the page: it needs no address, and nothing is stored."""
    buffer = io.BytesIO()
    shrink(picture, SENT_BACK_SIDE).save(buffer, "WEBP", quality=85, method=0)
    return f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
