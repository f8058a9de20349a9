"""The order of an album: by dragging, by buttons and keys, with Undo, and without scripts."""

from pathlib import Path

import pytest
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.test_selection import cards, fill, pick, upload
from tests.e2e.waiting import patiently, says, scroll_to, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]


def order(browser: Chrome) -> list[str]:
    return [str(item.get_attribute("id")) for item in browser.find_elements(By.CSS_SELECTOR, ".arrange > li")]


def button(browser: Chrome, image: str, deed: str) -> WebElement:
    found = browser.find_element(By.ID, image).find_element(By.CSS_SELECTOR, f"[value={deed}]")
    scroll_to(browser, found)
    return found


def undo(browser: Chrome, sentence: str, expected: list[str]) -> None:
    """By its key, which needs no way to the button."""
    browser.find_element(By.TAG_NAME, "body").send_keys("z")
    says(browser, sentence)
    assert order(browser) == expected


def album_of_three(browser: Chrome, site: str, tmp_path: Path) -> str:
    upload(browser, site, tmp_path, 3)
    settled(browser)
    pick(browser, 0, 1, 2)
    fill(browser, "Album", "title", "Iceland")
    says(browser, "3 pictures added to “Iceland”.")
    browser.get(f"{site}/albums/")
    browser.find_element(By.PARTIAL_LINK_TEXT, "Iceland").click()
    patiently(browser).until(lambda page: len(cards(page)) == 3)
    return browser.current_url


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_arrange(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up(browser, site, "arranger")
    album = album_of_three(browser, site, tmp_path)
    browser.get(f"{album}arrange/")
    first, second, third = before = order(browser)
    assert not overflows(browser)

    button(browser, third, "first").send_keys(Keys.ENTER)
    says(browser, "“2.png” is number 1 of 3.")
    assert order(browser) == [third, first, second]
    undo(browser, "The picture is back in its place in “Iceland”.", before)

    places = [browser.find_element(By.ID, image) for image in (first, second)]
    ActionChains(browser).drag_and_drop(*places).perform()
    says(browser, "“0.png” is number 2 of 3.")
    assert order(browser) == [second, first, third]
    undo(browser, "back in its place", before)

    button(browser, second, "later").send_keys(Keys.ENTER)
    says(browser, "“1.png” is number 3 of 3.")
    assert browser.switch_to.active_element == button(browser, second, "later")
    button(browser, second, "earlier").send_keys(Keys.ENTER)
    says(browser, "“1.png” is number 2 of 3.")
    button(browser, second, "cover").click()
    says(browser, "“1.png” is the cover of “Iceland” now.")
    assert not button(browser, second, "cover").is_displayed()
    undo(browser, "The cover of “Iceland” is what it was.", before)
    assert button(browser, second, "cover").is_displayed()
    button(browser, first, "out").click()
    says(browser, "“0.png” is taken out of “Iceland”.")
    assert order(browser) == [second, third]
    undo(browser, "1 picture back in “Iceland”.", before)

    browser.get(f"{album}arrange/?after=1")  # the second page, were there more of them
    button(browser, second, "earlier").send_keys(Keys.ENTER)
    says(browser, "“1.png” is number 1 of 3.")
    assert order(browser) == [third]
    assert browser.switch_to.active_element == button(browser, third, "earlier")
    undo(browser, "back in its place", [second, third])

    browser.get(f"{album}arrange/")
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.refresh()
    assert order(browser) == before
    browser.find_element(By.ID, first).find_element(By.CSS_SELECTOR, "[value=last]").click()
    patiently(browser).until(lambda page: order(page) == [second, third, first])
    says(browser, "“0.png” is number 3 of 3.")
    browser.find_element(By.CSS_SELECTOR, ".message .undo button").click()
    patiently(browser).until(lambda page: order(page) == before)
