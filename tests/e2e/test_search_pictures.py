"""Searching by pictures as a person does it: more like this, a picture of one's own, a part of a picture."""

import base64
import io
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import pytest
from PIL import Image as PILImage
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.test_main_job import addresses_of_hits, overflows, sign_up
from tests.e2e.waiting import patiently, scroll_to, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]

PHOTOS = ("chelsea.png", "coffee.png", "rocket.jpg")
# A file, as a drop or a paste brings it.
TRANSFER = """
    const [name, text] = arguments;
    const bytes = Uint8Array.from(atob(text), (char) => char.charCodeAt(0));
    const transfer = new DataTransfer();
    transfer.items.add(new File([bytes], name, { type: "image/png" }));
"""
DROP = """
    const event = new DragEvent("drop", { bubbles: true, cancelable: true, dataTransfer: transfer });
    document.querySelector(".search-box input").dispatchEvent(event);
"""
PASTE = """
    const event = new ClipboardEvent("paste", { bubbles: true, cancelable: true, clipboardData: transfer });
    document.querySelector(".search-box input").dispatchEvent(event);
"""


def go(browser: Chrome, act: Callable[[], object]) -> None:
    """Do what leads to another page, and wait until it is there."""
    old = browser.find_element(By.TAG_NAME, "html")
    act()
    patiently(browser).until(lambda page: page.find_element(By.TAG_NAME, "html") != old)
    patiently(browser).until(lambda page: page.execute_script("return document.readyState") == "complete")


def press(browser: Chrome, element: WebElement) -> None:
    """Click on what leads to another page; on a phone it may lie under the bar at the bottom, until one scrolls."""
    scroll_to(browser, element)
    go(browser, element.click)


@dataclass(frozen=True)
class Library:
    """The addresses of photos, ready to be found, by their file names; and the cookie of the session of their owner."""

    addresses: dict[str, str]
    session: str


@pytest.fixture(scope="session")
def uploaded(chrome: Chrome, site: str, sample_photos: dict[str, Path]) -> Library:
    """Three photos of somebody, which no test here changes."""
    sign_up(chrome, site, f"mary-{uuid4().hex[:8]}")
    chrome.get(f"{site}/upload/")
    paths = "\n".join(str(sample_photos[name]) for name in PHOTOS)
    chrome.find_element(By.NAME, "pictures").send_keys(paths)
    sent(chrome, len(PHOTOS))
    rows = chrome.find_elements(By.CSS_SELECTOR, ".uploads .upload")
    found = {
        row.find_element(By.CSS_SELECTOR, ".upload-name").text: str(
            row.find_element(By.CSS_SELECTOR, "a").get_attribute("href")
        )
        for row in rows
    }
    for address in found.values():
        chrome.get(address)
        settled(chrome)
    cookie = chrome.get_cookie("sessionid")
    assert cookie
    return Library(found, str(cookie["value"]))


@pytest.fixture
def library(browser: Chrome, site: str, uploaded: Library) -> dict[str, str]:
    """The addresses of three photos of somebody who is signed in, by their file names."""
    cookie = {"name": "sessionid", "value": uploaded.session, "url": site}
    browser.execute_cdp_cmd("Network.setCookie", cookie)
    return uploaded.addresses


def test_more_like_this_and_like_another(browser: Chrome, site: str, library: dict[str, str]) -> None:
    browser.get(library["chelsea.png"])
    press(browser, browser.find_element(By.LINK_TEXT, "More like this"))
    assert addresses_of_hits(browser)[0] == library["chelsea.png"]
    assert "like chelsea.png" in browser.find_element(By.CSS_SELECTOR, ".search-summary").text
    assert browser.find_element(By.ID, "id_q").get_attribute("value") == ""
    assert not overflows(browser)

    press(browser, browser.find_elements(By.CSS_SELECTOR, ".more-like")[0])
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chip.pictured img")) == 2
    assert not overflows(browser)

    # Words are added in the box; the pictures stay.
    browser.find_element(By.ID, "id_q").send_keys("coffee")
    go(browser, browser.find_element(By.ID, "id_q").submit)
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chip.pictured")) == 2
    press(browser, browser.find_elements(By.CSS_SELECTOR, ".chip.pictured")[0])
    assert len(browser.find_elements(By.CSS_SELECTOR, ".chip.pictured")) == 1
    assert browser.find_element(By.ID, "id_q").get_attribute("value") == "coffee"


@pytest.mark.parametrize("way", ["choose", "drop", "paste"])
def test_a_picture_of_ones_own(
    browser: Chrome, site: str, library: dict[str, str], sample_photos: dict[str, Path], way: str
) -> None:
    browser.get(f"{site}/search/")
    path = sample_photos["coffee.png"]
    if way == "choose":
        go(browser, lambda: browser.find_element(By.NAME, "picture").send_keys(str(path)))
    else:
        script = TRANSFER + (DROP if way == "drop" else PASTE)
        text = small_png(path)
        go(browser, lambda: browser.execute_script(script, path.name, text))
    assert addresses_of_hits(browser)[0] == library["coffee.png"]
    assert "like coffee.png" in browser.find_element(By.CSS_SELECTOR, ".search-summary").text
    assert browser.current_url == f"{site}/search/"
    assert not overflows(browser)

    # Words can be added to it, although it was not kept.
    browser.find_element(By.ID, "id_q").send_keys("a rocket^5")
    press(browser, browser.find_element(By.CSS_SELECTOR, ".search-form .primary"))
    assert "“a rocket^5” like coffee.png" in browser.find_element(By.CSS_SELECTOR, ".search-summary").text
    assert len(addresses_of_hits(browser)) == len(PHOTOS)
    press(browser, browser.find_element(By.CSS_SELECTOR, ".chip[data-sent]"))
    assert not browser.find_elements(By.CSS_SELECTOR, "[data-sent]")
    assert browser.find_element(By.ID, "id_q").get_attribute("value") == "a rocket^5"


def small_png(path: Path) -> str:
    """A photo at the size of a screenshot's detail, in base64."""
    buffer = io.BytesIO()
    picture = PILImage.open(path).convert("RGB")
    picture.thumbnail((256, 256))
    picture.save(buffer, "PNG")
    return base64.b64encode(buffer.getvalue()).decode()


@pytest.mark.parametrize("by", ["pointer", "keys"])
def test_a_part_of_a_picture(browser: Chrome, library: dict[str, str], by: str) -> None:
    browser.get(library["chelsea.png"])
    opener = browser.find_element(By.CSS_SELECTOR, "[data-region-open]")
    scroll_to(browser, opener)
    opener.click()
    box = browser.find_element(By.CSS_SELECTOR, "[data-region-box]")
    layer = browser.find_element(By.CSS_SELECTOR, "[data-region]")
    assert browser.switch_to.active_element == box
    before = box.rect
    if by == "pointer":
        width, height = layer.rect["width"], layer.rect["height"]
        actions = ActionChains(browser, duration=50)
        actions.move_to_element_with_offset(layer, int(-0.45 * width), int(-0.45 * height)).click_and_hold()
        actions.move_to_element_with_offset(layer, int(0.1 * width), int(0.2 * height)).release().perform()
        assert box.rect["width"] == pytest.approx(0.55 * width, abs=6)
        assert box.rect["height"] == pytest.approx(0.65 * height, abs=6)
        press(browser, browser.find_element(By.CSS_SELECTOR, ".region-bar .primary"))
    else:
        box.send_keys(Keys.ARROW_LEFT, Keys.ARROW_UP)
        assert box.rect["x"] < before["x"]
        assert box.rect["y"] < before["y"]
        ActionChains(browser).key_down(Keys.SHIFT).send_keys(Keys.ARROW_RIGHT).key_up(Keys.SHIFT).perform()
        assert box.rect["width"] > before["width"]
        assert "wide" in str(browser.find_element(By.CSS_SELECTOR, "[data-region-status]").get_attribute("textContent"))
        box.send_keys(Keys.ESCAPE)
        assert not layer.is_displayed()
        assert browser.current_url == library["chelsea.png"], "Escape led back to the library"
        opener.click()
        go(browser, lambda: box.send_keys(Keys.ENTER))
    assert "/search/?of=" in browser.current_url
    assert "box=0." in browser.current_url
    assert "like a part of chelsea.png" in browser.find_element(By.CSS_SELECTOR, ".search-summary").text
    assert addresses_of_hits(browser)[0] == library["chelsea.png"]
    assert browser.find_element(By.CSS_SELECTOR, ".chip.pictured img").size["width"] > 0
    assert not overflows(browser)
