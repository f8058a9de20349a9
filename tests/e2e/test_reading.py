"""Text in a picture as a person meets it: it turns up by itself, is selected where it stands, and copied."""

from pathlib import Path

import pytest
from PIL import Image as PILImage
from PIL import ImageDraw, ImageFont
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.test_main_job import overflows, search, sign_up
from tests.e2e.waiting import patiently, scroll_to, sent, settled

pytest.importorskip("rapidocr")
pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.fixture
def sign(tmp_path: Path) -> Path:
    """A picture of 800 x 600 pixels with two lines."""
    picture = PILImage.new("RGB", (800, 600), "white")
    pen, font = ImageDraw.Draw(picture), ImageFont.load_default(60)
    pen.text((60, 80), "GRAND HOTEL", "black", font)
    pen.text((60, 380), "OPEN UNTIL NINE", "black", font)
    picture.save(tmp_path / "sign.png")
    return tmp_path / "sign.png"


def corners(element: WebElement) -> list[int]:
    box = element.rect
    return [round(each) for each in (box["x"], box["y"], box["x"] + box["width"], box["y"] + box["height"])]


def test_text_is_selected_on_the_picture_copied_beside_it_and_found(
    browser: Chrome, site: str, sign: Path, request: pytest.FixtureRequest
) -> None:
    allowed = {"permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"]}
    browser.execute_cdp_cmd("Browser.grantPermissions", allowed)
    sign_up(browser, site, f"ann-{request.node.callspec.id}")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(sign))
    sent(browser, 1)
    address = str(browser.find_element(By.CSS_SELECTOR, ".uploads a").get_attribute("href"))
    browser.get(address)

    # While one looks, letters come to lie over the picture.
    settled(browser)
    layer = browser.find_element(By.CSS_SELECTOR, ".text-layer")
    assert corners(layer) == corners(browser.find_element(By.CSS_SELECTOR, ".stage img"))
    first, last = layer.find_elements(By.TAG_NAME, "text")
    drag = ActionChains(browser)
    drag.move_to_element_with_offset(first, 4 - int(first.rect["width"] / 2), 0).click_and_hold()
    drag.move_to_element_with_offset(last, int(last.rect["width"] / 2) - 4, 0).release().perform()
    assert browser.execute_script("return getSelection().toString()") == "GRAND HOTEL\nOPEN UNTIL NINE"

    copy = browser.find_element(By.CSS_SELECTOR, "[data-live=text] [data-copy-button]")
    scroll_to(browser, copy)
    copy.click()
    status = browser.find_element(By.CSS_SELECTOR, "[data-live=text] [role=status]")
    patiently(browser).until(lambda _: status.get_property("textContent") == "Text copied")
    assert browser.execute_script("return navigator.clipboard.readText()") == "GRAND HOTEL\nOPEN UNTIL NINE"
    assert not overflows(browser)

    # The box that is drawn to search by a part of it lies above the letters.
    opener = browser.find_element(By.CSS_SELECTOR, "[data-region-open]")
    scroll_to(browser, opener)
    opener.click()
    assert browser.execute_script(
        "const box = arguments[0].getBoundingClientRect();"
        "return document.elementFromPoint(box.x + 5, box.y + 5).closest('[data-region]') !== null",
        first,
    )
    assert search(browser, site, "grand hotel")[0].partition("?")[0] == address
