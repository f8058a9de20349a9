"""The grids: what they list, how they page, and what they say of each picture."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from PIL import Image as PILImage

from gallery import services, stages
from gallery.models import Image, Stage, User, Visibility
from gallery.views import library

MakeImage = Callable[..., Image]


def page_of(client: Client, url: str) -> str:
    return client.get(url).content.decode()


def listed(page: str) -> list[str]:
    """The pictures of a page, in their order."""
    return re.findall(r'data-image="([0-9a-f-]{36})"', page)


def make_ready(image: Image, said: str = "a red square", *, unsure: bool = False) -> None:
    services.renditions_create(image=image, picture=PILImage.new("RGB", (image.width, image.height), "red"))
    services.image_describe(image_id=image.pk, text=said, unsure=unsure, by_person=False)
    Stage.objects.filter(image=image).update(state=Stage.State.DONE)


def test_the_library_is_ones_own(client: Client, make_image: MakeImage, user: User, other_user: User) -> None:
    mine = [
        make_image(colour, visibility=visibility)
        for colour, visibility in zip(("red", "green", "blue"), Visibility.values, strict=True)
    ]
    make_image("white", owner=other_user, visibility=Visibility.PUBLIC)
    client.force_login(user)
    assert listed(page_of(client, "/")) == [str(image.uuid) for image in reversed(mine)]


def test_strangers_see_what_is_public_and_are_invited(client: Client, make_image: MakeImage) -> None:
    for colour, visibility in zip(("red", "green"), (Visibility.PRIVATE, Visibility.LINK), strict=True):
        make_image(colour, visibility=visibility)
    shown = make_image("blue", visibility=Visibility.PUBLIC)
    page = page_of(client, "/")
    assert listed(page) == listed(page_of(client, "/public/")) == [str(shown.uuid)]
    assert reverse("sign-in") in page
    assert reverse("sign-up") in page


def test_paging_without_javascript_shows_each_picture_once(
    client: Client, make_image: MakeImage, user: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(library, "PAGE_SIZE", 2)
    images = [make_image((40 * index, 0, 0)) for index in range(5)]
    client.force_login(user)
    seen, url, pages = [], "/", 0
    while url:
        page = page_of(client, url)
        seen += listed(page)
        next_page = re.search(r'rel="next" href="([^"]+)"', page)
        url = f"/{next_page[1]}" if next_page else ""
        pages += 1
    assert seen == [str(image.uuid) for image in reversed(images)]
    assert pages == 3


@pytest.mark.parametrize("cursor", ["", "nonsense", "1.2.3", "99999999999999999999999999.1", "-1.-1", "١.٢"])
def test_a_cursor_that_is_not_ours_does_no_harm(client: Client, user: User, cursor: str) -> None:
    client.force_login(user)
    assert client.get("/", {"after": cursor}).status_code == 200


def test_a_picture_in_work_is_a_placeholder_of_its_shape(client: Client, make_image: MakeImage, user: User) -> None:
    image = make_image("red", name="sunset.jpg")
    client.force_login(user)
    page = page_of(client, "/")
    assert f'width="{image.width}" height="{image.height}"' in page
    assert 'aria-label="sunset.jpg"' in page
    assert "being described…" in page
    assert "data-working" in page


def test_a_picture_that_is_ready_has_its_caption_as_alt_text(client: Client, make_image: MakeImage, user: User) -> None:
    make_ready(make_image("red"), 'a "red" square & more')
    client.force_login(user)
    page = page_of(client, "/")
    assert 'alt="a &quot;red&quot; square &amp; more"' in page
    assert "data-working" not in page
    assert "maybe:" not in page


def test_an_unsure_caption_is_marked(client: Client, make_image: MakeImage, user: User) -> None:
    make_ready(make_image("red"), unsure=True)
    client.force_login(user)
    page = page_of(client, "/")
    assert "maybe:" in page
    assert "the describer was not sure" in page


def test_a_picture_that_could_not_be_described_says_so(client: Client, make_image: MakeImage, user: User) -> None:
    make_image("red")
    for stage in stages.claim(worker="test", limit=10):
        stages.fail(stage, "The model is broken.", retryable=False)
    client.force_login(user)
    page = page_of(client, "/")
    assert "could not be described" in page
    assert "data-working" not in page


@pytest.mark.parametrize("signed_in", [True, False])
def test_empty_pages_say_what_to_do(client: Client, user: User, signed_in: bool) -> None:
    if signed_in:
        client.force_login(user)
        assert "No pictures yet" in page_of(client, "/")
    assert "Nothing is public yet" in page_of(client, "/public/")


def test_more_pictures_take_no_more_statements(client: Client, make_image: MakeImage, user: User) -> None:
    client.force_login(user)
    counts = []
    for red in range(0, 240, 40):
        make_ready(make_image((red, 0, 0)))
        make_image((red, 200, 0))
        with CaptureQueriesContext(connection) as queries:
            assert len(listed(page_of(client, "/"))) > 0
        counts.append(len(queries))
    assert len(set(counts)) == 1, counts
    assert counts[0] <= 9


def test_every_page_lets_one_search_and_skip_to_the_content(client: Client, db: None) -> None:
    page = page_of(client, "/")
    assert 'role="search"' in page
    assert 'href="#main"' in page
    assert "<script>" not in page
    assert " style=" not in page


def test_scripts_are_allowed_from_here_alone(client: Client, db: None) -> None:
    policy = client.get("/")["Content-Security-Policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy


def test_static_files_that_pages_and_scripts_name_exist(settings: Any) -> None:
    templates, static = (settings.BASE_DIR / folder for folder in ("templates", "static"))
    pages = "".join(path.read_text() for path in templates.rglob("*.html"))
    named = set(re.findall(r"{% static '([^']+)' %}", pages))
    for script in (static / "js").glob("*.js"):
        named |= {f"js/{name}" for name in re.findall(r'from "\./([^"]+)"', script.read_text())}
    assert named
    assert [name for name in named if not finders.find(name)] == []


def test_icons_that_pages_name_exist(settings: Any) -> None:
    pages = "".join(path.read_text() for path in (settings.BASE_DIR / "templates").rglob("*.html"))
    drawn = re.findall(r'<symbol id="([^"]+)"', (settings.BASE_DIR / "static" / "icons.svg").read_text())
    named = set(re.findall(r'{% icon "([^"]+)" %}', pages)) | set(re.findall(r'{% nav_link "([^"]+)"', pages))
    assert named - set(drawn) == set()
