"""Cleaning up copies by keyboard and without JavaScript: look, tick, delete, keep."""

from pathlib import Path

import pytest
from PIL import Image as PILImage
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from bench.browser import PHONE
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import WORK_SECONDS, patiently, says, sent

pytestmark = [pytest.mark.browser, pytest.mark.models]


def groups(browser: Chrome) -> list[WebElement]:
    return browser.find_elements(By.CSS_SELECTOR, ".alike")


def press(browser: Chrome, button: WebElement, then: str) -> None:
    """Press a button by keyboard, and wait for what the next page says."""
    button.send_keys(Keys.ENTER)
    says(browser, then)


@pytest.mark.parametrize("chrome", [PHONE], indirect=True, ids=["phone"])
def test_clean_up_copies(browser: Chrome, site: str, sample_photos: dict[str, Path], tmp_path: Path) -> None:
    sign_up(browser, site, "tidy")
    browser.find_element(By.CSS_SELECTOR, ".menu summary").click()
    browser.find_element(By.LINK_TEXT, "Duplicates").click()
    says(browser, "No duplicates")

    photos = []
    for name in ("chelsea.png", "coffee.png"):
        copy = tmp_path / f"small {name}"
        with PILImage.open(sample_photos[name]) as picture:
            picture.resize((picture.width // 2, picture.height // 2)).save(copy)
        photos += [sample_photos[name], copy]
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys("\n".join(str(path) for path in photos))
    sent(browser, len(photos))
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    browser.get(f"{site}/duplicates/")
    patiently(browser, WORK_SECONDS).until(lambda page: len(groups(page)) == 2 or page.refresh())
    assert not overflows(browser)

    for group in groups(browser):
        best, copy = group.find_elements(By.CSS_SELECTOR, ".alike-pictures > li")
        assert "Suggested to keep" in best.text
        assert "small" not in best.text
        ticks = [each.find_element(By.NAME, "image") for each in (best, copy)]
        assert [tick.is_selected() for tick in ticks] == [False, True]
        assert "Delete small" in str(ticks[1].accessible_name)
    ticks[1].send_keys(Keys.SPACE)
    delete = groups(browser)[1].find_element(By.CSS_SELECTOR, ".danger")
    press(browser, delete, "Tick the pictures to delete first")
    press(browser, groups(browser)[1].find_element(By.CSS_SELECTOR, ".danger"), "1 picture moved to the trash")
    assert not overflows(browser)
    assert len(groups(browser)) == 1
    press(browser, groups(browser)[0].find_elements(By.CSS_SELECTOR, ".actions button")[1], "No duplicates")
    browser.get(f"{site}/")
    assert len(browser.find_elements(By.CSS_SELECTOR, ".grid .card")) == 3
