"""Tags that are put on pictures and taken off them, and the ways back from it."""

from typing import Any

from django.utils.translation import gettext as _

from gallery.models import User
from gallery.tags import images_tag, images_untag
from gallery.undo import Change, changed, own, way_back


def tagged(tags: dict[str, list[int]]) -> list[Change]:
    """Of what images_tag answered."""
    return changed("tag", tags={name: ids for name, ids in tags.items() if ids})


@way_back("tag")
def _untag(person: User, values: dict[str, Any]) -> str:
    tags = values["tags"].items()
    lost = [images_untag(owner=person, images=own(person, ids), name=name) for name, ids in tags]
    return _("The tags are off again: %(tags)s.") % {"tags": ", ".join(values["tags"])} if any(lost) else ""


def untagged(name: str, image_ids: list[int]) -> list[Change]:
    return changed("untag", ids=image_ids, name=name)


@way_back("untag")
def _tag_again(person: User, values: dict[str, Any]) -> str:
    new = images_tag(owner=person, images=own(person, values["ids"]), names=[values["name"]])
    return _("Tagged again: %(name)s.") % {"name": values["name"]} if any(new.values()) else ""
