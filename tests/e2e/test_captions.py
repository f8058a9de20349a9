"""Captions as their owner has the last word on them: written in place, and checked by keyboard."""

from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome, Keys
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import patiently, says, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]


def type_keys(browser: Chrome, keys: str, then: str) -> None:
    """Press keys wherever the focus is, and wait for what the page then says."""
    ActionChains(browser).send_keys(keys).perform()
    says(browser, then)


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_write_and_check_captions(browser: Chrome, site: str, sample_photos: dict[str, Path]) -> None:
    sign_up(browser, site, "carla")
    browser.get(f"{site}/upload/")
    photos = [sample_photos[name] for name in ("chelsea.png", "coffee.png", "rocket.jpg")]
    browser.find_element(By.NAME, "pictures").send_keys("\n".join(map(str, photos)))
    sent(browser, len(photos))
    settled(browser)

    browser.get(f"{site}/review/")
    type_keys(browser, Keys.ENTER, "2 of 3")
    first = browser.find_element(By.CSS_SELECTOR, ".undo .note").text
    assert first.startswith("Approved")
    type_keys(browser, "z", "The caption is as it was")
    assert browser.find_element(By.CSS_SELECTOR, ".review-progress").text == "1 of 3"
    type_keys(browser, "x", "2 of 3")
    ActionChains(browser).send_keys("e").perform()
    field = browser.find_element(By.CSS_SELECTOR, ".review textarea")
    assert browser.switch_to.active_element == field
    field.send_keys(Keys.CONTROL + "a")
    type_keys(browser, f"x marks the spot{Keys.ENTER}", "3 of 3")
    type_keys(browser, "s", "That was the last one")
    type_keys(browser, "z", "3 of 3")
    type_keys(browser, "s", "That was the last one")
    assert not overflows(browser)

    browser.get(f"{site}/search/?q=%22marks+the+spot%22")
    browser.get(str(browser.find_element(By.CSS_SELECTOR, ".card > a").get_attribute("href")))
    settled(browser)  # its text is read later than the rest is done
    browser.find_element(By.CSS_SELECTOR, ".caption-edit summary").send_keys(Keys.ENTER)
    patiently(browser).until(lambda page: page.switch_to.active_element.tag_name == "textarea")
    ActionChains(browser).send_keys(f", with <b>{Keys.ENTER}").perform()
    patiently(browser).until(lambda page: "saved" in page.find_element(By.CSS_SELECTOR, ".messages").text)
    settled(browser)
    assert browser.find_element(By.TAG_NAME, "h1").text == "x marks the spot, with <b>"
    history = browser.find_element(By.CSS_SELECTOR, ".caption-history summary")
    assert history.text == "What was said of it (3)"
    assert not overflows(browser)
    browser.find_element(By.CSS_SELECTOR, ".messages .undo button").click()
    says(browser, "The caption is as it was: “x marks the spot”.")
    assert browser.find_element(By.TAG_NAME, "h1").text == "x marks the spot"
