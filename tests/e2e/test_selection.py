"""Selecting many: a press, a range, tags, an album and its order, deleting, undoing that, and the trash."""

from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import patiently, says

pytestmark = [pytest.mark.browser, pytest.mark.models, pytest.mark.xdist_group("e2e")]

READY_SECONDS = 60


def cards(browser: Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, ".grid .card")


def pick(browser: Chrome, *numbers: int) -> None:
    """Begin to select, by keyboard, and press cards."""
    browser.find_element(By.CSS_SELECTOR, "[data-selecting]").send_keys(Keys.SPACE)
    for number in numbers:
        cards(browser)[number].click()


def fill(browser: Chrome, panel: str, field: str, text: str) -> None:
    """Open a panel of the bar, and type into it."""
    browser.find_element(By.XPATH, f"//form[@id='selection']//summary[contains(., '{panel}')]").click()
    browser.find_element(By.NAME, field).send_keys(text, Keys.ENTER)


def picked(browser: Chrome) -> list[int]:
    """Which of the cards are selected."""
    read = "return [...document.querySelectorAll('.pick input')].map((box) => box.checked)"
    return [number for number, is_picked in enumerate(browser.execute_script(read)) if is_picked]


def with_shift(browser: Chrome, *keys: str) -> None:
    ActionChains(browser).key_down(Keys.SHIFT).send_keys(*keys).key_up(Keys.SHIFT).perform()


def pick_by_keys_and_drags(browser: Chrome, site: str) -> None:
    ActionChains(browser).send_keys("s", Keys.SPACE).perform()
    assert picked(browser) == [0]
    with_shift(browser, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    assert picked(browser) == [0, 1, 2]
    with_shift(browser, Keys.ARROW_LEFT)
    assert picked(browser) == [0, 1]
    ActionChains(browser).send_keys(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT).perform()
    with_shift(browser, Keys.SPACE)
    assert picked(browser) == [0, 1, 2, 3]
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    patiently(browser).until(lambda page: not picked(page))

    first, second, third, fourth = cards(browser)
    ActionChains(browser).send_keys("s").click_and_hold(second).move_to_element(fourth).move_to_element(third).perform()
    ActionChains(browser).release().perform()
    assert picked(browser) == [1, 2]  # as far as it was dragged in the end
    ActionChains(browser).click_and_hold(first).move_to_element(second).move_to_element(first).release().perform()
    assert picked(browser) == [0, 1, 2]  # the press that ended it was none
    assert browser.current_url == f"{site}/"
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    patiently(browser).until(lambda page: not picked(page))


def delete_and_undo(browser: Chrome) -> None:
    pick(browser, 0)
    browser.find_element(By.CSS_SELECTOR, "[value=delete]").click()
    says(browser, "1 picture moved to the trash.")
    assert not cards(browser)
    browser.find_element(By.TAG_NAME, "body").send_keys("z")  # the Undo button beside it
    says(browser, "1 picture back from the trash.")
    assert len(cards(browser)) == 1


def delete_and_restore(browser: Chrome, site: str) -> None:
    pick(browser, 0)
    browser.find_element(By.CSS_SELECTOR, "[value=delete]").click()
    says(browser, "1 picture moved to the trash.")
    browser.get(f"{site}/trash/")
    assert not overflows(browser)
    cards(browser)[0].click()
    browser.find_element(By.CSS_SELECTOR, "[value=restore]").click()
    says(browser, "1 picture back in your library.")


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_select_many(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up(browser, site, "tidier")
    for number in range(4):
        PILImage.new("RGB", (64, 48), (60 * number, 90, 120)).save(tmp_path / f"{number}.png")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys("\n".join(str(tmp_path / f"{n}.png") for n in range(4)))
    patiently(browser, 20).until(lambda page: len(page.find_elements(By.CSS_SELECTOR, ".uploads .upload a")) == 4)
    browser.get(f"{site}/")
    patiently(browser, READY_SECONDS).until(lambda page: not page.find_elements(By.CSS_SELECTOR, "[data-working]"))
    bar = browser.find_element(By.ID, "selection")
    assert not bar.is_displayed()

    pick_by_keys_and_drags(browser, site)
    pick(browser, 0)
    ActionChains(browser).key_down(Keys.SHIFT).click(cards(browser)[2]).key_up(Keys.SHIFT).perform()
    assert "3 selected" in bar.text
    assert not overflows(browser)
    fill(browser, "Tag", "tags", "beach")
    says(browser, "3 pictures tagged: beach.")
    assert not browser.find_elements(By.CSS_SELECTOR, ".pick :checked")

    pick(browser, 1, 2)
    fill(browser, "Album", "title", "Iceland")
    says(browser, "2 pictures added to “Iceland”.")
    browser.find_element(By.LINK_TEXT, "Albums").click()
    browser.find_element(By.PARTIAL_LINK_TEXT, "Iceland").click()
    patiently(browser, 10).until(lambda page: len(cards(page)) == 2)
    album = browser.current_url
    first, second = (str(card.get_attribute("data-image")) for card in cards(browser))
    browser.get(f"{album}arrange/")
    places = [browser.find_element(By.ID, uuid) for uuid in (first, second)]
    ActionChains(browser).drag_and_drop(*places).perform()
    patiently(browser, 10).until(lambda page: "Moved." in page.page_source)
    browser.get(album)
    assert [card.get_attribute("data-image") for card in cards(browser)] == [second, first]

    pick(browser, 0)
    browser.find_element(By.CSS_SELECTOR, "[value=out]").click()
    says(browser, "1 picture taken out of “Iceland”.")
    assert len(cards(browser)) == 1

    delete_and_undo(browser)
    browser.get(f"{site}/search/?q=tag:beach")
    assert len(cards(browser)) == 3
    browser.get(album)
    delete_and_restore(browser, site)
    browser.get(f"{site}/search/?q=tag:beach")
    assert len(cards(browser)) == 3
