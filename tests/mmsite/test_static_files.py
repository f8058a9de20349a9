"""Static files as browsers get them, and how much the first page of a library weighs."""

import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client
from django.utils import timezone

from gallery.models import Image, Rendition, User
from gallery.templatetags.gallery import icon
from gallery.views.library import PAGE_SIZE

FINGERPRINTED = re.compile(r"/static/[\w/.-]+\.[0-9a-f]{12}\.\w+")
IMPORTED = re.compile(r"""from "(\./[\w.]+)";""")
FIRST_PAGE_BYTES = 150_000  # all but pictures


@pytest.fixture
def collected(settings: Any, tmp_path: Path) -> Iterator[Path]:
    """Our static files as they are served; pages then name them so."""
    settings.STATIC_ROOT = tmp_path / "static"
    settings.STATICFILES_FINDERS = [
        "django.contrib.staticfiles.finders.FileSystemFinder"
    ]  # ours, without those of apps
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "mmsite.static_files.FingerprintedStorage"}}
    call_command("collectstatic", interactive=False, verbosity=0)
    icon.cache_clear()
    yield settings.STATIC_ROOT
    icon.cache_clear()


@pytest.fixture
def full_page(user: User) -> User:
    """Somebody whose library has more than a page, each picture with a caption of usual length."""
    now = timezone.now()
    images = Image.objects.bulk_create(
        Image(
            owner=user,
            sha256=f"{number:064}",
            byte_size=4_000_000,
            format="JPEG",
            file_name=f"IMG_{number:06}.jpg",
            width=4_000,
            height=3_000,
            sort_date=now - timedelta(days=number),
            description=f"a brown dog with number {number} runs across the wet grass towards the camera",
        )
        for number in range(PAGE_SIZE + 1)
    )
    kinds = {Rendition.Kind.THUMBNAIL: (400, 300), Rendition.Kind.PREVIEW: (1_280, 960)}
    Rendition.objects.bulk_create(
        Rendition(image=image, kind=kind, file=f"{image.pk}-{kind}.webp", width=width, height=height, byte_size=20_000)
        for image in images
        for kind, (width, height) in kinds.items()
    )
    return user


def weights(client: Client, address: str) -> dict[str, int]:
    """The bytes, as sent, of a page and of all that it draws in beside pictures, by address."""
    found: dict[str, int] = {}
    wanted = [address]
    while wanted:
        address = wanted.pop()
        if address in found:
            continue
        answer = client.get(address, headers={"Accept-Encoding": "gzip"})
        assert answer.status_code == 200, address
        found[address] = len(answer.getvalue())
        plain = client.get(address, headers={"Accept-Encoding": "identity"}).getvalue().decode()
        wanted += FINGERPRINTED.findall(plain)
        wanted += [f"{address.rpartition('/')[0]}/{name.removeprefix('./')}" for name in IMPORTED.findall(plain)]
    return found


def test_the_first_page_is_light(client: Client, collected: Path, full_page: User) -> None:
    client.force_login(full_page)
    parts = weights(client, "/")
    page = client.get("/").content.decode()
    assert page.count('class="card"') == PAGE_SIZE
    assert {name.rpartition(".")[2] for name in parts} >= {"css", "js", "svg"}
    assert sum(parts.values()) < FIRST_PAGE_BYTES
    # what it names and what that names, all of it by its fingerprint
    assert not [name for name in re.findall(r"/static/[^\"'#]+", page) if not FINGERPRINTED.fullmatch(name)]


def test_whatever_a_script_imports_has_a_fingerprint(collected: Path) -> None:
    scripts = [path for path in (collected / "js").glob("*.js") if re.search(r"\.[0-9a-f]{12}\.js$", path.name)]
    imported = {(path, name) for path in scripts for name in IMPORTED.findall(path.read_text(encoding="utf-8"))}
    assert imported
    assert not [name for _, name in imported if not re.search(r"\.[0-9a-f]{12}\.js$", name)]
    assert all((path.parent / name).exists() for path, name in imported)


def test_what_has_a_fingerprint_is_kept_for_ever_and_comes_compressed(
    client: Client, collected: Path, db: None
) -> None:
    address = next(name for name in FINGERPRINTED.findall(client.get("/").content.decode()) if name.endswith(".css"))
    small = client.get(address, headers={"Accept-Encoding": "gzip, br"})
    whole = client.get(address)
    assert small["Content-Encoding"] == "gzip"
    assert "immutable" in small["Cache-Control"]
    assert int(re.findall(r"max-age=(\d+)", small["Cache-Control"])[0]) >= 31_536_000
    assert "Accept-Encoding" in whole["Vary"]
    assert len(small.getvalue()) < len(whole.getvalue()) / 2


def test_pages_come_compressed_to_whoever_takes_that(client: Client, full_page: User) -> None:
    client.force_login(full_page)
    small, whole = client.get("/", headers={"Accept-Encoding": "gzip"}), client.get("/")
    assert small["Content-Encoding"] == "gzip"
    assert "Content-Encoding" not in whole
    assert "Accept-Encoding" in whole["Vary"]
    assert len(small.content) < len(whole.content) / 5


def test_the_api_keeps_its_strong_tags(client: Client, full_page: User) -> None:
    client.force_login(full_page)
    answer = client.get("/api/v1/images/", headers={"Accept-Encoding": "gzip"})
    assert "Content-Encoding" not in answer
    assert answer["ETag"].startswith('"')
