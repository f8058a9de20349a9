"""An animation that starts by itself can be held still (WCAG 2.2.2), and is for whoever wants little motion."""

import io
from collections.abc import Iterator
from typing import Any

import pytest
from django.core.files.base import ContentFile
from django.urls import reverse
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from gallery import services
from gallery.albums import album_add, album_create
from gallery.links import link_create
from gallery.models import Image, Stage, User
from tests.e2e.test_accessibility import sign_in
from tests.e2e.waiting import patiently

pytestmark = [pytest.mark.browser, pytest.mark.django_db(transaction=True)]

# What one sees of a stage: "moves", or the colour in the middle of what is drawn over all of the picture.
SEEN = """
const stage = document.querySelector(arguments[0]);
const [picture, frame] = [stage.querySelector("img"), stage.querySelector("canvas")];
const isShown = (one) => one.checkVisibility({ visibilityProperty: true });
if (!frame) return isShown(picture) && picture.complete && picture.currentSrc.includes("preview") ? "moves" : "";
if (isShown(picture) || !isShown(frame) || frame.getAttribute("aria-label") !== picture.alt) return "";
const [r, g, b] = frame.getContext("2d").getImageData(frame.width / 2, frame.height / 2, 1, 1).data;
return r > 150 && b < 100 ? "red" : b > 150 && r < 100 ? "blue" : `${r},${g},${b}`;
"""
# As live.js does when the work on it is done.
RENEW = """
return (async () => {
    const page = await (await fetch(location.href)).text();
    const fresh = new DOMParser().parseFromString(page, "text/html").querySelector(".stage");
    document.querySelector(".stage").replaceChildren(...fresh.childNodes);
})();
"""
LITTLE_MOTION = {"features": [{"name": "prefers-reduced-motion", "value": "reduce"}]}


@pytest.fixture
def animation() -> Image:
    """Red first, and then blue for a long time; all work on it is done, so that no page renews it by itself."""
    owner = User.objects.create_superuser("ada", password="analytical engine")
    frames = [PILImage.new("RGB", (480, 320), color) for color in ("red", "blue")]
    buffer = io.BytesIO()
    frames[0].save(buffer, "GIF", save_all=True, append_images=frames[1:], duration=[100, 60_000], loop=0)
    image = services.image_create(owner=owner, file=ContentFile(buffer.getvalue(), "a.gif"), file_name="a.gif").image
    services.renditions_create(image=image, picture=frames[0])
    Stage.objects.update(state=Stage.State.DONE)
    return image


@pytest.fixture
def little_motion(browser: Chrome) -> Iterator[None]:
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", LITTLE_MOTION)
    yield
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})


def sees(browser: Chrome, what: str, stage: str = ".stage") -> None:
    patiently(browser).until(lambda page: page.execute_script(SEEN, stage) == what)


def press(browser: Chrome, stage: str = ".stage") -> str:
    """Presses the button; what it says of itself then."""
    button = browser.find_element(By.CSS_SELECTOR, f"{stage} [data-do=still]")
    button.click()
    return str(button.get_attribute("aria-pressed"))


def addresses(site: str, image: Image) -> list[str]:
    """Its own page, and the one by the link to an album."""
    album = album_create(owner=image.owner, title="Moving")
    album_add(album=album, images=Image.objects.all(), by=image.owner)
    link = link_create(album=album, by=image.owner)
    return [site + image.get_absolute_url(), site + reverse("link-image", args=[link.key, image.uuid])]


def test_an_animation_is_held_and_goes_on(browser: Chrome, live_server: Any, animation: Image) -> None:
    sign_in(browser, live_server.url, "ada")
    for address in addresses(live_server.url, animation):
        browser.get(address)
        sees(browser, "moves")
        assert press(browser) == "true"
        sees(browser, "red")
        assert press(browser) == "false"
        sees(browser, "moves")


def test_it_stays_held_when_the_page_renews_it(browser: Chrome, live_server: Any, animation: Image) -> None:
    sign_in(browser, live_server.url, "ada")
    browser.get(live_server.url + animation.get_absolute_url())
    sees(browser, "moves")
    press(browser)
    browser.execute_script(RENEW)
    sees(browser, "red")
    assert press(browser) == "false"


@pytest.mark.usefixtures("little_motion")
def test_it_goes_on_moving_when_the_page_renews_it(browser: Chrome, live_server: Any, animation: Image) -> None:
    sign_in(browser, live_server.url, "ada")
    browser.get(live_server.url + animation.get_absolute_url())
    sees(browser, "red")
    press(browser)
    browser.execute_script(RENEW)
    sees(browser, "moves")
    assert press(browser) == "true"


@pytest.mark.usefixtures("little_motion")
def test_little_motion_holds_it_from_the_beginning(browser: Chrome, live_server: Any, animation: Image) -> None:
    sign_in(browser, live_server.url, "ada")
    for address in addresses(live_server.url, animation):
        browser.get(address)
        sees(browser, "red")
        assert browser.find_element(By.CSS_SELECTOR, ".stage [data-do=still]").get_attribute("aria-pressed") == "true"
        assert press(browser) == "false"
        sees(browser, "moves")


def test_without_scripts_there_is_the_picture_and_no_button(
    browser: Chrome, live_server: Any, animation: Image
) -> None:
    sign_in(browser, live_server.url, "ada")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(live_server.url + animation.get_absolute_url())
    assert browser.find_element(By.CSS_SELECTOR, ".stage img").is_displayed()
    assert not browser.find_element(By.CSS_SELECTOR, ".stage [data-do=still]").is_displayed()


def test_a_picture_that_does_not_move_has_no_button(browser: Chrome, live_server: Any, animation: Image) -> None:
    Image.objects.update(frames=1)
    sign_in(browser, live_server.url, "ada")
    browser.get(live_server.url + animation.get_absolute_url())
    sees(browser, "moves")  # as far as anybody can tell
    assert not browser.find_elements(By.CSS_SELECTOR, ".stage [data-do=still]")


def test_the_lightbox_has_the_same(browser: Chrome, live_server: Any, animation: Image) -> None:
    sign_in(browser, live_server.url, "ada")
    browser.get(f"{live_server.url}/")
    browser.find_element(By.CSS_SELECTOR, "a[data-preview]").click()
    sees(browser, "moves", "[data-stage]")
    for pressed, seen in (("true", "red"), ("false", "moves")):
        assert press(browser, "[data-lightbox]") == pressed
        sees(browser, seen, "[data-stage]")
