"""Every page as axe sees it, on a phone and on a desk, light and dark; and what keyboards and calm eyes want of it."""

import importlib.resources
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.core.files.base import ContentFile
from django.test import Client
from PIL import Image as PILImage
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

from bench.browser import DESKTOP, OPEN, PHONE
from bench.lived_in import FEWEST, furnish
from captioning.services import captions_write
from gallery import services
from gallery.models import Image, Stage, User
from search.services import embeddings_write
from search.versions import model_version_ensure
from tests.e2e.waiting import patiently

pytestmark = [
    pytest.mark.browser,
    pytest.mark.django_db(transaction=True),
    pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"]),
]

AXE = importlib.resources.files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
ALL: dict[str, Any] = {
    "runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "rules": {"target-size": {"enabled": True}},
}
COLOURS = {"runOnly": {"type": "rule", "values": ["color-contrast"]}}
# What Swagger UI itself does, and no stylesheet can mend: its fields have names by where they stand alone, its headings
# leave out a level, the lock of an operation lies in the button that opens it, and it has one landmark for operations,
# which leaves out the rest, and one of each answer, without a name. By rules and not by selectors, since those would
# leave out the colours and sizes of the same elements, which are ours.
SWAGGERS = ("heading-order", "label", "landmark-unique", "nested-interactive", "region", "select-name")
TO_TRY_IT = {**ALL, "rules": {**ALL["rules"], **{rule: {"enabled": False} for rule in SWAGGERS}}}
NARROWEST = (320, 640)
CHECK = """
const done = arguments[arguments.length - 1];
axe.run(document, { ...arguments[0], resultTypes: ["violations"] }).then((found) => done(
    found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.html} ${node.failureSummary}`))
));
"""
# What is wider than the page, for whoever has to mend it.
TOO_WIDE = """
const [width] = arguments;
if (Math.max(document.scrollingElement.scrollWidth, innerWidth) <= width) return [];
return [...document.querySelectorAll("body, body *")].filter((one) => one.getBoundingClientRect().right > width + 1)
    .map((one) => one.outerHTML.slice(0, 120));
"""
# What has the focus, where nothing shows that it has: neither itself nor, as for a hidden file field, its label.
UNSEEN = """
const one = document.activeElement;
if (one === document.body) return null;
const seen = [one, one.closest("label")].some((each) => each && getComputedStyle(each).outlineStyle !== "none");
return seen ? "" : one.outerHTML.slice(0, 120);
"""
LOOKS = "return matchMedia(`(width: ${arguments[0]}px) and (prefers-color-scheme: ${arguments[1]})`).matches"
# In one step, since cards of pictures in work are renewed.
OPEN_LIGHTBOX = """
document.querySelector(".grid .card > a[data-preview]").click();
return document.querySelector("[data-lightbox]").open;
"""
MOVING = """
return [...document.querySelectorAll("*")].filter((one) => {
    const style = getComputedStyle(one);
    return parseFloat(style.transitionDuration) > .01 || parseFloat(style.animationDuration) > .01;
}).map((one) => one.outerHTML.slice(0, 120));
"""


@pytest.fixture
def owner() -> User:
    """A superuser with pictures that are described and can be found."""
    owner = User.objects.create_superuser("ada", password="analytical engine")
    version = model_version_ensure()
    for number in range(FEWEST):
        color = (30 * number, 90, 160)
        image = _taken_in(owner, color, f"{number}.png")
        pixels = PILImage.new("RGB", (480, 320), color)
        services.renditions_create(image=image, picture=pixels)
        captions_write(image_ids=[image.pk], pictures=[pixels])
        embeddings_write(version=version, image_ids=[image.pk], pictures=[pixels])
    Stage.objects.update(state=Stage.State.DONE)  # no page renews itself while somebody looks
    return owner


def _taken_in(owner: User, color: tuple[int, int, int], name: str) -> Image:
    buffer = io.BytesIO()
    PILImage.new("RGB", (480, 320), color).save(buffer, "PNG")
    return services.image_create(owner=owner, file=ContentFile(buffer.getvalue(), name), file_name=name).image


@pytest.fixture
def look(browser: Chrome) -> Iterator[Callable[..., None]]:
    """Look with a window of this size, in this scheme, without motion; afterwards as before."""

    def as_(size: tuple[int, int], scheme: str = "light") -> None:
        metrics = {"width": size[0], "height": size[1], "deviceScaleFactor": 1, "mobile": size != DESKTOP}
        browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
        features = {"prefers-color-scheme": scheme, "prefers-reduced-motion": "reduce"}
        values = [{"name": name, "value": value} for name, value in features.items()]
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": values})
        # both reach the page a moment later
        patiently(browser).until(lambda page: page.execute_script(LOOKS, size[0], scheme))

    yield as_
    as_(DESKTOP)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def sign_in(browser: Chrome, site: str, name: str) -> None:
    """Without the form, which is a page of its own."""
    browser.execute_cdp_cmd("Network.clearBrowserCookies", {})
    if name:
        client = Client()
        client.force_login(User.objects.get(username=name))
        cookie = {"name": settings.SESSION_COOKIE_NAME, "value": client.cookies[settings.SESSION_COOKIE_NAME].value}
        browser.execute_cdp_cmd("Network.setCookie", {**cookie, "url": site})


def faults(browser: Chrome, look: Callable[..., None], name: str, rules: dict[str, Any] = ALL) -> list[str]:
    """What is wrong with the page that is open."""
    found: list[str] = []
    browser.execute_script(AXE)
    for size in (PHONE, DESKTOP):
        for scheme, asked in (("light", rules), ("dark", COLOURS)):
            look(size, scheme)
            found += [f"{name} {size[0]} {scheme} {fault}" for fault in browser.execute_async_script(CHECK, asked)]
            found += [f"{name} {size[0]} too wide: {one}" for one in browser.execute_script(TOO_WIDE, size[0])]
    look(NARROWEST)
    found += [f"{name} 320 too wide: {one}" for one in browser.execute_script(TOO_WIDE, NARROWEST[0])]
    return found


def test_axe_finds_nothing_on_any_page(
    browser: Chrome, live_server: Any, owner: User, look: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    found: list[str] = []
    viewer = None
    for page in sorted(furnish(owner=owner), key=lambda page: page.viewer):
        if page.viewer != viewer:
            viewer = page.viewer
            sign_in(browser, live_server.url, viewer)
        look(DESKTOP)
        browser.get(f"{live_server.url}{page.path}")
        if page.is_open:
            browser.execute_script(OPEN)
        found += faults(browser, look, page.name)

    sign_in(browser, live_server.url, owner.username)
    browser.get(f"{live_server.url}/")
    browser.execute_script("document.querySelector('.site-header .menu').open = true")
    found += faults(browser, look, "menu")
    browser.get(f"{live_server.url}/")
    browser.find_element(By.CSS_SELECTOR, "[data-selecting]").send_keys(Keys.SPACE)
    found += faults(browser, look, "selecting")
    browser.get(f"{live_server.url}/")
    patiently(browser).until(lambda page: page.execute_script(OPEN_LIGHTBOX))
    found += faults(browser, look, "lightbox")

    monkeypatch.setattr("gallery.views.tags.render", _forbidden)
    monkeypatch.setattr("gallery.views.trash.render", _broken)
    for name, path, heading in (("403", "/tags/", "This is not for you"), ("500", "/trash/", "Something went wrong")):
        browser.get(f"{live_server.url}{path}")
        assert browser.find_element(By.TAG_NAME, "h1").text == heading
        found += faults(browser, look, name)
    assert not found, "\n".join(found)


def test_the_page_to_try_the_api_is_readable_and_leads_back(
    browser: Chrome, live_server: Any, look: Callable[..., None]
) -> None:
    def see(size: tuple[int, int], scheme: str = "light") -> None:
        look(size, scheme)
        is_dark = "return document.documentElement.classList.contains('dark-mode')"
        patiently(browser).until(lambda page: page.execute_script(is_dark) == (scheme == "dark"))

    look(DESKTOP, "dark")
    browser.get(f"{live_server.url}/api/v1/docs/#/albums/albums_update")
    patiently(browser, 60).until(lambda page: page.find_elements(By.CSS_SELECTOR, ".opblock.is-open .body-param"))
    assert (
        browser.execute_script("return getComputedStyle(document.documentElement).backgroundColor") == "rgb(18, 20, 23)"
    )
    found = faults(browser, see, "docs", TO_TRY_IT)
    assert not found, "\n".join(found)
    browser.find_element(By.LINK_TEXT, "Back to the gallery").click()
    patiently(browser).until(lambda page: page.current_url == f"{live_server.url}/")


def _forbidden(*_: object) -> None:
    raise PermissionDenied


def _broken(*_: object) -> None:
    raise ZeroDivisionError


def test_keyboards_see_where_they_are_and_skip_to_the_content(
    browser: Chrome, live_server: Any, owner: User, look: Callable[..., None]
) -> None:
    furnish(owner=owner)
    look(DESKTOP)
    sign_in(browser, live_server.url, owner.username)
    unseen: set[str] = set()
    for path in (
        "/",
        "/upload/",
        "/review/",
        f"/i/{Image.objects.earliest('pk').uuid}/",
        "/search/?q=a+photo",
        "/account/",
    ):
        browser.get(f"{live_server.url}{path}")
        for _ in range(60):
            ActionChains(browser).send_keys(Keys.TAB).perform()
            one = browser.execute_script(UNSEEN)
            if one is None:
                break
            unseen.add(one)
    assert unseen == {""}

    browser.get(f"{live_server.url}/")
    ActionChains(browser).send_keys(Keys.TAB).perform()
    assert browser.switch_to.active_element.text == "Skip to the content"
    ActionChains(browser).send_keys(Keys.ENTER).perform()
    patiently(browser).until(lambda page: page.switch_to.active_element.get_attribute("id") == "main")


def test_nothing_moves_for_whoever_wants_it_still(
    browser: Chrome, live_server: Any, owner: User, look: Callable[..., None]
) -> None:
    look(DESKTOP)
    sign_in(browser, live_server.url, owner.username)
    browser.get(f"{live_server.url}/")
    assert not browser.execute_script(MOVING)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    assert browser.execute_script(MOVING)


def test_letters_are_keys_until_one_says_otherwise(browser: Chrome, live_server: Any, owner: User) -> None:
    sign_in(browser, live_server.url, owner.username)
    browser.get(f"{live_server.url}/review/")
    ActionChains(browser).send_keys("e").perform()
    assert browser.switch_to.active_element.get_attribute("id") == "caption-text"
    browser.find_element(By.CSS_SELECTOR, "[data-letters]").click()

    browser.get(f"{live_server.url}/review/")  # it is remembered
    ActionChains(browser).send_keys("e").perform()
    assert browser.switch_to.active_element.get_attribute("id") != "caption-text"
    browser.get(f"{live_server.url}/account/")
    box = browser.find_element(By.CSS_SELECTOR, "[data-letters]")
    assert not box.is_selected()
    box.click()

    browser.get(f"{live_server.url}/review/")
    ActionChains(browser).send_keys("e").perform()
    assert browser.switch_to.active_element.get_attribute("id") == "caption-text"
