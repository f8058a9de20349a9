"""The admin: staff see of pictures what their permissions are for, and never what opens them or where people live."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import Permission
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import Model
from django.urls import reverse

from gallery.models import Image
from tests.access.asking import Answer, ask
from tests.access.people import Person, person
from tests.access.pictures import ABSENT, NOBODYS_NUMBER, Subject
from tests.access.world import World

OF_MODEL = ("changelist", "add", "change", "history", "delete")
# What else there is, by name, and what of a picture its address takes.
ELSE: dict[str, list[str]] = {
    "admin:gallery_image_thumbnail": ["image_id"],
    "admin:gallery_image_delete_for_good": ["image_id"],
    "admin:auth_user_password_change": ["id"],
    "admin:captioning_caption_outdated": [],
    "admin:search_modelversion_roll_back": [],
    "admin:index": [],
    "admin:login": [],
    "admin:logout": [],
    "admin:password_change": [],
    "admin:password_change_done": [],
    "admin:jsi18n": [],
    "admin:autocomplete": [],
    "admin:app_list": ["app_label"],
}
# What the permissions of one table alone tell of: titles and names of what is its own, and nothing of pictures.
TELLS = {
    "gallery.image": {"file", "caption", "uuid"},
    "gallery.album": {"album", "album_uuid"},
    "gallery.albummember": {"album"},
    "gallery.albumlink": {"album", "label"},
    "gallery.tag": {"tag"},
    "gallery.auditentry": {"album", "label", "deleted", "token"},
    "api.token": {"token"},
    "api.webhook": {"webhook_uuid"},
    "api.webhookdelivery": {"webhook_uuid", "delivery_uuid"},
}
MODELS = sorted(admin.site._registry, key=lambda model: model._meta.label)
LABELS = [model._meta.label_lower for model in MODELS]


def row_of(model: type[Model], subject: Subject) -> Any:
    """The key of what belongs to a picture, or of any row, where none does."""
    rows, fields = model._default_manager, {field.name for field in model._meta.get_fields()}
    if subject.state == ABSENT:
        return NOBODYS_NUMBER
    if model is Image:
        return subject.pk
    known = {"AlbumMember": subject.membership, "AlbumLink": subject.link, "Tag": subject.tag, "Token": subject.token}
    if model.__name__ in known:
        return known[model.__name__]
    if "uuid" in fields:
        rows = rows.filter(uuid__in=subject.names.values())  # type: ignore[assignment]
    elif "image" in fields:
        rows = rows.filter(image_id=subject.pk)  # type: ignore[assignment]
    return rows.values_list("pk", flat=True).order_by("pk").first() or NOBODYS_NUMBER


def pages_of(model: type[Model], subject: Subject) -> Iterator[str]:
    """What somebody might open about a row that belongs to the picture."""
    name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
    yield reverse(f"{name}_changelist")
    yield f"{reverse(f'{name}_changelist')}?q={subject.code}"
    yield reverse(f"{name}_add")
    row = row_of(model, subject)
    yield from (reverse(f"{name}_{page}", args=[row]) for page in ("change", "history", "delete"))
    if model is Image:
        yield reverse("admin:gallery_image_thumbnail", args=[row])
        yield reverse("admin:gallery_image_delete_for_good", args=[row])


def deeds_of(model: type[Model], subject: Subject) -> Iterator[tuple[str, dict[str, Any]]]:
    """What somebody might send there."""
    name, row = f"admin:{model._meta.app_label}_{model._meta.model_name}", row_of(model, subject)
    yield reverse(f"{name}_change", args=[row]), {}
    yield reverse(f"{name}_delete", args=[row]), {"post": "yes"}
    model_admin = admin.site._registry[model]
    for action in model_admin.actions or ["delete_selected"]:
        yield reverse(f"{name}_changelist"), {"action": str(action), "_selected_action": row, "post": "yes"}


def sent(asking: Person, subject: Subject) -> list[Answer]:
    """The answers to all of it."""
    pages = [ask(asking, "get", page) for model in MODELS for page in pages_of(model, subject)]
    pages.append(ask(asking, "get", f"{reverse('admin:autocomplete')}?{CHOICES}&term={subject.code}"))
    pages += [
        ask(asking, "get", f"/admin/r/{ContentType.objects.get_for_model(model).pk}/{row_of(model, subject)}/")
        for model in MODELS
    ]
    return pages + [ask(asking, "post", page, data) for model in MODELS for page, data in deeds_of(model, subject)]


CHOICES = "app_label=captioning&model_name=caption&field_name=image"


@pytest.mark.parametrize("kind", ["anonymous", "owner", "deactivated"])
def test_whoever_is_no_staff_is_asked_to_sign_in(world: World, kind: str) -> None:
    asking, subject, nothing = world.people[kind], world.subjects["private"], world.subjects[ABSENT]
    for model in MODELS:
        got, of_nothing = (ask(asking, "get", list(pages_of(model, each))[3]) for each in (subject, nothing))
        assert got.about(subject) == of_nothing.about(nothing), model
        assert got.headers["Location"] == f"{reverse('admin:login')}?next={got.address}"


def test_staff_without_permissions_find_nothing(world: World) -> None:
    asking, subject, nothing = world.people["powerless"], world.subjects["private"], world.subjects[ABSENT]
    wrong = []
    for got, of_nothing in zip(sent(asking, subject), sent(asking, nothing), strict=True):
        if leaks := world.leaks(asking, got, asked=subject):
            wrong.append(f"{got.address} tells of {leaks}")
        if got.about(subject) != of_nothing.about(nothing):
            wrong.append(f"{got.address}: {got.status}, and {of_nothing.status} where there is nothing")
        if got.status not in (403, 404) or got.writes:
            wrong.append(f"{got.address}: {got.status}, writes to {got.writes}")
    assert not wrong, "\n".join(["", *wrong])


@pytest.mark.parametrize(("kind", "state"), [("staff", "private"), ("staff", "purged"), ("superuser", "trashed")])
def test_staff_see_what_they_need(world: World, kind: str, state: str) -> None:
    asking, subject = world.people[kind], world.subjects[state]
    pages = [ask(asking, "get", page) for model in MODELS for page in pages_of(model, subject)]
    wrong = [f"{page.address} tells of {leaks}" for page in pages if (leaks := world.leaks(asking, page))]
    assert not [page.address for page in pages if page.status >= 500], "these fail"
    assert not wrong, "\n".join(["", *wrong])
    found = ask(asking, "get", f"{reverse('admin:gallery_image_changelist')}?q={subject.code}")
    assert (f"{subject.code}file" in found.body) == (state != "purged")


def test_the_permissions_of_one_table_tell_of_that_alone(world: World) -> None:
    subject, wrong = world.subjects["private"], []
    with transaction.atomic():
        clerk = person("clerk")
        assert clerk.user
        type(clerk.user).objects.filter(pk=clerk.user.pk).update(is_staff=True)
        for model in MODELS:
            label = model._meta.label_lower
            names = [f"{deed}_{model._meta.model_name}" for deed in ("view", "add", "change", "delete")]
            may = Permission.objects.filter(content_type__app_label=model._meta.app_label, codename__in=names)
            clerk.user.user_permissions.set(may)
            pages = [ask(clerk, "get", page) for page in pages_of(model, subject)]
            choices = f"{reverse('admin:autocomplete')}?{CHOICES}&term={subject.code}"
            pages += [ask(clerk, "get", page) for page in (choices, reverse("admin:index"), "/jobs/?whose=everyone")]
            told = {name for page in pages for name in _told(world, page, subject)} - TELLS.get(label, set())
            if told:
                wrong.append(f"{label} tells of {sorted(told)}")
        transaction.set_rollback(True)
    assert not wrong, "\n".join(["", *wrong])


def _told(world: World, page: Answer, subject: Subject) -> set[str]:
    """What it tells, but for the word that was searched for, which stands in the box."""
    allowed = {""} | ({"error"} if page.address.startswith("/jobs/") else set())
    return world.told(page, subject) - allowed
