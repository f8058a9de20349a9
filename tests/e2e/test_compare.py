"""Another captioner is asked, and its words are compared with those that were there and chosen."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome, Keys
from selenium.webdriver.common.by import By

from bench.browser import PHONE
from tests.e2e.test_main_job import overflows, sign_up
from tests.e2e.waiting import WORK_SECONDS, patiently, settled

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.mark.parametrize("chrome", [PHONE], indirect=True, ids=["phone"])
def test_ask_another_captioner_compare_and_choose(browser: Chrome, site: str, sample_photos: dict[str, Path]) -> None:
    sign_up(browser, site, "dora")
    browser.get(f"{site}/upload/")
    browser.find_element(By.NAME, "pictures").send_keys(str(sample_photos["coffee.png"]))
    card = patiently(browser, WORK_SECONDS).until(
        lambda page: page.find_element(By.CSS_SELECTOR, ".upload[data-image]:not([data-working]) a")
    )
    browser.get(card.get_attribute("href"))
    settled(browser)
    before = browser.find_element(By.TAG_NAME, "h1").text
    ask = browser.find_element(By.XPATH, "//button[contains(., 'Describe again, by fake')]")
    ask.send_keys(Keys.ENTER)
    # the page renews itself, when the caption is there and again when that work is done; the history is open to compare
    use = "//details[@class='caption-history']//li[contains(., 'a mostly')]/button[contains(., 'Use this one')]"
    patiently(browser, WORK_SECONDS).until(lambda page: page.find_element(By.XPATH, use).is_displayed())
    settled(browser)
    assert browser.find_element(By.TAG_NAME, "h1").text == before
    assert not browser.find_elements(By.CSS_SELECTOR, ".being-described")
    assert not overflows(browser)
    browser.find_element(By.XPATH, use).send_keys(Keys.ENTER)
    patiently(browser).until(
        lambda page: "has that caption now" in page.find_element(By.CSS_SELECTOR, ".messages").text
    )
    settled(browser)
    assert "a mostly" in browser.find_element(By.TAG_NAME, "h1").text.lower()
