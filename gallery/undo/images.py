"""What is done with pictures themselves, and the ways back from it."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from gallery.details import image_set_taken
from gallery.favourites import favourites_add, favourites_remove
from gallery.models import Image, User, Visibility
from gallery.services import image_set_words, images_set_visibility
from gallery.trash import images_restore
from gallery.undo import Change, changed, own, told, way_back

Words = dict[str, str | bool | None]
"""Title, notes and place, whose the place is, and when it was taken."""


def trashed(image_ids: Iterable[int]) -> list[Change]:
    return changed("trash", ids=list(image_ids))


@way_back("trash")
def _untrash(person: User, values: dict[str, Any]) -> str:
    number = images_restore(images=own(person, values["ids"]), by=person)
    sentence = ngettext("%(number)s picture back from the trash.", "%(number)s pictures back from the trash.", number)
    return told(number, sentence)


def favoured(image_ids: list[int]) -> list[Change]:
    return changed("favourite", ids=image_ids)


@way_back("favourite")
def _unfavour(person: User, values: dict[str, Any]) -> str:
    number = len(favourites_remove(person=person, images=Image.with_trash.filter(pk__in=values["ids"])))
    sentence = ngettext(
        "%(number)s picture no longer among your favourites.",
        "%(number)s pictures no longer among your favourites.",
        number,
    )
    return told(number, sentence)


def unfavoured(image_ids: list[int]) -> list[Change]:
    return changed("unfavourite", ids=image_ids)


@way_back("unfavourite")
def _favour_again(person: User, values: dict[str, Any]) -> str:
    number = len(favourites_add(person=person, images=Image.with_trash.filter(pk__in=values["ids"])))
    sentence = ngettext(
        "%(number)s picture among your favourites again.",
        "%(number)s pictures among your favourites again.",
        number,
    )
    return told(number, sentence)


def shown_to(before: dict[str, list[int]], *, after: str) -> list[Change]:
    """Of what images_set_visibility answered."""
    return changed("visibility", before=before, after=str(after))


@way_back("visibility")
def _show_as_before(person: User, values: dict[str, Any]) -> str:
    restored: list[str] = []
    for visibility, ids in values["before"].items():
        images = own(person, ids).filter(visibility=values["after"])
        back = images_set_visibility(images=images, visibility=visibility)
        restored += [visibility] * sum(map(len, back.values()))
    if len(restored) == 1:
        return _("Who may see it is as it was. %(visibility)s.") % {"visibility": Visibility(restored[0]).label}
    sentence = ngettext(
        "Who may see %(number)s picture is as it was.",
        "Who may see %(number)s pictures is as it was.",
        len(restored),
    )
    return told(len(restored), sentence)


def words_of(image: Image) -> Words:
    return {
        "title": image.title,
        "notes": image.notes,
        "place": image.place,
        "place_by_person": image.place_by_person,
        "taken_at": image.taken_at.isoformat() if image.taken_at else None,
    }


def words_set(image: Image, *, before: Words) -> list[Change]:
    after = words_of(image)
    return changed("words", ids=[image.pk], before=before, after=after) if before != after else []


@way_back("words")
def _words_as_before(person: User, values: dict[str, Any]) -> str:
    before = dict(values["before"])
    taken = before.pop("taken_at")
    with transaction.atomic():
        image = own(person, values["ids"]).locked().first()
        if image is None or words_of(image) != values["after"]:
            return ""
        image_set_words(image=image, **before)
        if taken != values["after"]["taken_at"]:
            image_set_taken(image=image, taken_at=datetime.fromisoformat(taken) if taken else None)
    return _("Title, place, date and notes are as they were.")
