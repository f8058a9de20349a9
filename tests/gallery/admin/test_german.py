"""The admin in German: what Django doesn't say of its own accord."""

import re
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib.admin import site
from django.db.models import Field
from django.test import Client
from django.urls import reverse
from django.utils import translation

from gallery.models import Image, User
from tests.gallery.admin.asking import act, address
from tests.gallery.admin.test_lists import ADDABLE, MODELS

ENGLISH = re.compile(r"\b(the|your|and|of|to|is|with|that|here|nothing|by|which|its|picture|pictures)\b", re.IGNORECASE)
# What the tests, the database, models and Django's permissions say.
DATA = re.compile(
    r"for the family|the sun&#x27;s own|a mostly red picture|MMSITE_\w+|<(?:script|style|option)\b.*?</|Can \w+ [\w -]+"
    r"|manage\.py [\w -]+|/tmp/\S+|ping to \d+: pending",
    re.DOTALL,
)
# What is the same in both languages, and what Django itself doesn't translate.
SAME = {
    "album", "active", "dimension", "ID", "index", "format", "key", "name", "original", "person", "Person", "revision",
    "SHA-256", "status", "text", "UUID", "uuid", "webhook", "webhooks", "ml.ModelInfo.key", "API", "User",
}  # fmt: skip


@pytest.fixture
def german(admin_client: Client) -> Iterator[Client]:
    admin_client.defaults["HTTP_ACCEPT_LANGUAGE"] = "de"
    yield admin_client
    translation.deactivate()


def left_in_english(page: Any) -> list[str]:
    content = page.content.decode()
    main = DATA.sub("", content[content.index('id="main"') :])
    said = re.sub(r"<[^>]+>", "\n", main) + "\n".join(re.findall(r'(?:alt|aria-label|title|value)="([^"]*)"', main))
    return [line.strip() for line in said.splitlines() if ENGLISH.search(line)]


@pytest.mark.parametrize("model", MODELS)
def test_lists_and_pages_are_german(german: Client, image: Image, model: Any) -> None:
    pages = [address(model, "changelist"), *(address(model, "change", each.pk) for each in model.objects.all())]
    pages += [address(model, "add")] if model in ADDABLE else []
    for page in pages:
        assert not left_in_english(german.get(page)), page


def test_setting_a_password_is_german(german: Client, image: Image) -> None:
    for user in User.objects.all():  # with a password, and without one
        assert not left_in_english(german.get(reverse("admin:auth_user_password_change", args=[user.pk]))), user


def test_the_front_page_is_german(german: Client, image: Image) -> None:
    page = german.get(reverse("admin:index"))
    assert not left_in_english(page)
    assert "Bildbeschreibungen von Menschen" in page.content.decode()


def test_questions_and_answers_are_german(german: Client, image: Image) -> None:
    for action in ("make_public", "move_to_trash", "delete_for_good"):
        asked = act(german, Image, action, image)
        assert "1 Bild?" in asked.content.decode()
        assert not left_in_english(asked)
        assert not left_in_english(act(german, Image, action, image, confirmed="yes"))


@pytest.mark.parametrize("model", [model for model in MODELS if model is not User])
def test_every_name_has_its_german(model: Any) -> None:
    assert site.is_registered(model)
    names = [model._meta.verbose_name, model._meta.verbose_name_plural]
    for field in model._meta.get_fields():
        if isinstance(field, Field):
            names += [field.verbose_name, field.help_text, *(name for _, name in field.choices or ())]
    with translation.override("de"):
        german = [str(name) for name in names]
    with translation.override("en"):
        english = [str(name) for name in names]
    same = {one for one, other in zip(english, german, strict=True) if one and one == other}
    assert same <= SAME, "put it into mmsite/labels.py, and run `make words`"
