"""Captions leave as a table, are corrected elsewhere, and come back."""

import csv
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import says, scroll_to, sent, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]

FETCH = "fetch('/captions/export/?format=csv').then(answer => answer.text()).then(arguments[0])"


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_captions_go_out_and_come_back(
    browser: Chrome, site: str, sample_photos: dict[str, Path], tmp_path: Path
) -> None:
    sign_up(browser, site, "tabea")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(sample_photos["chelsea.png"]))
    sent(browser, 1)
    settled(browser)
    picture = str(browser.find_element(By.CSS_SELECTOR, ".upload[data-image] a").get_attribute("href"))

    browser.get(f"{site}/review/")
    (row,) = csv.DictReader(str(browser.execute_async_script(FETCH)).splitlines())
    table = tmp_path / "captions.csv"
    with table.open("w", encoding="utf-8-sig", newline="") as file:
        corrected = csv.DictWriter(file, row)
        corrected.writeheader()
        corrected.writerow(row | {"caption": "Chelsea, asleep"})
    summary = browser.find_element(By.CSS_SELECTOR, ".caption-import summary")
    scroll_to(browser, summary)
    summary.click()
    browser.find_element(By.NAME, "table").send_keys(str(table))
    assert not overflows(browser)
    browser.find_element(By.CSS_SELECTOR, ".caption-import button").send_keys(Keys.ENTER)
    says(browser, "1 caption was written")
    assert not overflows(browser)

    browser.find_element(By.NAME, "table").send_keys(str(table))
    browser.find_element(By.CSS_SELECTOR, ".panel button").send_keys(Keys.ENTER)
    says(browser, "1 was there already.")
    browser.get(picture)
    settled(browser)
    assert browser.find_element(By.TAG_NAME, "h1").text == "Chelsea, asleep"
