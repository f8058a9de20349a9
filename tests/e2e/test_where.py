"""Seeing why a picture was found, and where its caption's words are, as a person does it."""

from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import patiently, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]

# How dark a veil is in each corner and in the middle, 0 to 255.
VEIL = """
    const [canvas] = arguments;
    const pixel = (x, y) => canvas.getContext("2d").getImageData(x * (canvas.width - 1), y * (canvas.height - 1), 1, 1);
    return [[0, 0], [1, 0], [0, 1], [1, 1], [0.5, 0.5]].map(([x, y]) => pixel(x, y).data[3]);
"""


def press(browser: Chrome, selector: str) -> WebElement:
    """Press a button by keyboard, and wait until it says that it is, or is no longer, pressed."""
    button = patiently(browser).until(lambda page: page.find_element(By.CSS_SELECTOR, selector))
    before = button.get_attribute("aria-pressed")
    button.send_keys(Keys.ENTER)
    patiently(browser).until(lambda page: button.get_attribute("aria-pressed") != before and button.is_enabled())
    return button


def veil(browser: Chrome) -> list[int]:
    canvas = patiently(browser).until(lambda page: page.find_element(By.CSS_SELECTOR, ".heat:not([hidden])"))
    levels: list[int] = browser.execute_script(VEIL, canvas)
    return levels


def test_where_a_hit_and_the_words_of_its_caption_are(
    browser: Chrome, site: str, sample_photos: dict[str, Path], request: pytest.FixtureRequest
) -> None:
    sign_up(browser, site, f"mina-{abs(hash(request.node.nodeid)) % 10**8}")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(sample_photos["chelsea.png"]))
    sent(browser, 1)
    browser.get(str(browser.find_element(By.CSS_SELECTOR, ".uploads a").get_attribute("href")))
    settled(browser)

    browser.get(f"{site}/search/?q=a+cat")
    button = press(browser, "[data-where]")
    assert len(set(veil(browser))) > 1
    picture = browser.find_element(By.CSS_SELECTOR, ".card img")
    assert browser.find_element(By.CSS_SELECTOR, ".heat").rect == pytest.approx(picture.rect, abs=1)
    said = browser.find_element(By.CSS_SELECTOR, "[data-where-status]").get_attribute("textContent")
    assert said == "Shown: where it is like “a cat”"
    assert browser.switch_to.active_element == button
    press(browser, "[data-where]")
    assert not browser.find_elements(By.CSS_SELECTOR, ".heat")

    browser.get(str(browser.find_element(By.CSS_SELECTOR, ".card > a").get_attribute("href")))
    heading = patiently(browser).until(lambda page: page.find_element(By.CSS_SELECTOR, "h1.description"))
    sentence = heading.text
    press(browser, "[data-looks]")
    assert heading.text == sentence
    word = browser.find_elements(By.CSS_SELECTOR, ".word")[-1]
    word.click()  # or a tap
    assert len(set(veil(browser))) > 1
    ActionChains(browser).move_to_element(browser.find_element(By.CSS_SELECTOR, ".details h2")).perform()
    press(browser, "[data-looks]")
    assert not browser.find_elements(By.CSS_SELECTOR, ".word, .heat:not([hidden])")
    press(browser, ".looks [data-where]")
    assert len(set(veil(browser))) > 1
    assert not overflows(browser)
