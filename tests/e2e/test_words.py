"""Choosing a language: the pages, their scripts and what the server refuses speak it."""

from pathlib import Path

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from bench.browser import DESKTOP
from tests.e2e.test_main_job import sign_up
from tests.e2e.waiting import patiently

pytestmark = [pytest.mark.browser, pytest.mark.models]


@pytest.mark.parametrize("chrome", [DESKTOP], indirect=True, ids=["desktop"])
def test_german_is_one_press_away(browser: Chrome, site: str, tmp_path: Path) -> None:
    sign_up(browser, site, "greta")
    browser.get(f"{site}/upload/")
    browser.find_element(By.CSS_SELECTOR, ".site-footer [lang=de]").click()
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, "html[lang=de]"))
    assert browser.current_url == f"{site}/upload/"
    assert "Bilder wählen" in browser.find_element(By.TAG_NAME, "main").text

    notes = tmp_path / "notes.jpg"
    notes.write_text("Buy milk.", encoding="utf-8")
    browser.find_element(By.NAME, "pictures").send_keys(str(notes))
    summary = browser.find_element(By.CSS_SELECTOR, "[data-upload-summary]")
    patiently(browser).until(lambda _: summary.text == "Fertig, 1 abgelehnt")
    row = browser.find_element(By.CSS_SELECTOR, "[data-upload-list] .upload")
    assert "kein Bild, das wir kennen" in row.text

    browser.find_element(By.CSS_SELECTOR, ".site-footer [lang=en]").click()
    patiently(browser).until(lambda page: page.find_elements(By.CSS_SELECTOR, "html[lang=en]"))
