"""Tags that are put on pictures and taken off them, renamed, merged and deleted, and the ways back from it."""

from collections.abc import Iterable
from typing import Any

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.models import User
from gallery.tags import Gone, Renaming, images_tag, images_untag, tag_name_back, tag_restore, tags_part
from gallery.undo import Change, changed, own, told, way_back

Runs = str
"""Ids in order, "1-3 7": the first and the last of each run without a gap, since pictures that came together are tagged
together; quick to read, however many there are."""


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


def tag_renamed(renaming: Renaming) -> list[Change]:
    """Of what tag_rename answered, be it of one tag or of two that became one."""
    tag, before, gone = renaming.tag, renaming.before, renaming.gone
    if gone is None or not gone.image_ids:
        return changed("tag-renamed", tag=tag.pk, before=before, after=tag.name) if before != tag.name else []
    values = {"moved": _runs(renaming.moved), "other": tag.pk, "before": before, "after": tag.name}
    return _of_gone("tags-merged", gone, **values)


@way_back("tag-renamed")
def _name_back(person: User, values: dict[str, Any]) -> str:
    is_back = tag_name_back(owner=person, pk=values["tag"], before=values["before"], after=values["after"])
    return _("The tag is called “%(tag)s” again.") % {"tag": values["before"]} if is_back else ""


@way_back("tags-merged")
def _part(person: User, values: dict[str, Any]) -> str:
    gone = _gone(values)
    if not tags_part(owner=person, gone=gone, moved=_ids(values["moved"]), other=values["other"]):
        return ""
    tag_name_back(owner=person, pk=values["other"], before=values["before"], after=values["after"])
    names = {"tag": gone.name, "other": person.tags.filter(pk=values["other"]).first()}
    return _("“%(tag)s” and “%(other)s” are two tags again.") % names


def tag_deleted(gone: Gone) -> list[Change]:
    """Of what tag_delete answered."""
    return _of_gone("tag-deleted", gone)


@way_back("tag-deleted")
def _tag_back(person: User, values: dict[str, Any]) -> str:
    gone = _gone(values)
    number = len(tag_restore(owner=person, gone=gone))
    sentence = ngettext(
        "The tag “%(tag)s” is back on %(number)s picture.",
        "The tag “%(tag)s” is back on %(number)s pictures.",
        number,
    )
    return told(number, sentence, tag=gone.name)


def _of_gone(kind: str, gone: Gone, **values: Any) -> list[Change]:
    return changed(kind, runs=_runs(gone.image_ids), tag=gone.pk, name=gone.name, **values)


def _gone(values: dict[str, Any]) -> Gone:
    return Gone(values["tag"], values["name"], _ids(values["runs"]))


def _runs(image_ids: Iterable[int]) -> Runs:
    runs: list[list[int]] = []
    for pk in sorted(image_ids):
        if runs and pk == runs[-1][1] + 1:
            runs[-1][1] = pk
        else:
            runs.append([pk, pk])
    return " ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in runs)


def _ids(runs: Runs) -> list[int]:
    ends = [run.split("-") for run in runs.split()]
    return [pk for run in ends for pk in range(int(run[0]), int(run[-1]) + 1)]
