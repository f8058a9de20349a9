"""Selecting many: a press, a range, tags, an album and its order, deleting, undoing that, and the trash; in searches,
among favourites and what others show to everybody."""

from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import ActionChains, Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_in, sign_up
from tests.e2e.waiting import patiently, says, scroll_to, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]


def cards(browser: Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, ".grid .card")


def boxes(browser: Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, ".grid .pick input")


def pick(browser: Chrome, *numbers: int) -> None:
    """Begin to select, by keyboard, and press boxes."""
    browser.find_element(By.CSS_SELECTOR, "[data-selecting]").send_keys(Keys.SPACE)
    for number in numbers:
        box = boxes(browser)[number]
        scroll_to(browser, box)
        box.click()


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


def escape(browser: Chrome) -> None:
    """Nothing is selected any more, and a moment later, that is said."""
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    told = browser.find_element(By.CSS_SELECTOR, "[data-selection-count]")
    patiently(browser).until(lambda page: not picked(page) and not told.get_property("textContent"))


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
    escape(browser)

    first, second, third, fourth = cards(browser)
    ActionChains(browser).send_keys("s").click_and_hold(second).move_to_element(fourth).move_to_element(third).perform()
    ActionChains(browser).release().perform()
    assert picked(browser) == [1, 2]  # as far as it was dragged in the end
    ActionChains(browser).click_and_hold(first).move_to_element(second).move_to_element(first).release().perform()
    assert picked(browser) == [0, 1, 2]  # the press that ended it was none
    assert browser.current_url == f"{site}/"
    escape(browser)


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


def sign_up_with_four(browser: Chrome, site: str, name: str, tmp_path: Path) -> None:
    sign_up(browser, site, name)
    upload(browser, site, tmp_path, 4)


def upload(browser: Chrome, site: str, tmp_path: Path, number: int) -> None:
    """So many pictures, one after the other, and on to the library."""
    browser.get(f"{site}/upload/")
    for each in range(number):
        file = tmp_path / f"{each}.png"
        PILImage.new("RGB", (64, 48), (60 * each, 90, 120)).save(file)
        browser.find_element(By.NAME, "pictures").send_keys(str(file))
        sent(browser, each + 1)
    browser.get(f"{site}/")


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_select_many(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up_with_four(browser, site, "tidier", tmp_path)
    settled(browser)
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
    browser.get(f"{site}/albums/")
    browser.find_element(By.PARTIAL_LINK_TEXT, "Iceland").click()
    patiently(browser).until(lambda page: len(cards(page)) == 2)
    album = browser.current_url
    first, second = (str(card.get_attribute("data-image")) for card in cards(browser))
    browser.get(f"{album}arrange/")
    places = [browser.find_element(By.ID, uuid) for uuid in (first, second)]
    ActionChains(browser).drag_and_drop(*places).perform()
    says(browser, "is number 2 of 2.")
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


def press(browser: Chrome, deed: str, panel: str = "") -> None:
    """A button of the bar, be it in a panel."""
    if panel:
        browser.find_element(By.XPATH, f"//form[@id='selection']//summary[contains(., '{panel}')]").click()
    browser.find_element(By.CSS_SELECTOR, f"#selection [value={deed}]").click()


def undo(browser: Chrome, sentence: str) -> None:
    browser.find_element(By.TAG_NAME, "body").send_keys("z")
    says(browser, sentence)


def show_to(browser: Chrome, visibility: str) -> None:
    browser.find_element(By.XPATH, "//form[@id='selection']//summary[contains(., 'More')]").click()
    browser.find_element(By.CSS_SELECTOR, f"#selection-visibility [value={visibility}]").click()
    press(browser, "visibility")
    says(browser, "Who may see 2 pictures has changed.")


def test_select_what_is_found(browser: Chrome, site: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    of_width = request.node.callspec.id
    sign_up_with_four(browser, site, f"finder-{of_width}", tmp_path)
    found = f"{site}/search/?q=is:private"
    browser.get(found)
    # a box stays when the work on a picture gives it another card
    browser.execute_script("document.querySelector('.grid .pick input').click()")
    settled(browser)
    assert picked(browser) == [0]
    scroll_to(browser, boxes(browser)[2])
    ActionChains(browser).key_down(Keys.SHIFT).click(boxes(browser)[2]).key_up(Keys.SHIFT).perform()
    assert "3 selected" in browser.find_element(By.ID, "selection").text
    assert not overflows(browser)
    fill(browser, "Tag", "tags", "dusk")
    says(browser, "3 pictures tagged: dusk.")
    undo(browser, "The tags are off again: dusk.")

    pick(browser, 0, 1)
    fill(browser, "Album", "title", "Evening")
    says(browser, "2 pictures added to “Evening”.")
    pick(browser, 2)
    browser.find_element(By.XPATH, "//form[@id='selection']//summary[contains(., 'Album')]").click()
    patiently(browser).until(lambda page: page.find_element(By.XPATH, "//option[.='Evening']")).click()
    press(browser, "album")
    says(browser, "1 picture added to “Evening”.")
    pick(browser, 0, 1, 2)
    press(browser, "favourite")
    says(browser, "3 pictures among your favourites.")
    assert browser.current_url == found

    browser.get(f"{site}/search/?q=is:favourite")
    pick(browser, 0, 1)
    press(browser, "unfavourite")
    says(browser, "2 pictures no longer among your favourites.")
    assert len(cards(browser)) == 1
    undo(browser, "2 pictures among your favourites again.")
    assert len(cards(browser)) == 3

    pick(browser, 0, 1)
    show_to(browser, "public")
    browser.delete_all_cookies()
    sign_up(browser, site, f"onlooker-{of_width}")
    browser.get(f"{site}/public/")
    pick(browser, 0, 1)
    press(browser, "delete")
    says(browser, "Select some pictures of yours first.")
    press(browser, "favourite")
    says(browser, "2 pictures among your favourites.")
    browser.get(f"{site}/search/?q=is:favourite")
    assert len(cards(browser)) == 2

    browser.delete_all_cookies()  # other tests of this site search, too
    sign_in(browser, site, f"finder-{of_width}")
    browser.get(f"{site}/search/?q=is:public+by:me")
    pick(browser, 0, 1)
    show_to(browser, "private")
