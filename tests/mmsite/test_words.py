"""The languages that the site speaks."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import date
from pathlib import Path

import polib
import pytest
from django.conf import settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import translation
from django.utils.formats import date_format

from gallery.models import User
from gallery.quotas import in_words
from gallery.services import image_create, image_describe
from gallery.wording import grouped
from tests.gallery.making import encode, plain, upload

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _english_again() -> Iterator[None]:
    """The language of the last request stays with the thread, and so with the tests that follow."""
    yield
    translation.deactivate()


def test_the_page_says_its_language(client: Client) -> None:
    assert b'<html lang="en">' in client.get("/").content
    german = client.get("/", headers={"Accept-Language": "de-AT, en;q=0.5"})
    assert b'<html lang="de">' in german.content
    assert "Accept-Language" in german["Vary"]


def test_what_somebody_chooses_outweighs_the_browser(client: Client) -> None:
    answer = client.post(reverse("language"), {"language": "de"}, headers={"Referer": "http://testserver/public/"})
    assert (answer.status_code, answer["Location"]) == (302, "http://testserver/public/")
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME]["httponly"]
    assert b'<html lang="de">' in client.get("/", headers={"Accept-Language": "en"}).content


def test_choosing_leads_to_no_other_site(client: Client) -> None:
    answer = client.post(reverse("language"), {"language": "de", "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_scripts_get_their_words_as_a_script(client: Client) -> None:
    answer = client.get(reverse("words"), headers={"Accept-Language": "de"})
    assert answer["Content-Type"].startswith("text/javascript")
    assert b"ngettext" in answer.content


LOCALE = settings.BASE_DIR / "locale"
OTHERS = [code for code, _ in settings.LANGUAGES if code != "en"]
PLACEHOLDERS = re.compile(r"%\(\w+\)s|%%|\{\w+\}")
Catalogue = dict[tuple[str, str], list[str]]
each_catalogue = pytest.mark.parametrize(
    ("language", "domain"), [(language, domain) for language in OTHERS for domain in ("django", "djangojs")]
)


def catalogue(entries: Iterable[polib.POEntry | polib.MOEntry]) -> Catalogue:
    """What becomes of each sentence, by itself and its context; for one and for many where it counts."""
    return {
        (entry.msgctxt or "", entry.msgid): [*entry.msgstr_plural.values()] if entry.msgid_plural else [entry.msgstr]
        for entry in entries
    }


def written(language: str, domain: str, root: Path = LOCALE) -> polib.POFile:
    return polib.pofile(str(root / language / "LC_MESSAGES" / f"{domain}.po"))


@each_catalogue
def test_every_sentence_is_translated(language: str, domain: str) -> None:
    for entry in written(language, domain):
        assert not entry.obsolete and not entry.fuzzy, entry.msgid
        assert all(catalogue([entry]).popitem()[1]), f"{entry.msgid} has no translation"
        asked = set(PLACEHOLDERS.findall(entry.msgid + entry.msgid_plural))
        for text in catalogue([entry]).popitem()[1]:
            assert set(PLACEHOLDERS.findall(text)) <= asked, text
        assert asked == set(PLACEHOLDERS.findall(text)), text  # of the last: where many are spoken of


@each_catalogue
def test_what_is_compiled_says_what_is_written(language: str, domain: str) -> None:
    compiled = polib.mofile(str(LOCALE / language / "LC_MESSAGES" / f"{domain}.mo"))
    assert catalogue(compiled) == catalogue(written(language, domain)), "run `make words`"


@pytest.mark.skipif(shutil.which("xgettext") is None, reason="GNU gettext is not installed here")
@each_catalogue
def test_no_sentence_waits_for_its_translator(language: str, domain: str, tmp_path: Path) -> None:
    """The sentences of the source and of the catalogues are the same."""
    for folder in ("api", "captioning", "gallery", "mmsite", "reading", "search", "templates", "static/js", "locale"):
        shutil.copytree(settings.BASE_DIR / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(settings.BASE_DIR / "manage.py", tmp_path)
    command = [sys.executable, "manage.py", "makemessages", "--locale", language, "--domain", domain, "--no-location"]
    environment = os.environ | {"PYTHONPATH": str(settings.BASE_DIR)}  # where ml is
    subprocess.run(command, cwd=tmp_path, env=environment, check=True, capture_output=True)
    found = written(language, domain, tmp_path / "locale")
    assert not found.obsolete_entries(), "nobody says these any more: run `make words`"
    assert catalogue(found) == catalogue(written(language, domain)), "run `make words`, and translate what is new"


ENGLISH = re.compile(r"\b(the|your|and|pictures?|of|to|is|with|that|here|nothing)\b", re.IGNORECASE)
IN_ENGLISH = re.compile(
    r"a dog on a beach|children playing in snow|a red car at night|grand hotel|<(?:code|kbd)\b(?s:.*?)</"
)


@pytest.mark.parametrize(
    "name",
    [
        "library", "public", "albums", "upload", "describe", "search", "tags", "trash", "jobs", "review", "duplicates",
        "golden", "account", "activity", "tokens", "webhooks", "password-change", "account-delete",
    ],
)  # fmt: skip
def test_pages_speak_german_throughout(client: Client, name: str) -> None:
    client.force_login(User.objects.create_user("ada"))
    page = client.get(reverse(name), headers={"Accept-Language": "de"}).content.decode()
    main = page[page.index("<body") :]
    main = IN_ENGLISH.sub("", re.sub(r"<script.*?</script>", "", main, flags=re.DOTALL))
    said = re.sub(r"<[^>]+>", " ", main) + " ".join(re.findall(r'(?:alt|aria-label|placeholder|title)="([^"]*)"', main))
    assert not (left := ENGLISH.findall(said)), (left, " ".join(said.split()))


def test_counts_and_dates_are_german(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    with translation.override("de"):
        assert grouped(12_345) == "12.345"
        assert date_format(date(2026, 3, 9), "DATE_FORMAT") == "9. März 2026"
        assert in_words(2_300_000) == "2,3 MB"
    with translation.override("en"):
        assert grouped(12_345) == "12,345"
        assert date_format(date(2026, 3, 9), "DATE_FORMAT") == "9 March 2026"


def test_what_is_refused_is_said_in_german(client: Client) -> None:
    client.force_login(User.objects.create_user("ada"))
    notes = SimpleUploadedFile("notes.jpg", b"Buy milk.")
    headers = {"Accept-Language": "de", "Accept": "application/json"}
    answer = client.post(reverse("upload"), {"pictures": notes, "visibility": "private"}, headers=headers)
    assert answer.json()["files"][0]["message"].startswith("Diese Datei ist kein Bild, das wir kennen.")


def test_captions_by_models_are_english_on_every_page(client: Client, user: User) -> None:
    client.force_login(user)
    image = image_create(owner=user, file=upload(encode(plain())), file_name="red.png").image
    image_describe(image_id=image.pk, text="a red square", unsure=False, by_person=False)

    def heading(language: str) -> str:
        page = client.get(image.get_absolute_url(), headers={"Accept-Language": language}).content.decode()
        [found] = re.findall(r"<h1 [^>]*>", page)
        return str(found)

    assert 'lang="en"' in heading("de")
    assert "lang" not in heading("en")
    image_describe(image_id=image.pk, text="ein rotes Quadrat", unsure=False, by_person=True)
    assert "lang" not in heading("de")
